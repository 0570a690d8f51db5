"""The SPDX 2.3 document that a bill of materials was made from, as spdx-tools reads it: spdx.py SAMPLES.

spdx-tools finds the document valid, and the bill of materials lists what it reads there.
"""

import json
import pathlib
import sys
import tempfile
from importlib.metadata import version

from bill import Refused, judge
from spdx_tools.spdx.model import ExternalPackageRefCategory, RelationshipType, SpdxNoAssertion, SpdxNone
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

samples = pathlib.Path(sys.argv[1])
ALGORITHMS = {"SHA1": "SHA-1", "SHA256": "SHA-256", "SHA384": "SHA-384", "SHA512": "SHA-512"}


def parsed(document):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sbom.spdx.json"
        path.write_text(json.dumps(document))
        found = parse_file(str(path))
    messages = validate_full_spdx_document(found)
    if messages:
        raise Refused("; ".join(message.validation_message for message in messages))
    return found


def said(licence):
    return None if licence is None or isinstance(licence, (SpdxNoAssertion, SpdxNone)) else str(licence)


def read(document):
    """What spdx-tools reads, by package-url: name, version, licence, digests, package-urls it needs."""
    found = parsed(document)
    described = {
        one.related_spdx_element_id
        for one in found.relationships
        if one.relationship_type == RelationshipType.DESCRIBES
    }
    purls, read = {}, {}
    for package in found.packages:
        if package.spdx_id in described and len(found.packages) > 1:
            continue
        (purl,) = [
            one.locator
            for one in package.external_references
            if one.category == ExternalPackageRefCategory.PACKAGE_MANAGER
        ]
        purls[package.spdx_id] = purl
        licence = said(package.license_concluded) or said(package.license_declared)
        digests = {ALGORITHMS[one.algorithm.name]: one.value.lower() for one in package.checksums}
        read[purl] = [package.name, package.version, licence, digests, set()]
    for one in found.relationships:
        pair = one.spdx_element_id, one.related_spdx_element_id
        if one.relationship_type == RelationshipType.DEPENDENCY_OF:
            pair = pair[1], pair[0]
        elif one.relationship_type != RelationshipType.DEPENDS_ON:
            continue
        if all(name in purls for name in pair):
            read[purls[pair[0]]][4].add(purls[pair[1]])
    return read


def drop(owner, key):
    del owner[key]


judge(
    f"spdx-tools {version('spdx-tools')}",
    read,
    json.loads((samples / "spdx/sbom.spdx.json").read_text()),
    json.loads((samples / "sbom/spdx.cdx.json").read_text()),
    {
        "no spdxVersion": lambda of: drop(of, "spdxVersion"),
        "another spdxVersion": lambda of: of.update(spdxVersion="SPDX-9.9"),
        "a number as name": lambda of: of["packages"][1].update(name=1),
        "no downloadLocation": lambda of: drop(of["packages"][1], "downloadLocation"),
        "a short checksum": lambda of: of["packages"][1]["checksums"][0].update(checksumValue="9a93"),
        "a checksum in capitals": lambda of: of["packages"][1]["checksums"][0].update(checksumValue="9A" * 32),
        "an unknown algorithm": lambda of: of["packages"][1]["checksums"][0].update(algorithm="SHA999"),
        "an id that stands twice": lambda of: of["packages"][2].update(SPDXID="SPDXRef-zlib"),
        "a relationship to nothing": lambda of: of["relationships"][1].update(relatedSpdxElement="SPDXRef-x"),
        "another version": lambda of: of["packages"][1].update(versionInfo="1.3.2"),
        "another licence": lambda of: of["packages"][1].update(licenseConcluded="MIT"),
        "a package less": lambda of: (of["packages"].pop(1), of["relationships"].pop()),
        "a dependency less": lambda of: of["relationships"].pop(),
    },
)
