"""The list of components in CycloneDX 1.5 JSON (https://cyclonedx.org/docs/1.5/json/).

It holds no time and no path of the machine; its serial number is a digest of the other fields. So the same inputs
give the same bytes.

>>> components = [Component("cjson", "V1.0.0", "common", "components/cjson")]
>>> data = bill_of_materials(Product("ota_demo", "app-1.0.0", "haas100", "00" * 32), components)
>>> components_in(data, file="sbom.json")
{'cjson': 'V1.0.0'}
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any, Dict, List, Optional, Sequence

from aos_ota_plugin import __version__
from aos_ota_plugin.files.documents import DocumentKind, Fields, encode_json, read_document
from aos_ota_plugin.provenance.component import Component, Product

SPEC_VERSION = "1.5"
_READ = ("1.4", "1.5", "1.6")
KIND = DocumentKind(
    "CycloneDX document", {"bomFormat": "CycloneDX"}, "keep the release's files together, as the build wrote them"
)


def bill_of_materials(product: Product, components: Sequence[Component]) -> bytes:
    """Return the document of a firmware and its components; the solution stands for the firmware."""
    others = sorted(
        (component for component in components if component.type != "solution"), key=lambda component: component.name
    )
    names = {component.name for component in others}
    firmware = _ref(product.name, "firmware")
    solution = next((component for component in components if component.type == "solution"), None)
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
        "components": [_component(component) for component in others],
        "dependencies": [
            _dependency(firmware, solution, names),
            *(_dependency(_ref(component.name), component, names) for component in others),
        ],
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode("utf-8")).digest()
    document["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=5)}"
    return encode_json(document, sort_keys=True)


def _component(component: Component) -> Dict[str, Any]:
    entry: Dict[str, Any] = {
        "type": "operating-system" if component.type == "kernel" else "library",
        "bom-ref": _ref(component.name),
        "name": component.name,
        "purl": component.purl,
        "properties": [
            {"name": "aos:type", "value": component.type},
            {"name": "aos:folder", "value": component.folder},
        ],
    }
    if component.version:
        entry["version"] = component.version
    if component.license:
        entry["licenses"] = [{"license": {"name": component.license}}]
    return entry


def _dependency(ref: str, owner: Optional[Component], all_names: set[str]) -> Dict[str, Any]:
    names: List[str] = sorted(set(owner.depends) & all_names) if owner else sorted(all_names)
    return {"ref": ref, "dependsOn": [_ref(name) for name in names]}


def _ref(name: str, kind: str = "component") -> str:
    return f"{kind}:{name}"


def parse_bill(data: bytes, *, file: str) -> Product:
    """Return the product in a document that `bill_of_materials` made. Raises FormatError."""
    return _product(read_document(data, KIND, file=file))


def _product(fields: Fields) -> Product:
    version = fields.values.get("specVersion")
    if version not in _READ:
        raise fields.bad(f'"specVersion" {str(version)[:20]!r} is none that we know ({", ".join(_READ)})')
    try:
        firmware = fields.values["metadata"]["component"]
        hashes = {entry["alg"]: entry["content"] for entry in firmware.get("hashes", ())}
        texts = (firmware["name"], firmware["version"], hashes.get("SHA-256", ""))
    except (KeyError, TypeError, AttributeError):
        raise fields.bad('"metadata" names no firmware with name, version and hashes') from None
    if not all(isinstance(text, str) for text in texts):
        raise fields.bad('"metadata" gives a name, version or hash that is no text')
    return Product(texts[0], texts[1], None, texts[2])


def components_in(data: bytes, *, file: str) -> Dict[str, str]:
    """Return the components' versions by name from a `bill_of_materials`. Raises FormatError."""
    fields = read_document(data, KIND, file=file)
    _product(fields)
    try:
        return {str(entry["name"]): str(entry.get("version", "")) for entry in fields.values["components"]}
    except (KeyError, TypeError, AttributeError):
        raise fields.bad('"components" is not a list of names and versions') from None
