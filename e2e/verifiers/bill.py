"""Whether another program reads in a document what the bill of materials made from it lists."""

import copy
import sys


class Refused(Exception):
    """The document is not valid, or the bill of materials is not of it."""


def listing(bom):
    """What a bill of materials lists, by package-url: name, version, licence, digests, package-urls it needs."""
    needs = {one["ref"]: set(one.get("dependsOn", [])) for one in bom["dependencies"]}
    return {
        one["purl"]: [
            one["name"],
            one["version"],
            next((licence["expression"] for licence in one.get("licenses", [])), None),
            {digest["alg"]: digest["content"] for digest in one.get("hashes", [])},
            needs[one["bom-ref"]],
        ]
        for one in bom["components"]
    }


def judge(program, read, document, bom, changes):
    """Ends with 0 if `read` finds in `document` what `bom` lists, and after no change of `changes`."""
    wrong = 0

    def expect(wanted, what, changed, made):
        nonlocal wrong
        why = None
        try:
            theirs, ours = read(changed), listing(made)
            if theirs != ours:
                raise Refused(f"{program} reads {theirs}, the bill of materials lists {ours}")
            if not ours:
                raise Refused("nothing is listed")
        # Readers have errors of many kinds for what they do not understand.
        except Exception as error:
            why = error
        if (why is None) != wanted:
            wrong += 1
            print(f"{what}: {f'rejected: {why!r}' if why else 'accepted'}", file=sys.stderr)

    expect(True, "the document", document, bom)
    for what, edit in changes.items():
        changed = copy.deepcopy(document)
        edit(changed)
        expect(False, f"the document with {what}", changed, bom)
    less = copy.deepcopy(bom)
    less["components"].pop()
    expect(False, "a bill of materials that leaves one out", document, less)
    print(f"   {program}: 1 document, {len(changes) + 1} changed ones rejected, {wrong} wrong")
    sys.exit(1 if wrong else 0)
