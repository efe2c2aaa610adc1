"""Layers of raw settings in, one frozen ``OtaSettings`` out.

The rules, in the order they are checked:
1. no secret stands in a layer;
2. no name beginning with ``OTA_`` is unknown;
3. of a choice one member is y;
4. unsigned means that someone asked for it, and nobody above or beside asked for a signer;
5. every value is of its setting's kind;
6. nothing that the chosen identity and signer need is missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, Collection, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

from aos_ota_plugin.errors import Place, SettingsError
from aos_ota_plugin.settings.choices import Picked, pick, refuse_denied
from aos_ota_plugin.settings.foreign import refuse_unknown
from aos_ota_plugin.settings.leaks import refuse_secret
from aos_ota_plugin.settings.raw import DEFAULT, Origin, RawSetting, complaint
from aos_ota_plugin.settings.schema import Schema
from aos_ota_plugin.settings.secretfile import SECRETS_FILE, VARIABLES, Secrets
from aos_ota_plugin.settings.values import as_bool, as_device_name, as_path, as_product_key, as_size, as_version

Layers = Sequence[Sequence[RawSetting]]
T = TypeVar("T")
_IMAGE = "OTA_IMAGE_"
_IMAGES = tuple(_IMAGE + magic for magic in ("ALL", "APP", "KERNEL", "FS", "MCU"))


@dataclass(frozen=True)
class OtaSettings:
    """Everything a build needs to know, checked. Paths are absolute; a path that is not set is None.

    ``signing_key`` may also be a PKCS#11 URI or a command (see keys.signer.reference_kind), as it was written.
    """

    app_version: str
    product_key: str
    device_name: str
    identity: str  # "embedded" | "kv"
    security: str  # "local" | "cloud" | "none"
    signing_key: Optional[str]
    public_key: Optional[str]
    key_ring: Optional[str]
    embed_next_key: bool
    allow_development_key: bool
    warn_shared_key: bool
    second_public_key: Optional[str]
    second_signer: Optional[str]  # as signing_key
    second_approval: Optional[str]
    base_release: Optional[str]
    allow_new_key: bool
    allow_changed_payload: bool
    image_magic: str  # a name of images.info.ImageMagic
    modules: Optional[str]
    compress_xz: bool
    diff: bool
    provenance: bool
    reproducible: bool
    partition_size: int  # bytes; 0: the board's own files say
    secrets: Secrets
    origins: Mapping[str, Origin]  # by the settings' names, all of them
    solution_dir: str  # where relative paths start; a path inside a signing_key that is no path does, too

    def values(self) -> Dict[str, str]:
        """Return every setting as text, for printing; secrets are not settings and not here."""
        return {
            "OTA_APP_VERSION": self.app_version,
            "OTA_IDENTITY_KV": _yn(self.identity == "kv"),
            "OTA_IDENTITY_EMBEDDED": _yn(self.identity == "embedded"),
            "OTA_PRODUCT_KEY": self.product_key,
            "OTA_DEVICE_NAME": self.device_name,
            "OTA_CONFIG_RSA": _yn(self.security != "none"),
            "OTA_CONFIG_LOCAL_RSA": _yn(self.security == "local"),
            "OTA_CONFIG_CLOUD_RSA": _yn(self.security == "cloud"),
            "OTA_SIGNING_KEY": self.signing_key or "",
            "OTA_KEY_RING": self.key_ring or "",
            "OTA_EMBED_NEXT_KEY": _yn(self.embed_next_key),
            "OTA_ALLOW_DEVELOPMENT_KEY": _yn(self.allow_development_key),
            "OTA_WARN_SHARED_KEY": _yn(self.warn_shared_key),
            "OTA_PUBLIC_KEY": self.public_key or "",
            "OTA_SECOND_PUBLIC_KEY": self.second_public_key or "",
            "OTA_SECOND_SIGNER": self.second_signer or "",
            "OTA_SECOND_APPROVAL": self.second_approval or "",
            "OTA_BASE_RELEASE": self.base_release or "",
            "OTA_ALLOW_NEW_KEY": _yn(self.allow_new_key),
            "OTA_ALLOW_CHANGED_PAYLOAD": _yn(self.allow_changed_payload),
            **{name: _yn(name == _IMAGE + self.image_magic) for name in _IMAGES},
            "OTA_MODULES": self.modules or "",
            "OTA_COMPRESS_XZ": _yn(self.compress_xz),
            "OTA_DIFF": _yn(self.diff),
            "OTA_PROVENANCE": _yn(self.provenance),
            "OTA_REPRODUCIBLE": _yn(self.reproducible),
            "OTA_PARTITION_SIZE": hex(self.partition_size),
        }


def resolve(
    layers: Layers, *, schema: Schema, solution_dir: str, secrets: Secrets, known_foreign: Collection[str] = ()
) -> OtaSettings:
    """Merge layers, lowest first, over the schema's defaults, and check the outcome.

    Raises SettingsError or SecretError, each with the place of the value at fault and what to do.
    """
    for layer in layers:
        for raw in layer:
            refuse_secret(raw.name, raw.text, raw.origin)
    refuse_unknown(layers, schema.symbols, known_foreign)
    values = _Values(layers, schema)
    identity = pick(schema.choices["OTA_IDENTITY"], layers)
    refuse_denied(schema.choices["OTA_IDENTITY"], identity)
    image = pick(schema.choices["OTA_IMAGE"], layers)
    refuse_denied(schema.choices["OTA_IMAGE"], image)
    security, signer = _security(values, schema, layers)
    settings = OtaSettings(
        app_version=values.of("OTA_APP_VERSION", as_version),
        product_key=values.of("OTA_PRODUCT_KEY", as_product_key),
        device_name=values.of("OTA_DEVICE_NAME", as_device_name),
        identity="embedded" if identity.name == "OTA_IDENTITY_EMBEDDED" else "kv",
        security=security,
        signing_key=values.path("OTA_SIGNING_KEY", solution_dir),
        public_key=values.path("OTA_PUBLIC_KEY", solution_dir),
        key_ring=values.path("OTA_KEY_RING", solution_dir),
        embed_next_key=values.of("OTA_EMBED_NEXT_KEY", as_bool),
        allow_development_key=values.of("OTA_ALLOW_DEVELOPMENT_KEY", as_bool),
        warn_shared_key=values.of("OTA_WARN_SHARED_KEY", as_bool),
        second_public_key=values.path("OTA_SECOND_PUBLIC_KEY", solution_dir),
        second_signer=values.path("OTA_SECOND_SIGNER", solution_dir),
        second_approval=values.path("OTA_SECOND_APPROVAL", solution_dir),
        base_release=values.path("OTA_BASE_RELEASE", solution_dir),
        allow_new_key=values.of("OTA_ALLOW_NEW_KEY", as_bool),
        allow_changed_payload=values.of("OTA_ALLOW_CHANGED_PAYLOAD", as_bool),
        image_magic=image.name[len(_IMAGE) :],
        modules=values.path("OTA_MODULES", solution_dir),
        compress_xz=values.of("OTA_COMPRESS_XZ", as_bool),
        diff=values.of("OTA_DIFF", as_bool),
        provenance=values.of("OTA_PROVENANCE", as_bool),
        reproducible=values.of("OTA_REPRODUCIBLE", as_bool),
        partition_size=values.of("OTA_PARTITION_SIZE", as_size),
        secrets=secrets,
        origins=values.origins((identity, image, signer), schema),
        solution_dir=solution_dir,
    )
    _refuse_missing(settings, solution_dir, identity, signer)
    return settings


class _Values:
    """The effective value of each setting: the last layer that has the name decides."""

    def __init__(self, layers: Layers, schema: Schema) -> None:
        self.raws: Dict[str, Tuple[int, RawSetting]] = {}
        for symbol in schema.symbols.values():
            default = RawSetting(symbol.name, symbol.default, symbol.default, Origin(DEFAULT))
            self.raws[symbol.name] = (-1, default)
        for number, layer in enumerate(layers):
            for raw in layer:
                if raw.name in schema.symbols:
                    self.raws[raw.name] = (number, raw)

    def of(self, name: str, parse: Callable[[RawSetting], T]) -> T:
        return parse(self.raws[name][1])

    def path(self, name: str, solution_dir: str) -> Optional[str]:
        return as_path(self.raws[name][1], solution_dir) or None

    def origins(self, picks: Sequence[Picked], schema: Schema) -> Mapping[str, Origin]:
        origins = {name: raw.origin for name, (_, raw) in self.raws.items()}
        for picked in picks:
            for member in schema.choices[schema.symbols[picked.name].choice].members:
                origins[member] = picked.origin
        return origins


def _security(values: _Values, schema: Schema, layers: Layers) -> Tuple[str, Picked]:
    """Decide who signs. An unsigned build is what someone said n for, never what is left over."""
    choice = schema.choices["OTA_SIGNER"]
    signer = pick(choice, layers)
    layer, rsa = values.raws["OTA_CONFIG_RSA"]
    if as_bool(rsa):
        refuse_denied(choice, signer, ", or OTA_CONFIG_RSA to n if images shall not be signed at all")
        return ("cloud" if signer.name == "OTA_CONFIG_CLOUD_RSA" else "local"), signer
    if signer.raw is not None and signer.denied is None and signer.layer >= layer:
        raise complaint(
            signer.raw,
            f"{signer.name} asks for signed images, and OTA_CONFIG_RSA at {rsa.origin} is n",
            f"set OTA_CONFIG_RSA to y, or take {signer.name} out if images shall not be signed at all",
        )
    return "none", signer


def _refuse_missing(settings: OtaSettings, solution_dir: str, identity: Picked, signer: Picked) -> None:
    """Raise SettingsError naming what is not set though the rest of the settings needs it."""
    package = os.path.join(solution_dir, "package.yaml")
    if not settings.app_version:
        raise SettingsError(
            "OTA_APP_VERSION: no version is set",
            place=settings.origins["OTA_APP_VERSION"].place or Place(package),
            remedy="add `OTA_APP_VERSION: app-1.0.0` under def_config there, or build with "
            "`aos make OTA_APP_VERSION=app-1.0.0`",
        )
    if settings.security == "local" and settings.signing_key is None:
        raise SettingsError(
            "OTA_SIGNING_KEY: no signing key is set, and this build signs its images",
            place=signer.origin.place or Place(package),
            remedy="set OTA_SIGNING_KEY to the path of the private key under def_config; `aos-ota keygen` makes one",
        )
    if (
        settings.security == "local"
        and settings.public_key is None
        and (settings.signing_key or "").lower().startswith(("command:", "release:"))
    ):
        raise SettingsError(
            "OTA_PUBLIC_KEY: no public key is set, and a signing command does not say which one devices need",
            place=settings.origins["OTA_SIGNING_KEY"].place or Place(package),
            remedy="set OTA_PUBLIC_KEY to the file of the public key that belongs to what the command signs with",
        )
    if settings.security == "cloud" and settings.public_key is None:
        raise SettingsError(
            "OTA_PUBLIC_KEY: no public key is set, and devices check the platform's signature with it",
            place=signer.origin.place or Place(package),
            remedy="copy the public key from the platform's console into a file and set OTA_PUBLIC_KEY to its path",
        )
    if settings.diff and settings.base_release is None:
        raise SettingsError(
            "OTA_DIFF: no base release is set, and a diff is made from one",
            place=settings.origins["OTA_DIFF"].place or Place(package),
            remedy="set OTA_BASE_RELEASE to the ota_rtos_ota.json of the release in the field, with its "
            "ota_rtos_ota.bin beside it; or set OTA_DIFF to n",
        )
    if settings.provenance and settings.security != "local":
        raise SettingsError(
            "OTA_PROVENANCE: the statement is signed with the signing key, and this build has none",
            place=settings.origins["OTA_PROVENANCE"].place or Place(package),
            remedy="set OTA_PROVENANCE to n; `aos-ota sbom` lists the solution's components without a statement",
        )
    _refuse_half_rotation(settings, package)
    _refuse_half_approval(settings, package)
    if settings.identity == "embedded":
        _refuse_partial_identity(settings, identity)


def _refuse_half_rotation(settings: OtaSettings, package: str) -> None:
    """A transition release needs the next key, and the release whose devices are to take it."""
    if not settings.embed_next_key:
        return
    place = settings.origins["OTA_EMBED_NEXT_KEY"].place or Place(package)
    if settings.security != "local":
        raise SettingsError(
            f"OTA_EMBED_NEXT_KEY: in {settings.security} mode no key of ours signs",
            place=place,
            remedy="set it to n; a new key of the platform goes into OTA_PUBLIC_KEY",
        )
    if settings.key_ring is None:
        raise SettingsError(
            "OTA_EMBED_NEXT_KEY: no key ring is set, and the next key stands in one",
            place=place,
            remedy="set OTA_KEY_RING to an ota.keys.yaml with `current:` and `next:`",
        )
    if settings.base_release is None:
        raise SettingsError(
            "OTA_EMBED_NEXT_KEY: no base release is set, and it cannot be proven that devices will take the new key",
            place=place,
            remedy="set OTA_BASE_RELEASE to the ota_rtos_ota.json of the release in the field",
        )


def _refuse_half_approval(settings: OtaSettings, package: str) -> None:
    """What a second signer needs; and no rule of four eyes where nobody could keep it."""
    names = [
        name
        for name, value in (
            ("OTA_SECOND_PUBLIC_KEY", settings.second_public_key),
            ("OTA_SECOND_SIGNER", settings.second_signer),
            ("OTA_SECOND_APPROVAL", settings.second_approval),
        )
        if value
    ]
    if not names:
        return
    place = settings.origins[names[0]].place or Place(package)
    if settings.security != "local":
        raise SettingsError(
            f"{names[0]}: in {settings.security} mode this build signs nothing that a second signer could agree to",
            place=place,
            remedy=f"take {_listed(names)} out",
        )
    if settings.second_signer and settings.second_approval:
        raise SettingsError(
            "OTA_SECOND_SIGNER and OTA_SECOND_APPROVAL are both set, and one approval is enough",
            place=place,
            remedy="keep the one that you use",
        )
    if settings.second_public_key is None and (
        settings.second_approval or str(settings.second_signer).lower().startswith("command:")
    ):
        raise SettingsError(
            f"{names[0]}: no OTA_SECOND_PUBLIC_KEY is set, so anyone could be the second signer",
            place=place,
            remedy="set OTA_SECOND_PUBLIC_KEY to the file of their public key",
        )


def _refuse_partial_identity(settings: OtaSettings, identity: Picked) -> None:
    missing: List[Tuple[str, str]] = []
    for name, value in (("OTA_PRODUCT_KEY", settings.product_key), ("OTA_DEVICE_NAME", settings.device_name)):
        if not value:
            missing.append((name, f"{name} under def_config"))
    if settings.secrets.device_secret is None:
        variable = VARIABLES["device_secret"]
        missing.append(
            (
                "the device secret",
                f"the device secret in the environment variable {variable} or as device_secret in {SECRETS_FILE}",
            )
        )
    if missing:
        raise SettingsError(
            f"OTA_IDENTITY_EMBEDDED: an identity inside the firmware needs {_listed([name for name, _ in missing])}",
            place=identity.origin.place,
            remedy=f"set {_listed([where for _, where in missing])}; or set OTA_IDENTITY_KV to y, and every "
            "device reads its own",
        )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]


def _yn(value: bool) -> str:
    return "y" if value else "n"
