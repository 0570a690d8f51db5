"""The SPDX 3.0 document that a bill of materials was made from, as spdx-python-model reads it: spdx3.py SAMPLES."""

import json
import pathlib
import sys

from bill import Refused, judge
from spdx_python_model import load_data
from spdx_python_model.version import VERSION

samples = pathlib.Path(sys.argv[1])


def short(iri):
    return iri.rsplit("/", 1)[-1]


def read(document):
    """What it reads, by package-url: name, version, licence, digests, package-urls it needs."""
    model, found = load_data(document)
    if missing := found.link():
        raise Refused(f"nothing has these ids: {missing}")
    (top,) = found.foreach_type(model.SpdxDocument)
    described = {root._id for sbom in top.rootElement for root in sbom.rootElement}
    packages = {one._id: one for one in found.foreach_type(model.software_Package) if one._id not in described}
    purls = {}
    for id, one in packages.items():
        others = [
            other.identifier
            for other in one.externalIdentifier
            if short(other.externalIdentifierType) == "packageUrl"
        ]
        (purls[id],) = ([one.software_packageUrl] if one.software_packageUrl else []) + others
    licences, needs = {}, {id: set() for id in packages}
    for kind in ("hasDeclaredLicense", "hasConcludedLicense", "dependsOn"):
        for one in found.foreach_type(model.Relationship):
            if short(one.relationshipType) != kind or one.from_._id not in packages:
                continue
            if kind == "dependsOn":
                needs[one.from_._id] |= {purls[to._id] for to in one.to}
            else:
                (licence,) = one.to
                licences[one.from_._id] = licence.simplelicensing_licenseExpression
    return {
        purls[id]: [
            one.name,
            one.software_packageVersion,
            licences.get(id),
            {short(digest.algorithm).replace("sha", "SHA-"): digest.hashValue for digest in one.verifiedUsing},
            needs[id],
        ]
        for id, one in packages.items()
    }


def element(of, name):
    return next(one for one in of["@graph"] if one.get("spdxId") == f"urn:spdx:{name}")


judge(
    f"spdx-python-model {VERSION}",
    read,
    json.loads((samples / "spdx/sbom.spdx3.json").read_text()),
    json.loads((samples / "sbom/spdx3.cdx.json").read_text()),
    {
        "another context": lambda of: of.update({"@context": "https://spdx.org/rdf/9.9.9/spdx-context.jsonld"}),
        "a number as name": lambda of: element(of, "zlib").update(name=1),
        "an unknown property": lambda of: element(of, "zlib").update(unknown="x"),
        "an unknown algorithm": lambda of: element(of, "zlib")["verifiedUsing"][0].update(algorithm="sha999"),
        "another digest": lambda of: element(of, "zlib")["verifiedUsing"][0].update(hashValue="9a" * 32),
        "another version": lambda of: element(of, "zlib").update(software_packageVersion="1.3.2"),
        "another package-url": lambda of: element(of, "zlib").update(software_packageUrl="pkg:generic/z@1"),
        "another licence": lambda of: element(of, "theirs").update(simplelicensing_licenseExpression="MIT"),
        "an id that stands twice": lambda of: element(of, "libpng").update(spdxId="urn:spdx:zlib"),
        "a relationship to nothing": lambda of: element(of, "4").update(to=["urn:spdx:other"]),
        "a dependency less": lambda of: of["@graph"].pop(),
        "a package less": lambda of: of["@graph"].remove(element(of, "libpng")),
    },
)
