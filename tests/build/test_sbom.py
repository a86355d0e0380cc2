"""An image's software bill of materials: valid by CycloneDX's own schema, complete, and the same for the same image."""

from __future__ import annotations

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from ops.build.sbom import document
from ops.services.engine.contents import Contents, Package

FOUND = Contents(
    "alpine",
    "3.22",
    (
        Package("apk", "busybox", "1.37.0-r19", "GPL-2.0-only"),
        Package("npm", "@prisma/client", "6.19.3", "Apache-2.0"),
        Package("npm", "odd", "1.0.0", "SEE LICENSE IN FILE"),
        Package("pypi", "PyYAML", "6.0.3", "MIT"),
    ),
)


def test_every_package_is_in_it_under_its_address() -> None:
    said = json.loads(document("gateway", "a" * 64, FOUND))
    assert {row["purl"] for row in said["components"]} == {
        "pkg:apk/alpine/busybox@1.37.0-r19?distro=alpine-3.22",
        "pkg:npm/%40prisma/client@6.19.3",
        "pkg:npm/odd@1.0.0",
        "pkg:pypi/pyyaml@6.0.3",
    }
    licences = {row["name"]: row["licenses"][0] for row in said["components"]}
    assert licences["busybox"] == {"expression": "GPL-2.0-only"}
    assert licences["odd"] == {"license": {"name": "SEE LICENSE IN FILE"}}
    assert said["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]


def test_the_same_image_gives_the_same_document_and_another_does_not() -> None:
    assert document("gateway", "a" * 64, FOUND) == document("gateway", "a" * 64, FOUND)
    assert document("gateway", "b" * 64, FOUND) != document("gateway", "a" * 64, FOUND)


def test_it_keeps_to_the_schema() -> None:
    said = document("gateway", "a" * 64, FOUND)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(said) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(said.replace("container", "no such type")) is not None
