"""The manifest beside an image: what the release is, in a form that the next release is checked against.

Format: UTF-8 JSON, schema ``aos-ota-manifest/1``, described by manifest-1.schema.json in this folder. It holds sizes in
bytes, lower-case hex digests, the version, the fingerprint of the key that devices of this release trust, and the
proofs it passed. It never holds a secret, a path of the build machine or a time, so the same inputs give the same
bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional, Tuple

from aos_ota_plugin import __version__
from aos_ota_plugin.errors import FormatError, Place, SettingsError
from aos_ota_plugin.files import unique_json
from aos_ota_plugin.release.artifact import Artifact

if TYPE_CHECKING:
    from aos_ota_plugin.release.module import Module

SCHEMA = "aos-ota-manifest/1"
TOOL = f"aos_ota_plugin {__version__}"
MAGICS = ("ALL", "APP", "KERNEL", "FS", "MCU")
_HEX = set("0123456789abcdef")


class Proof(NamedTuple):
    """One thing that was checked before the image got its name, and what was seen."""

    rule: str
    detail: str


class BaseRelease(NamedTuple):
    """The release in the field that this one updates."""

    version: str
    payload_sha256: str


class Approval(NamedTuple):
    """A second signer's agreement to the full image's ``hash``, SHA-256 of the payload and its padding, as the first
    one's signature is over it: ``signature`` is RSASSA-PKCS1-v1_5 with SHA-256 over those 32 bytes. All in hex.
    """

    key_fingerprint: str
    hash: str
    signature: str


class Manifest(NamedTuple):
    """One release. ``image_magic`` is what its images say they replace; ALL in manifests that do not name it.

    ``key_fingerprint`` is the key that devices running this release trust. ``signed_by`` is the one that signed it;
    None in manifests that do not name it, and then it is the same one. Each rule is in one of three lists: ``proofs``
    (passed), ``excused`` (by a setting, or by the chip's description) and ``not_judged``, each with what was seen or
    why.
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

    @property
    def signer(self) -> Optional[str]:
        """The fingerprint of the key that signed this release; None where the platform does, or nobody."""
        return (self.signed_by or self.key_fingerprint) if self.security == "local" else None

    @property
    def is_transition(self) -> bool:
        """Whether devices trust another key after this release than before it."""
        return self.signer is not None and self.signer != self.key_fingerprint

    def to_json(self) -> bytes:
        """The manifest file's bytes; keys in a fixed order, one trailing newline."""
        document: Dict[str, Any] = {"schema": SCHEMA, **_plain(self)}
        for module in document["modules"]:
            image = module["image"]
            # What a push message says of it, but for the URL and a signature: for people and uploaders, not read back.
            module["push"] = {
                "module": module["name"],
                "version": module["version"],
                "size": image["size"],
                "signMethod": "SHA256",
                "sign": image["sha256"],
                "md5": image["md5"],
            }
        return (json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8")


def _plain(value: Any) -> Any:
    """What JSON knows: records as objects. ``dataclasses.asdict`` knows no NamedTuples, which start quicker."""
    if hasattr(value, "_asdict"):
        return {name: _plain(one) for name, one in value._asdict().items()}
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def parse_manifest(data: bytes, *, file: str) -> Manifest:
    """Read a manifest.

    Raises:
        FormatError: not JSON, a key that stands twice, another schema, or a field missing or of the wrong type.
    """
    try:
        document = unique_json.loads(data, file)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        column = getattr(error, "colno", 0)
        raise FormatError(
            "this is not a manifest: it is not JSON",
            place=Place(file, line, column),
            remedy="give the ota_rtos_ota.json that was written beside the released image",
        ) from None
    reader = _Reader(file)
    top = reader.mapping(document, "the manifest")
    if top.get("schema") != SCHEMA:
        raise reader.unknown_schema(top.get("schema"))
    base = top.get("base")
    return Manifest(
        version=reader.text(top, "version"),
        security=reader.one_of(top, "security", ("local", "cloud", "none")),
        identity=reader.one_of(top, "identity", ("kv", "embedded", "unknown")),
        key_fingerprint=reader.digest(top, "key_fingerprint", 64) if top.get("key_fingerprint") is not None else None,
        payload=reader.artifact(top.get("payload")),
        images=tuple(reader.artifact(item) for item in reader.sequence(top, "images")),
        proofs=tuple(reader.proof(item) for item in reader.sequence(top, "proofs")),
        solution=reader.text(top, "solution") if top.get("solution") is not None else None,
        board=reader.text(top, "board") if top.get("board") is not None else None,
        base=reader.base(base) if base is not None else None,
        image_magic=reader.one_of(top, "image_magic", MAGICS) if "image_magic" in top else "ALL",
        modules=reader.modules(top) if "modules" in top else (),
        signed_by=reader.digest(top, "signed_by", 64) if top.get("signed_by") is not None else None,
        approval=reader.approval(top["approval"]) if top.get("approval") is not None else None,
        tool=reader.text(top, "tool"),
        excused=reader.proofs(top, "excused"),
        not_judged=reader.proofs(top, "not_judged"),
    )


class _Reader:
    """Takes typed fields out of parsed JSON; every complaint names the file and the field."""

    def __init__(self, file: str) -> None:
        self._file = file

    def bad(self, problem: str) -> FormatError:
        return FormatError(
            f"this is not a manifest we can read: {problem}",
            place=Place(self._file),
            remedy="give the ota_rtos_ota.json that was written beside the released image",
        )

    def unknown_schema(self, found: object) -> FormatError:
        name, _, number = SCHEMA.rpartition("/")
        stem, _, version = found.rpartition("/") if isinstance(found, str) else ("", "", "")
        if (
            stem == name
            and version.isascii()
            and version.isdecimal()
            and len(version) < 10
            and int(version) > int(number)
        ):
            return FormatError(
                f'this is not a manifest we can read: "schema" is "{found}", and {TOOL} knows no newer one than '
                f'"{SCHEMA}"',
                place=Place(self._file),
                remedy="update aos_ota_plugin to the version that wrote it, or "
                "a newer one: python -m pip install --upgrade aos_ota_plugin",
            )
        return self.bad(f'"schema" is not "{SCHEMA}"')

    def mapping(self, value: object, what: str) -> Dict[str, Any]:
        if not isinstance(value, dict):
            raise self.bad(f"{what} is not an object")
        return value

    def sequence(self, holder: Dict[str, Any], name: str) -> Tuple[Any, ...]:
        value = holder.get(name)
        if not isinstance(value, list):
            raise self.bad(f'"{name}" is not a list')
        return tuple(value)

    def text(self, holder: Dict[str, Any], name: str) -> str:
        value = holder.get(name)
        if not isinstance(value, str) or not value:
            raise self.bad(f'"{name}" is not a text')
        return value

    def one_of(self, holder: Dict[str, Any], name: str, allowed: Tuple[str, ...]) -> str:
        value = self.text(holder, name)
        if value not in allowed:
            raise self.bad(f'"{name}" is none of {", ".join(allowed)}')
        return value

    def size(self, holder: Dict[str, Any], name: str) -> int:
        value = holder.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.bad(f'"{name}" is not a size')
        return value

    def digest(self, holder: Dict[str, Any], name: str, length: int) -> str:
        value = self.text(holder, name)
        if len(value) != length or not set(value) <= _HEX:
            raise self.bad(f'"{name}" is not {length} lower-case hex digits')
        return value

    def artifact(self, value: object) -> Artifact:
        holder = self.mapping(value, "an artifact")
        return Artifact(
            self.text(holder, "file"),
            self.text(holder, "kind"),
            self.size(holder, "size"),
            self.digest(holder, "md5", 32),
            self.digest(holder, "sha256", 64),
        )

    def modules(self, holder: Dict[str, Any]) -> Tuple[Module, ...]:
        from aos_ota_plugin.release.module import check_modules

        modules = tuple(self.module(item) for item in self.sequence(holder, "modules"))
        try:
            check_modules(modules)
        except SettingsError as error:
            raise self.bad(error.problem) from None
        return modules

    def module(self, value: object) -> Module:
        from aos_ota_plugin.release.module import Module

        holder = self.mapping(value, "a module")
        unpacked = holder.get("unpacked")
        if not isinstance(unpacked, bool):
            raise self.bad('"unpacked" is neither true nor false')
        path, magic = holder.get("store_path"), holder.get("image_magic")
        try:
            return Module(
                self.text(holder, "name"),
                self.text(holder, "version"),
                self.artifact(holder.get("image")),
                self.text(holder, "store_path") if path is not None else None,
                unpacked,
                self.one_of(holder, "image_magic", MAGICS) if magic is not None else None,
            )
        except SettingsError as error:
            raise self.bad(error.problem) from None

    def approval(self, value: object) -> Approval:
        holder = self.mapping(value, '"approval"')
        return Approval(
            self.digest(holder, "key_fingerprint", 64),
            self.digest(holder, "hash", 64),
            self.digest(holder, "signature", 512),
        )

    def proof(self, value: object) -> Proof:
        holder = self.mapping(value, "a proof")
        return Proof(self.text(holder, "rule"), self.text(holder, "detail"))

    def proofs(self, holder: Dict[str, Any], name: str) -> Tuple[Proof, ...]:
        return tuple(self.proof(item) for item in self.sequence(holder, name)) if name in holder else ()

    def base(self, value: object) -> BaseRelease:
        holder = self.mapping(value, '"base"')
        return BaseRelease(self.text(holder, "version"), self.digest(holder, "payload_sha256", 64))
