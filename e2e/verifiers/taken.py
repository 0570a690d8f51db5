"""The CycloneDX document that a bill of materials was made from, as cyclonedx-python-lib reads it: taken.py SAMPLES.

It finds the document valid as 1.6 and as 1.7, and the bill of materials lists what it reads there.
"""

import json
import pathlib
import sys
from importlib.metadata import version

from bill import Refused, judge
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import ComponentType
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

samples = pathlib.Path(sys.argv[1])


def nested(components):
    for one in components:
        yield one
        yield from nested(one.components)


def licence(one):
    """The licences that all have to be kept; a choice between some is one of them."""
    said = [getattr(licence, "value", None) or licence.id or licence.name for licence in one.licenses]
    return " AND ".join(sorted(said)) or None


def read(document):
    """What it reads, by package-url: name, version, licence, digests, package-urls it needs."""
    for known, spelt in ((SchemaVersion.V1_6, "1.6"), (SchemaVersion.V1_7, "1.7")):
        error = JsonStrictValidator(known).validate_str(json.dumps(document | {"specVersion": spelt}))
        if error:
            raise Refused(repr(error))
    bom = Bom.from_json(document)
    parts = [one for one in nested(bom.components) if one.type != ComponentType.FILE]
    purls = {one.bom_ref: str(one.purl) for one in parts}
    needs = {
        entry.ref: {purls[on.ref] for on in entry.dependencies if on.ref in purls} for entry in bom.dependencies
    }
    return {
        str(one.purl): [
            f"{one.group}/{one.name}" if one.group else one.name,
            one.version,
            licence(one),
            {digest.alg.value: digest.content.lower() for digest in one.hashes},
            needs.get(one.bom_ref, set()),
        ]
        for one in parts
    }


judge(
    f"cyclonedx-python-lib {version('cyclonedx-python-lib')}",
    read,
    json.loads((samples / "cyclonedx/sbom.cdx.json").read_text()),
    json.loads((samples / "sbom/cyclonedx.cdx.json").read_text()),
    {
        "an unknown property": lambda of: of.update(unknown=1),
        "a number as name": lambda of: of["components"][0].update(name=1),
        "a short hash": lambda of: of["components"][0]["hashes"][0].update(content="9a93"),
        "an unknown algorithm": lambda of: of["components"][0]["hashes"][0].update(alg="SHA-999"),
        "another group": lambda of: of["components"][0].update(group="io.other"),
        "another version": lambda of: of["components"][0].update(version="4.1.116"),
        "another package-url": lambda of: of["components"][0].update(purl="pkg:maven/io.netty/netty@4.1.115"),
        "a licence less": lambda of: of["components"][0]["licenses"].pop(),
        "a nested component less": lambda of: of["components"][0]["components"].pop(),
        "a dependency less": lambda of: of["dependencies"].pop(),
    },
)
