"""The list of components in CycloneDX 1.5 JSON (https://cyclonedx.org/docs/1.5/json/).

It holds no time and no path of the machine; its serial number is a digest of what is in it. So the same inputs give the
same bytes.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any, Dict, List, Optional, Sequence

from aos_ota_plugin import __version__
from aos_ota_plugin.errors import FormatError, Place
from aos_ota_plugin.files import unique_json
from aos_ota_plugin.provenance.component import Component, Product

SPEC_VERSION = "1.5"
_READ = ("1.4", "1.5", "1.6")
_REMEDY = "keep the release's files together, as the build wrote them"


def bill_of_materials(product: Product, components: Sequence[Component]) -> bytes:
    """Return the document of a firmware and what it is built from; the solution itself is the firmware."""
    others = sorted((one for one in components if one.type != "solution"), key=lambda one: one.name)
    known = {one.name for one in others}
    firmware = _ref(product.name, "firmware")
    own = next((one for one in components if one.type == "solution"), None)
    document: Dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "aos_ota_plugin", "version": __version__}]},
            "component": {
                "type": "firmware",
                "bom-ref": firmware,
                "name": product.name,
                "version": product.version,
                "hashes": [{"alg": "SHA-256", "content": product.payload_sha256}] if product.payload_sha256 else [],
                "properties": [{"name": "aos:board", "value": product.board}] if product.board else [],
            },
        },
        "components": [_component(one) for one in others],
        "dependencies": [
            _dependency(firmware, own, known),
            *(_dependency(_ref(one.name), one, known) for one in others),
        ],
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode("utf-8")).digest()
    document["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=5)}"
    return (json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8")


def _component(one: Component) -> Dict[str, Any]:
    entry: Dict[str, Any] = {
        "type": "operating-system" if one.type == "kernel" else "library",
        "bom-ref": _ref(one.name),
        "name": one.name,
        "purl": one.purl,
        "properties": [{"name": "aos:type", "value": one.type}, {"name": "aos:folder", "value": one.folder}],
    }
    if one.version:
        entry["version"] = one.version
    if one.license:
        entry["licenses"] = [{"license": {"name": one.license}}]
    return entry


def _dependency(ref: str, owner: Optional[Component], known: set[str]) -> Dict[str, Any]:
    names: List[str] = sorted(set(owner.depends) & known) if owner else sorted(known)
    return {"ref": ref, "dependsOn": [_ref(name) for name in names]}


def _ref(name: str, kind: str = "component") -> str:
    return f"{kind}:{name}"


def parse_bill(data: bytes, *, file: str) -> Product:
    """Read which firmware a document of ours is about. Raises FormatError."""
    try:
        document = unique_json.loads(data, file)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise _bad(file, "it is not JSON") from None
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise _bad(file, '"bomFormat" is not "CycloneDX"')
    version = document.get("specVersion")
    if version not in _READ:
        raise _bad(file, f'"specVersion" {str(version)[:20]!r} is none that we know ({", ".join(_READ)})')
    try:
        firmware = document["metadata"]["component"]
        hashes = {one["alg"]: one["content"] for one in firmware.get("hashes", ())}
        found = (firmware["name"], firmware["version"], hashes.get("SHA-256", ""))
    except (KeyError, TypeError, AttributeError):
        raise _bad(file, '"metadata" names no firmware with name, version and hashes') from None
    if not all(isinstance(one, str) for one in found):
        raise _bad(file, '"metadata" gives a name, version or hash that is no text')
    return Product(found[0], found[1], None, found[2])


def components_in(data: bytes, *, file: str) -> Dict[str, str]:
    """The components' versions by name in a document of ours. Raises FormatError."""
    parse_bill(data, file=file)
    try:
        return {str(one["name"]): str(one.get("version", "")) for one in json.loads(data)["components"]}
    except (KeyError, TypeError, AttributeError):
        raise _bad(file, '"components" is not a list of names and versions') from None


def _bad(file: str, problem: str) -> FormatError:
    return FormatError(f"this is no CycloneDX document that we can read: {problem}", place=Place(file), remedy=_REMEDY)
