"""Envelopes by securesystemslib, statements by in-toto-attestation, own predicates by JSON Schema."""

import base64
import copy
import json
import pathlib
import sys

import jsonschema
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

samples, schemas = map(pathlib.Path, sys.argv[1:3])
key = SSlibKey.from_crypto(load_pem_public_key((samples / "key.pem").read_bytes()))
wrong = 0


def accepted(call, *arguments):
    try:
        call(*arguments)
        return True
    except Exception as error:
        accepted.why = error
        return False


def expect(wanted, what, call, *arguments):
    global wrong
    if accepted(call, *arguments) != wanted:
        wrong += 1
        print(f"{what}: {f'rejected: {accepted.why!r}' if wanted else 'accepted'}", file=sys.stderr)


def verify(envelope):
    # Every envelope is ours: the key is the one that was handed over, under the id that it names.
    mine = copy.copy(key)
    mine.keyid = envelope["signatures"][0]["keyid"]
    Envelope.from_dict(copy.deepcopy(envelope)).verify([mine], 1)


def validate(payload):
    message = json_format.Parse(json.dumps(payload), statement_pb2.Statement())
    Statement.copy_from_pb(message).validate()


def test_result(predicate):
    json_format.Parse(json.dumps(predicate), test_result_pb2.TestResult())


envelopes = {path.name: json.loads(path.read_text()) for path in (samples / "envelopes").iterdir()}
lines = (samples / "dossier/release.intoto.jsonl").read_text().splitlines()
envelopes |= {f"line {number}": json.loads(line) for number, line in enumerate(lines, 1)}
envelopes["manifest"] = json.loads((samples / "dossier/manifest.dsse.json").read_text())
assert len(lines) > 3
kinds, judged = set(), 0
for name, envelope in envelopes.items():
    expect(True, name, verify, envelope)
    for field, owner in (("payload", envelope), ("sig", envelope["signatures"][0])):
        good = owner[field]
        body = bytearray(base64.b64decode(good))
        body[len(body) // 2] ^= 1
        owner[field] = base64.b64encode(bytes(body)).decode()
        expect(False, f"{name} with a changed {field}", verify, envelope)
        owner[field] = good
    if envelope["payloadType"] != "application/vnd.in-toto+json":
        continue
    statement = json.loads(base64.b64decode(envelope["payload"]))
    kind = statement["predicateType"]
    kinds.add(kind)
    expect(True, f"{name}, statement", validate, statement)
    changed = copy.deepcopy(statement)
    changed["subject"][0]["digest"] = {}
    expect(False, f"{name} without digest", validate, changed)
    expect(False, f"{name} without subject", validate, dict(statement, subject=[]))
    if kind.endswith("/test-result/v0.1"):
        expect(True, f"{name}, test result", test_result, statement["predicate"])
        changed = dict(statement["predicate"], extra=1)
        expect(False, f"{name} with an unknown field", test_result, changed)
    for path in schemas.glob("*.json"):
        schema = json.loads(path.read_text())
        if schema["$id"] != kind and schema.get("x-predicate-type") != kind:
            continue
        judged += 1
        validator = jsonschema.Draft202012Validator(schema)
        validator.check_schema(schema)
        expect(True, f"{name} by {path.name}", validator.validate, statement["predicate"])
        for field in schema["required"]:
            changed = {other: value for other, value in statement["predicate"].items() if other != field}
            expect(False, f"{name} without {field}", validator.validate, changed)

print(f"   securesystemslib, in-toto-attestation: {len(envelopes)} envelopes of {len(kinds)} kinds; {judged} by our schemas")
sys.exit(1 if wrong else 0)
