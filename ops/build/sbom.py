"""A software bill of materials of a built image, as CycloneDX 1.6 JSON: the same image, the same document."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.services.engine.contents import Contents, Package

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_SPACE = uuid.UUID("1f0d5f0a-6c0e-4a55-9a35-6a6a2f6f0d9b")


def document(name: str, image: str, found: Contents) -> str:
    """The document.

    Args:
        name: of the image.
        image: its id, 64 hexadecimal digits.
        found: the packages in it.
    """
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    root = Component(
        name=name,
        version=image[:12],
        type=ComponentType.CONTAINER,
        bom_ref=f"image:{image}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=image)],
    )
    bom = Bom(
        # The date that all in the image has (`Build.timestamp`), not today's.
        metadata=BomMetaData(component=root, timestamp=datetime.fromtimestamp(0, UTC)),
        components=[_component(package, found) for package in found.packages],
        # Neither time nor chance: two documents of one image can be compared.
        serial_number=uuid.uuid5(_SPACE, image),
    )
    bom.register_dependency(root, bom.components)
    made = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    return str(made.output_as_string(indent=1)) + "\n"


def _component(package: Package, found: Contents) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from license_expression import get_spdx_licensing
    from packageurl import PackageURL

    system = package.kind in ("apk", "deb")
    scope, _, last = package.name.rpartition("/")
    url = PackageURL(
        type=package.kind,
        namespace=found.system if system else scope or None,
        name=last.lower() if package.kind == "pypi" else last,
        version=package.version,
        qualifiers={"distro": f"{found.system}-{found.release}"} if system else {},
    )
    licences: list[LicenseExpression | DisjunctiveLicense] = []
    if package.licence:
        valid = not get_spdx_licensing().validate(package.licence).errors
        named = LicenseExpression(package.licence) if valid else DisjunctiveLicense(name=package.licence)
        licences.append(named)
    return Component(
        name=last,
        group=scope or None,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
        licenses=licences,
    )
