#!/usr/bin/env python3
"""A time-stamp (RFC 3161) of a checkpoint, verified by rfc3161-client.

    client.py FOLDER      `checkpoint` and `checkpoint.tsr`, the authority's `ca.pem`, a strange
                          one's `other.pem`, all made by `run`, and certificates of the authority
                          that may not stamp, with a token that has none inside
    client.py --running DOSSIER AUTHORITY
                          the same for the dossier of a running Sluss, without those certificates
"""

import pathlib
import sys
from importlib.metadata import version

from cryptography.x509 import load_pem_x509_certificate
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

passed = wrong = 0


def certificate(path):
    return load_pem_x509_certificate(path.read_bytes())


def verify(token, message, root, beside=None):
    verifier = VerifierBuilder(roots=[root], tsa_certificate=beside).build()
    verifier.verify_message(decode_timestamp_response(token), message)


def expect(wanted, what, *arguments):
    """`wanted` is None to be accepted, otherwise a word of the reason of the refusal."""
    global passed, wrong
    try:
        verify(*arguments)
        why = None
    except (VerificationError, ValueError) as error:
        why = str(error)
    if (why is None) != (wanted is None) or (why and wanted not in why):
        wrong += 1
        print(f"rfc3161-client: FAILED: {what}: {why or 'accepted'}", file=sys.stderr)
    else:
        passed += 1
        print(f"rfc3161-client: {what}: {'rejected: ' + wanted if wanted else 'accepted'}")


def flipped(content, at):
    copy = bytearray(content)
    copy[at] ^= 1
    return bytes(copy)


match sys.argv[1:]:
    case ["--running", dossier, authority]:
        stamped, trusted, forged = pathlib.Path(dossier), pathlib.Path(authority), False
    case [folder]:
        stamped = trusted = pathlib.Path(folder)
        forged = True
    case _:
        sys.exit(__doc__)
checkpoint, token = ((stamped / name).read_bytes() for name in ("checkpoint", "checkpoint.tsr"))
ca, other = (certificate(trusted / name) for name in ("ca.pem", "other.pem"))
expect(None, "the checkpoint", token, checkpoint, ca)
expect("Mismatch between messages", "another checkpoint", token, checkpoint + b"\n", ca)
expect("Mismatch between messages", "one byte of it", token, flipped(checkpoint, 40), ca)
expect("local issuer", "another authority", token, checkpoint, other)
# The imprint stands in what is signed; the signature is what the token ends with.
imprint = token.index(decode_timestamp_response(token).tst_info.message_imprint.message)
expect("digest failure", "one bit of the imprint", flipped(token, imprint), checkpoint, ca)
expect("signature failure", "one bit of the signature", flipped(token, -1), checkpoint, ca)
if forged:
    bare = (stamped / "bare.tsr").read_bytes()
    beside = {name: certificate(trusted / f"{name}.pem") for name in ("tsa", "plain", "uncritical")}
    expect(None, "the certificate beside it", bare, checkpoint, ca, beside["tsa"])
    for name, what in (("plain", "without the purpose"), ("uncritical", "whose purpose is not critical")):
        why = "unsuitable certificate purpose"
        expect(why, f"a certificate {what}", bare, checkpoint, ca, beside[name])
print(f"rfc3161-client {version('rfc3161-client')}: {passed} passed, {wrong} failed")
sys.exit(1 if wrong else 0)
