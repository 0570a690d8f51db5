#!/usr/bin/env python3
"""Decides a recorded gate decision again with regopy (rego-cpp), an engine that is not ours.

    policy.py CASE              0: same allow and deny; 1: not the same; 3: can't be decided again
    policy.py --corpus FOLDER   every case in it, and that an edited copy of each is rejected

A case is a folder with bundle/ (the policy's files), data.json, input.json and result.json (the
decision as it was recorded). Needs: pip install regopy==1.5.2
"""

import hashlib
import json
import pathlib
import shutil
import sys
import tempfile

import regopy

SAME, DIFFERS, USAGE, NOT_CHECKED = 0, 1, 2, 3
# Closed before, or without, an answer of the policy: there is nothing that an engine could repeat.
UNASKED = {"oversize", "input", "data", "timed_out", "panicked", "failed"}


class Differs(Exception):
    """The record is not what this engine comes to."""


class NotChecked(Exception):
    """The record can't be decided again."""


def strict(text, what):
    """Parses JSON in which no key stands twice, so that all readers read the same."""

    def pairs(fields):
        keys = [key for key, _ in fields]
        if len(keys) != len(set(keys)):
            raise Differs(f"{what}: a key stands twice in {keys}")
        return dict(fields)

    return json.loads(text, object_pairs_hook=pairs)


def bundle_digest(files):
    digest = hashlib.sha256(b"sluss.policy.bundle.v1\0")
    for path in sorted(files, key=str.encode):
        for part in (path.encode(), files[path]):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def read(folder):
    inside = folder / "bundle"
    paths = (path for path in inside.rglob("*") if path.is_file())
    files = {path.relative_to(inside).as_posix(): path.read_bytes() for path in paths}
    return files, (folder / "data.json").read_bytes(), (folder / "input.json").read_bytes()


def same(what, recorded, here):
    if recorded != here:
        raise Differs(f"{what}: recorded {recorded}, here {here}")


def ask(engine, name):
    """The value of an output, or None where it is undefined.

    The comprehension tells false from undefined: a bare query of false has no result.
    """
    output = engine.query(f"[x | x := data.sluss.gate.{name}]")
    if not output.ok():
        raise Differs(f"{name}: {output}")
    rows = json.loads(str(output))["expressions"][0]
    return rows[0] if rows else None


def denial(row):
    if isinstance(row, str):
        return {"rule": "legacy", "controls": [], "msg": row, "evidence": []}
    return row


def in_order(denials):
    return sorted(denials, key=lambda row: json.dumps(row, sort_keys=True))


def verify(folder):
    files, data, given = read(folder)
    result = strict((folder / "result.json").read_text(), "result.json")
    same("bundle_sha256", result["bundle_sha256"], bundle_digest(files))
    same("data_sha256", result["data_sha256"], hashlib.sha256(data).hexdigest())
    same("input_sha256", result["input_sha256"], hashlib.sha256(given).hexdigest())
    same("input_size", result["input_size"], len(given))
    because = result["closed_because"]
    if because is not None and because["kind"] in UNASKED:
        raise NotChecked(f"closed without an answer of the policy: {because['kind']}")

    engine = regopy.Interpreter()
    engine.strict_built_in_errors = True
    for path, text in sorted(files.items()):
        if path.endswith(".rego") and not path.endswith("_test.rego"):
            engine.add_module(path, text.decode())
    own = strict(files.get("data.json", b"{}"), "bundle/data.json")
    more = strict(data, "data.json")
    if own.keys() & more.keys():
        raise Differs(f"data.json and the bundle's own both have {own.keys() & more.keys()}")
    engine.add_data(own | more)
    engine.set_input(regopy.Input(strict(given, "input.json")))

    allow = ask(engine, "allow") is True
    denials = ask(engine, "deny") or []
    same("allow", result["allow"], allow)
    same("deny", in_order(result["deny"]), in_order([denial(row) for row in denials]))
    opens = allow and not denials and ask(engine, "evidence_complete") is True
    if opens and because is not None and because["kind"] not in ("shape", "unknown_obligation"):
        raise Differs(f"closed_because: recorded {because}, here it opens")
    if not opens and because is None:
        raise Differs("closed_because: recorded as open, here it is closed")
    return f"allow={allow} deny={len(denials)}"


def checked(folder):
    try:
        return SAME, verify(folder)
    except Differs as problem:
        return DIFFERS, str(problem)
    except NotChecked as problem:
        return NOT_CHECKED, str(problem)
    except (OSError, ValueError, KeyError, TypeError, regopy.RegoError) as problem:
        return DIFFERS, f"{type(problem).__name__}: {problem}"


def edits():
    """Ways to edit a case; the later ones keep every digest right, so that only the engine can tell."""

    def result(change):
        def edit(folder):
            path = folder / "result.json"
            record = json.loads(path.read_text())
            change(record)
            path.write_text(json.dumps(record))

        return edit

    def flip(record):
        record["allow"] = not record["allow"]

    def reason(record):
        record["deny"] = record["deny"][1:] if record["deny"] else [denial("made up")]

    def opened(record):
        record["closed_because"] = {"kind": "not_allowed"} if record["closed_because"] is None else None

    def one_byte(name):
        def edit(folder):
            path = next(folder.glob(name))
            path.write_bytes(path.read_bytes() + b" ")

        return edit

    def emptied(folder):
        path = folder / "input.json"
        given = json.loads(path.read_bytes())
        given["freeze"]["allowed"] = not given["freeze"]["allowed"]
        given["sbom"]["present"] = not given["sbom"]["present"]
        text = json.dumps(given).encode()
        path.write_bytes(text)
        record = json.loads((folder / "result.json").read_text())
        record["input_sha256"] = hashlib.sha256(text).hexdigest()
        record["input_size"] = len(text)
        (folder / "result.json").write_text(json.dumps(record))

    yield "a flipped allow", result(flip)
    yield "another deny", result(reason)
    yield "another end", result(opened)
    yield "a byte more in the input", one_byte("input.json")
    yield "a byte more in the data", one_byte("data.json")
    yield "a byte more in the policy", one_byte("bundle/*.rego")
    yield "another input with its digest", emptied


def corpus(folder):
    cases = sorted(path.parent for path in folder.glob("*/result.json"))
    if not cases:
        print(f"{folder}: no cases; write them with `cargo run -p sluss-policy --example corpus`")
        return USAGE
    bad = 0
    rejected = 0
    for case in cases:
        code, said = checked(case)
        bad += code != SAME
        print(f"{'same' if code == SAME else 'DIFFERS'} {case.name}: {said}")
        for name, edit in edits():
            with tempfile.TemporaryDirectory() as scratch:
                copy = pathlib.Path(scratch) / "case"
                shutil.copytree(case, copy)
                edit(copy)
                code, _ = checked(copy)
            rejected += code == DIFFERS
            if code != DIFFERS:
                bad += 1
                print(f"ACCEPTED {case.name} with {name}")
    print(f"{len(cases)} cases, {rejected} edited copies rejected, {bad} wrong")
    return DIFFERS if bad else SAME


def main(arguments):
    match arguments:
        case ["--corpus", folder]:
            return corpus(pathlib.Path(folder))
        case [folder] if not folder.startswith("-"):
            code, said = checked(pathlib.Path(folder))
            words = {SAME: "same", DIFFERS: "differs", NOT_CHECKED: "not checked"}
            print(f"{words[code]}: {said}")
            return code
        case _:
            print(__doc__, file=sys.stderr)
            return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
