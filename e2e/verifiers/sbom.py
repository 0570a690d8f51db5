"""Bills of materials and declarations of controls, as 1.6 and as 1.7.

The strict validator of cyclonedx-python-lib judges them.
"""

import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

match sys.argv[1:]:
    case ["--running", folder]:
        # What a running system recorded: a bill of materials, and declarations of controls.
        names = ("dossier/sbom.cdx.json", "controls.cdx.json")
        files = [pathlib.Path(folder) / name for name in names]
    case [folder]:
        samples = pathlib.Path(folder)
        files = [samples / "dossier/sbom.cdx.json", *sorted((samples / "sbom").glob("*.json"))]
        assert len(files) > 3
    case _:
        sys.exit("say where the samples are: sbom.py FOLDER, or sbom.py --running FOLDER")
wrong = 0


def error(version, bom):
    return JsonStrictValidator(version).validate_str(json.dumps(bom))


def expect(wanted, what, found):
    global wrong
    if (found is None) != wanted:
        wrong += 1
        print(f"{what}: {found!r}", file=sys.stderr)


for path in files:
    for version, spelt in ((SchemaVersion.V1_6, "1.6"), (SchemaVersion.V1_7, "1.7")):
        text = path.read_text()
        bom = json.loads(text) | {"specVersion": spelt}
        bom["$schema"] = f"http://cyclonedx.org/schema/bom-{spelt}.schema.json"
        expect(True, f"{path.name} as {spelt}", error(version, bom))
        changes = {
            "an unknown property": bom | {"unknown": 1},
            "a number as name": bom | {"components": [{"type": "library", "name": 1}]},
            "no specVersion": {key: value for key, value in bom.items() if key != "specVersion"},
        }
        for what, changed in changes.items():
            expect(False, f"{path.name} as {spelt} with {what}", error(version, changed))
        byte = text.replace('"type":"library"', '"type":"librarz"', 1)
        if byte == text:
            byte = text.replace('"bomFormat"', '"bomFormau"', 1)
        assert byte != text
        expect(False, f"{path.name} with one byte changed", JsonStrictValidator(SchemaVersion.V1_6).validate_str(byte))

print(f"   cyclonedx-python-lib: {len(files)} documents, each as 1.6 and 1.7")
sys.exit(1 if wrong else 0)
