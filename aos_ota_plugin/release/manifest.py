"""The manifest beside an image: it describes the release, and the next release is checked against it.

>>> payload = Artifact("ota_rtos.bin", "payload", 7, md5="0" * 32, sha256="0" * 64)
>>> manifest = Manifest("app-1.0.1", "none", "kv", None, payload, images=(), proofs=())
>>> parse_manifest(manifest.to_json(), file="ota_rtos_ota.json") == manifest
True

Format: UTF-8 JSON, schema ``aos-ota-manifest/1``, described by manifest-1.schema.json in this folder. It holds sizes in
bytes, lower-case hex digests, the version, the fingerprint of the key that devices of this release trust, and the
proofs. It never holds a secret, a path of the build machine or a time, so the same inputs give the same
bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional, Tuple

from aos_ota_plugin import __version__
from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import SettingsError
from aos_ota_plugin.files.documents import DocumentKind, Fields, encode_json, read_document
from aos_ota_plugin.release.artifact import Artifact

if TYPE_CHECKING:
    from aos_ota_plugin.release.module import Module

SCHEMA = "aos-ota-manifest/1"
TOOL = f"aos_ota_plugin {__version__}"
MAGICS = ("ALL", "APP", "KERNEL", "FS", "MCU")
KIND = DocumentKind(
    "manifest", {"schema": SCHEMA}, "give the ota_rtos_ota.json that was written beside the released image"
)


class Proof(NamedTuple):
    """A rule, and what its check showed or why it was not judged."""

    rule: str
    detail: str


class BaseRelease(NamedTuple):
    """The release that devices in the field run, which this release updates."""

    version: str
    payload_sha256: str


class Approval(NamedTuple):
    """The second signer's approval of the full image. All fields are lower-case hex.

    ``hash`` is the SHA-256 of the payload and its padding, which the first signer signs, too; ``signature`` is
    RSASSA-PKCS1-v1_5 with SHA-256 over those 32 bytes.
    """

    key_fingerprint: str
    hash: str
    signature: str


class Manifest(NamedTuple):
    """A release: version, files, keys and proofs.

    ``image_magic`` says which part of the device the images replace; a manifest without it means ALL.
    ``key_fingerprint`` is the key that devices running this release trust. ``signed_by`` is the key that signed it;
    None in manifests without it means the same key. ``solution``, ``board`` and ``chip`` are None where the build had
    none, and ``chip`` in the manifests of 0.1.0. Each rule is in one of three lists: ``proofs`` (passed),
    ``excused`` (by a setting, or by the chip's description) and ``not_judged``. ``payload`` is what the full image
    decodes to; ``other_payloads`` are there where another image decodes to another one, as on chips whose image step
    changes only one of them. ``partition_size`` is what the OTA partition holds, in bytes; None in older manifests.
    """

    version: str
    security: str
    identity: str
    key_fingerprint: Optional[str]
    payload: Artifact
    images: Tuple[Artifact, ...]
    proofs: Tuple[Proof, ...]
    solution: Optional[str] = None
    board: Optional[str] = None
    base: Optional[BaseRelease] = None
    image_magic: str = "ALL"
    modules: Tuple[Module, ...] = ()
    signed_by: Optional[str] = None
    approval: Optional[Approval] = None
    tool: str = TOOL
    excused: Tuple[Proof, ...] = ()
    not_judged: Tuple[Proof, ...] = ()
    chip: Optional[str] = None
    other_payloads: Tuple[Artifact, ...] = ()
    partition_size: Optional[int] = None

    def payload_of(self, image: Artifact) -> Artifact:
        """Return the payload that an image of this release decodes to."""
        return next((payload for payload in self.other_payloads if payload.sha256 == image.payload), self.payload)

    @property
    def signer(self) -> Optional[str]:
        """Return the fingerprint of the key that signed this release; None outside local mode."""
        return (self.signed_by or self.key_fingerprint) if self.security == "local" else None

    @property
    def is_transition(self) -> bool:
        """Return True when devices trust another key after this release than before it."""
        return self.signer is not None and self.signer != self.key_fingerprint

    def to_json(self) -> bytes:
        """Return the manifest file's bytes; keys in a fixed order, ending in a newline."""
        document: Dict[str, Any] = {"schema": SCHEMA, **_to_json_types(self)}
        for module in document["modules"]:
            image = module["image"]
            # The fields of a push message except URL and signature: for people and uploaders, not read back.
            module["push"] = {
                "module": module["name"],
                "version": module["version"],
                "size": image["size"],
                "signMethod": "SHA256",
                "sign": image["sha256"],
                "md5": image["md5"],
            }
        return encode_json(document, sort_keys=True)


def _to_json_types(value: Any) -> Any:
    """Return a value as JSON types; NamedTuples, unlike in ``dataclasses.asdict``, become objects."""
    if hasattr(value, "_asdict"):
        fields = {name: _to_json_types(field) for name, field in value._asdict().items()}
        if isinstance(value, Artifact) and value.payload is None:
            del fields["payload"]
        return fields
    if hasattr(value, "__dataclass_fields__"):
        return {name: _to_json_types(getattr(value, name)) for name in value.__dataclass_fields__}
    return [_to_json_types(item) for item in value] if isinstance(value, tuple) else value


def parse_manifest(data: bytes, *, file: str) -> Manifest:
    """Read a manifest.

    Raises:
        FormatError: not JSON, a key that occurs twice, another schema, or a field missing or of the wrong type.
    """
    top = read_document(data, KIND, file=file)
    manifest = Manifest(
        version=_version(top),
        security=top.choice("security", ("local", "cloud", "none")),
        identity=top.choice("identity", ("kv", "embedded", "unknown")),
        key_fingerprint=_optional_digest(top, "key_fingerprint"),
        payload=_artifact(top, top.values.get("payload")),
        images=tuple(_artifact(top, item) for item in top.sequence("images")),
        proofs=_proofs(top, "proofs"),
        solution=top.optional_text("solution"),
        board=top.optional_text("board"),
        chip=top.optional_text("chip"),
        base=_base(top.within(top.values["base"], '"base"')) if top.has("base") else None,
        image_magic=top.choice("image_magic", MAGICS) if "image_magic" in top.values else "ALL",
        modules=_modules(top) if "modules" in top.values else (),
        signed_by=_optional_digest(top, "signed_by"),
        approval=_approval(top.within(top.values["approval"], '"approval"')) if top.has("approval") else None,
        tool=top.text("tool"),
        excused=_proofs(top, "excused") if "excused" in top.values else (),
        not_judged=_proofs(top, "not_judged") if "not_judged" in top.values else (),
        other_payloads=tuple(_artifact(top, item) for item in top.sequence("other_payloads"))
        if "other_payloads" in top.values
        else (),
        partition_size=top.size("partition_size") if top.has("partition_size") else None,
    )
    payloads = {None, *(payload.sha256 for payload in (manifest.payload, *manifest.other_payloads))}
    for image in manifest.images:
        if image.payload not in payloads:
            raise top.bad(f'the payload of "{image.file}" is not among those of the release')
    return manifest


def _version(fields: Fields) -> str:
    """Return a version that a device can run: what is compared with one must be as any other."""
    version = fields.text("version")
    try:
        check_version(version, field='"version"')
    except SettingsError as error:
        raise fields.bad(error.problem) from None
    return version


def _optional_digest(top: Fields, name: str) -> Optional[str]:
    return top.digest(name, 64) if top.has(name) else None


def _artifact(holder: Fields, value: object) -> Artifact:
    fields = holder.within(value, "an artifact")
    return Artifact(
        fields.text("file"),
        fields.text("kind"),
        fields.size("size"),
        fields.digest("md5", 32),
        fields.digest("sha256", 64),
        _optional_digest(fields, "payload"),
    )


def _modules(top: Fields) -> Tuple[Module, ...]:
    from aos_ota_plugin.release.module import check_modules

    modules = tuple(_module(fields) for fields in top.objects("modules", "a module"))
    try:
        check_modules(modules)
    except SettingsError as error:
        raise top.bad(error.problem) from None
    return modules


def _module(fields: Fields) -> Module:
    from aos_ota_plugin.release.module import Module

    unpacked = fields.boolean("unpacked")
    try:
        return Module(
            fields.text("name"),
            fields.text("version"),
            _artifact(fields, fields.values.get("image")),
            fields.optional_text("store_path"),
            unpacked,
            fields.choice("image_magic", MAGICS) if fields.has("image_magic") else None,
        )
    except SettingsError as error:
        raise fields.bad(error.problem) from None


def _approval(fields: Fields) -> Approval:
    return Approval(fields.digest("key_fingerprint", 64), fields.digest("hash", 64), fields.digest("signature", 512))


def _proofs(top: Fields, name: str) -> Tuple[Proof, ...]:
    return tuple(Proof(fields.text("rule"), fields.text("detail")) for fields in top.objects(name, "a proof"))


def _base(fields: Fields) -> BaseRelease:
    return BaseRelease(_version(fields), fields.digest("payload_sha256", 64))
