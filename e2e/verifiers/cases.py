"""Lays the recorded decisions of a dossier out as `policy.py` reads them: cases.py DOSSIER FOLDER.

`policy/<leaf>/bundle` is one JSON of texts by name, whose digest the event names. Everything else
is taken over byte for byte.
"""

import hashlib
import json
import pathlib
import shutil
import sys

dossier, target = map(pathlib.Path, sys.argv[1:])
decisions = sorted((dossier / "policy").iterdir())
assert decisions, "no policy decided anything here"
for decision in decisions:
    case = target / decision.name
    (case / "bundle").mkdir(parents=True)
    event = json.loads((dossier / "events" / f"{decision.name}.json").read_bytes())
    named = event["data"]["policy"]
    for name in ("bundle", "data.json", "input.json", "result.json"):
        content = (decision / name).read_bytes()
        key = name.removesuffix(".json") + "_sha256"
        assert hashlib.sha256(content).hexdigest() == named[key], f"{decision.name}: {name}"
        if name != "bundle":
            shutil.copyfile(decision / name, case / name)
    for name, text in json.loads((decision / "bundle").read_bytes()).items():
        path = case / "bundle" / name
        assert path.resolve().is_relative_to((case / "bundle").resolve()), name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
print(f"   {len(decisions)} recorded decisions, all of the digests that their events name")
