#!/usr/bin/env python3
"""A witness' cosignature (C2SP tlog-cosignature v1), checked with `cryptography` and nothing of ours.

Usage: run.py SAMPLES, a folder made by `cargo run -p sluss-ledger --example log_samples`.
"""

import base64
import hashlib
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Refused(Exception):
    """The note is not cosigned by the witness."""


def cosigned_at(note: str, vkey: str) -> int:
    """Returns when the witness cosigned the note, in seconds since 1970."""
    name, key_id, typed = vkey.strip().split("+", 2)
    typed = base64.b64decode(typed, validate=True)
    expected = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    if typed[0] != 0x04 or len(typed) != 33 or expected.hex() != key_id:
        raise Refused("the vkey is not that of a witness")
    body, found, lines = note.rpartition("\n\n")
    if not found or not lines.endswith("\n"):
        raise Refused("not a note")
    body += "\n"
    for line in lines.splitlines():
        dash, signer, field = line.split(" ")
        field = base64.b64decode(field, validate=True)
        if dash != "\u2014" or signer != name or field[:4] != expected:
            continue
        if len(field) != 4 + 8 + 64:
            raise Refused("the line has another length")
        seconds = int.from_bytes(field[4:12], "big")
        message = f"cosignature/v1\ntime {seconds}\n{body}".encode()
        try:
            Ed25519PublicKey.from_public_bytes(typed[1:]).verify(field[12:], message)
        except InvalidSignature as error:
            raise Refused("the signature is bad") from error
        return seconds
    raise Refused("no line of the witness")


def flipped(note: str, vkey: str, at: int) -> str:
    """Returns the note with one bit inverted in the field of the witness' line."""
    name = vkey.split("+")[0]
    line = next(line for line in note.splitlines() if line.startswith(f"\u2014 {name} "))
    start, field = line.rsplit(" ", 1)
    field = bytearray(base64.b64decode(field))
    field[at] ^= 1
    return note.replace(line, f"{start} {base64.b64encode(field).decode()}")


def main() -> None:
    samples = pathlib.Path(sys.argv[1])
    note = (samples / "log" / "checkpoint").read_text("utf-8")
    vkey = (samples / "witness.vkey").read_text("utf-8")
    print(f"cosignature: accepted, cosigned at {cosigned_at(note, vkey)}")
    size = note.split("\n")[1]
    bad = {
        "another time": flipped(note, vkey, 11),
        "a flipped bit of the signature": flipped(note, vkey, 40),
        "another key id": flipped(note, vkey, 0),
        "an edited size": note.replace(f"\n{size}\n", f"\n{int(size) - 1}\n", 1),
        "an edited origin": "x" + note,
        "no witness": "".join(note.splitlines(keepends=True)[:5]),
    }
    passed = 1
    for what, spoilt in bad.items():
        assert spoilt != note, what
        try:
            cosigned_at(spoilt, vkey)
        except Refused as reason:
            print(f"cosignature: {what}: rejected: {reason}")
            passed += 1
        else:
            sys.exit(f"cosignature: FAILED: {what} was accepted")
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
