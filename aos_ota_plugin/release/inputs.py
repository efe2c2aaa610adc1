"""The thin layer between settings and the pure rooms: reads the files that settings name, and nothing else."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Collection, Optional, Tuple

from aos_ota_plugin.errors import OtaError, Place, ProofError, SecretError, SettingsError, SigningKeyError, SourceError

# Each function imports the rooms it needs: signing renders no sources, and a build with nothing to do no more.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import Signer
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.settings.resolve import OtaSettings
    from aos_ota_plugin.settings.secret import Secret
    from aos_ota_plugin.sources.template_set import TemplateSet
    from aos_ota_plugin.sources.values import AppValues


def read(path: str, what: str, remedy: str, error: type[OtaError] = SettingsError,
         place: Optional[Place] = None) -> bytes:
    """The bytes of a file that must be there; ``error`` with ``place`` and ``remedy`` when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as problem:
        raise error(f"cannot read {what} {path}: {problem.strerror or problem}", place=place, remedy=remedy) from None


def read_at_most(limit: int, path: str, what: str, remedy: str) -> bytes:
    """Like ``read``, but of a file over ``limit`` bytes no more than that is ever held, and it is refused."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as problem:
        raise SettingsError(f"cannot read {what} {path}: {problem.strerror or problem}", remedy=remedy) from None
    if len(data) > limit:
        raise SettingsError(f"{what} {path} has more than {limit} bytes", remedy=remedy)
    return data


def check_files(settings: OtaSettings, *, overwritten: Collection[str] = ()) -> None:
    """Look at every file that settings name, as cheaply as every build can afford.

    Raises:
        SigningKeyError, SecretError, SettingsError: a file is missing, or a private key is open to others.
        FormatError, ProofError: a diff is to be made, and the base release's payload is not kept.
        SettingsError, FormatError: the list of modules, or a file or folder in it.
    """
    if settings.security == "local" and settings.signing_key:
        check_private_file(settings.signing_key, _read_signing_key(settings))
    if settings.public_key:
        _read_public_key(settings)
    if settings.base_release:
        _read_base(settings)
    if settings.diff:
        base_payload(settings, load_base(settings), overwritten=overwritten)
    if settings.modules:
        from aos_ota_plugin.release.module_sources import check_sources

        check_sources(settings)


def load_keys(settings: OtaSettings) -> Tuple[Optional[Signer], Optional[PublicKey]]:
    """The signer (local mode) and the public key that devices are to trust.

    Raises:
        SigningKeyError, SecretError: a key is missing, unusable, or stands where others can read it.
    """
    signer = None
    if settings.security == "local" and settings.signing_key:
        from aos_ota_plugin.keys.signer import load_signer

        passphrase = settings.secrets.key_passphrase
        data = _read_signing_key(settings)
        check_private_file(settings.signing_key, data)
        signer = load_signer(data, file=settings.signing_key, passphrase=passphrase.reveal() if passphrase else None)
    public_key = None
    if settings.public_key:
        from aos_ota_plugin.keys.public import parse_public_key

        public_key = parse_public_key(_read_public_key(settings), file=settings.public_key)
    elif signer is not None:
        public_key = signer.public_key
    return signer, public_key


def _read_signing_key(settings: OtaSettings) -> bytes:
    return read(str(settings.signing_key), "the signing key", "make one with `aos-ota keygen`, or set OTA_SIGNING_KEY "
                "to yours", SigningKeyError, settings.origins["OTA_SIGNING_KEY"].place)


def _read_public_key(settings: OtaSettings) -> bytes:
    return read(str(settings.public_key), "the public key", "set OTA_PUBLIC_KEY to the file with the key that the "
                "platform shows (PEM, DER, the C arrays, or the copied text)", SigningKeyError,
                settings.origins["OTA_PUBLIC_KEY"].place)


def _read_base(settings: OtaSettings) -> bytes:
    return read(str(settings.base_release), "the base release", "set OTA_BASE_RELEASE to the ota_rtos_ota.json kept "
                "from the release in the field", SettingsError, settings.origins["OTA_BASE_RELEASE"].place)


def load_private_key(path: str, passphrase: Optional[Secret]) -> Signer:
    """Read a private key file after checking that nobody else can.

    Raises:
        SigningKeyError: missing, not a private key, not RSA-2048/65537, or a wrong passphrase.
        SecretError: not encrypted, and tracked by git or open to others.
    """
    from aos_ota_plugin.keys.signer import load_signer

    data = read(path, "the signing key", "make one with `aos-ota keygen`, or give the path of yours", SigningKeyError)
    check_private_file(path, data)
    return load_signer(data, file=path, passphrase=passphrase.reveal() if passphrase else None)


def check_private_file(path: str, data: bytes) -> None:
    """An unencrypted private key must be its owner's alone, and no part of a git history."""
    if b"ENCRYPTED" in data or (b"PUBLIC KEY" in data and b"PRIVATE KEY" not in data):
        return
    if os.name == "posix" and stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise SecretError("this private key is not encrypted and others on this machine can read it", place=Place(path),
                          remedy=f"chmod 600 {path!r}; if others did read it, make a new key with `aos-ota keygen`")
    from aos_ota_plugin.settings.gitcheck import tracked_by_git

    if tracked_by_git(path):
        raise SecretError(
            "this private key is not encrypted and git tracks it", place=Place(path),
            remedy="`git rm --cached` it and add it to .gitignore; who has the history has the key, so make a new one "
                   "with `aos-ota keygen`, or encrypt it")


def refuse_own_manifest(settings: OtaSettings, manifest: str) -> None:
    """A release must not be compared with itself.

    Raises:
        SettingsError: OTA_BASE_RELEASE is the manifest that this build writes.
    """
    if settings.base_release and os.path.realpath(settings.base_release) == os.path.realpath(manifest):
        raise SettingsError("OTA_BASE_RELEASE is the manifest that this build overwrites, so it would compare the "
                            "release with itself", place=settings.origins["OTA_BASE_RELEASE"].place,
                            remedy="keep a copy of each release you ship, e.g. in releases/app-1.0.0/, and name that")


def load_base(settings: OtaSettings) -> Optional[Manifest]:
    """The manifest of the release in the field, if one is set.

    Raises:
        SettingsError: it cannot be read.
        FormatError: it is no manifest.
    """
    if not settings.base_release:
        return None
    from aos_ota_plugin.release.manifest import parse_manifest

    return parse_manifest(_read_base(settings), file=settings.base_release)


def base_payload(
    settings: OtaSettings, base: Optional[Manifest], *, overwritten: Collection[str] = (),
) -> Optional[bytes]:
    """The payload that a diff starts from, or None without OTA_DIFF; ``overwritten`` are files that this build writes.

    Raises:
        ProofError: it is not kept beside the manifest of the base release.
    """
    if not settings.diff or not settings.base_release or base is None:
        return None
    from aos_ota_plugin.release.payloads import payload_of_release

    return payload_of_release(base, settings.base_release, overwritten=overwritten)


def partition_size(settings: OtaSettings, board_folder: Optional[str], chip_folder: Optional[str]) -> int:
    """Bytes that the OTA partition holds: the setting, else the board's partition table or the flasher's file list.

    Raises:
        ProofError: nothing says.
        WorkspaceError: the list cannot be understood.
    """
    if settings.partition_size:
        return settings.partition_size
    from aos_ota_plugin.workspace.partitions import find_partition_size

    found = find_partition_size(board_folder, chip_folder)
    if found is None:
        raise ProofError("the size of the OTA partition is not known, so it cannot be proven that the image fits",
                         remedy="set OTA_PARTITION_SIZE, e.g. 0x578000 for the HaaS100")
    return found.size


def identity_bytes(settings: OtaSettings) -> Tuple[bytes, ...]:
    """What a firmware with an embedded identity must hold."""
    names = (settings.product_key, settings.device_name)
    return tuple(name.encode("ascii") for name in names if name) + secret_bytes(settings)


def secret_bytes(settings: OtaSettings) -> Tuple[bytes, ...]:
    """The device's secrets, as they would stand in a firmware."""
    secrets = (settings.secrets.product_secret, settings.secrets.device_secret)
    return tuple(secret.reveal() for secret in secrets if secret)


def scrub(text: str, settings: OtaSettings) -> str:
    """``text`` without the device's secrets, for showing what another program printed."""
    for secret in secret_bytes(settings):
        text = text.replace(secret.decode("ascii"), "<secret>")
    return text


def app_values(settings: OtaSettings) -> AppValues:
    """What stands in a rendered otaappdemo.c."""
    from aos_ota_plugin.sources.values import AppValues, Embedded, Kv

    if settings.identity == "embedded":
        return AppValues(version=settings.app_version, identity=Embedded(
            product_key=settings.product_key or "", device_name=settings.device_name or "",
            has_product_secret=settings.secrets.product_secret is not None,
            has_device_secret=settings.secrets.device_secret is not None))
    return AppValues(version=settings.app_version, identity=Kv())


def render_source(name: str, settings: OtaSettings, *, user_file: Optional[str], display: Optional[str],
                  templates: TemplateSet) -> bytes:
    """``otaappdemo.c`` or ``ota_hal_digest.c``: the user's file with values injected, or the full template.

    Raises:
        SourceError: no single place for a value, or a template that cannot be rendered.
        SigningKeyError: no usable key for the digest file.
    """
    from aos_ota_plugin.sources.inject import inject_app, inject_digest
    from aos_ota_plugin.sources.render import render_app, render_digest

    source = read(user_file, "the source", "restore it", SourceError) if user_file else None
    shown = (display or user_file or name).replace("\\", "/")
    if name == "ota_hal_digest.c":
        _, public_key = load_keys(settings)
        if public_key is None:
            raise SigningKeyError("there is no public key to put into ota_hal_digest.c",
                                  remedy="set OTA_SIGNING_KEY (local mode) or OTA_PUBLIC_KEY (cloud mode)")
        if source is None:
            return render_digest(public_key.n_bytes, public_key.e_bytes, templates=templates)
        return inject_digest(source, shown, public_key.n_bytes, public_key.e_bytes)
    values = app_values(settings)
    if source is None:
        return render_app(values, templates=templates)
    return inject_app(source, shown, values)


def render_identity_source(settings: OtaSettings, *, templates: TemplateSet) -> str:
    """The C text of the one object that may hold secrets. Never write it to a file."""
    from aos_ota_plugin.sources.render import render_identity
    from aos_ota_plugin.sources.values import EmbeddedSecrets, Kv

    if settings.identity == "kv":
        return render_identity(Kv(), templates=templates)
    product, device = settings.secrets.product_secret, settings.secrets.device_secret
    return render_identity(
        EmbeddedSecrets(product_secret=product.reveal().decode("ascii") if product else None,
                        device_secret=device.reveal().decode("ascii") if device else None),
        templates=templates)
