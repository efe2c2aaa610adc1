"""The thin layer between settings and the pure rooms: reads the files that settings name, and nothing else."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Collection, Iterator, NamedTuple, Optional, Tuple

from aos_ota_plugin.bounded import KEY_MAX, SOURCE_MAX, TEXT_MAX
from aos_ota_plugin.errors import OtaError, Place, ProofError, SecretError, SettingsError, SigningKeyError, SourceError

# Each function imports the rooms it needs: signing renders no sources, and a build with nothing to do no more.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.key_ring import KeyRing, RingKey
    from aos_ota_plugin.release.manifest import Manifest
    from aos_ota_plugin.settings.resolve import OtaSettings
    from aos_ota_plugin.settings.secret import Secret
    from aos_ota_plugin.sources.template_set import TemplateSet
    from aos_ota_plugin.sources.values import AppValues


class Access(NamedTuple):
    """How to get at a private key: secrets that are known, whom to ask for others, where relative paths start."""

    passphrase: Optional[Secret] = None
    pin: Optional[Secret] = None
    ask: Optional[Callable[[str], Optional[str]]] = None
    folder: str = ""


READ_MAX = 128 << 20
"""Bytes of the largest file that is read at all: a linked firmware with everything a debugger wants."""


def read(path: str, what: str, remedy: str, error: type[OtaError] = SettingsError,
         place: Optional[Place] = None) -> bytes:
    """The bytes of a file that must be there; ``error`` with ``place`` and ``remedy`` when it cannot be read."""
    return _read(READ_MAX, path, what, remedy, error, place)


def read_document(path: str, what: str, remedy: str) -> bytes:
    """Like ``read``, of a manifest, a list or a table."""
    return _read(TEXT_MAX, path, what, remedy, SettingsError, None)


def read_key(path: str, what: str, remedy: str, place: Optional[Place] = None) -> bytes:
    """Like ``read``, of a key's file; SigningKeyError when it cannot be read."""
    return _read(KEY_MAX, path, what, remedy, SigningKeyError, place)


def read_at_most(limit: int, path: str, what: str, remedy: str) -> bytes:
    """Like ``read``, but of a file over ``limit`` bytes no more than that is ever held, and it is refused."""
    return _read(limit, path, what, remedy, SettingsError, None)


def _read(  # noqa: PLR0913, PLR0917 - all that makes the message
    limit: int, path: str, what: str, remedy: str, error: type[OtaError], place: Optional[Place],
) -> bytes:
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size  # 0 for a pipe: that is read up to the limit
            # Of a file no more is asked for than it has, so that reading takes no more memory than that.
            data = b"" if size > limit else stream.read() if size else stream.read(limit + 1)
    except OSError as problem:
        raise error(f"cannot read {what} {path}: {problem.strerror or problem}", place=place, remedy=remedy) from None
    if max(len(data), size) > limit:
        raise error(f"{what} {path} has more than {limit} bytes", place=place, remedy=remedy)
    return data


def check_files(settings: OtaSettings, *, overwritten: Collection[str] = ()) -> None:
    """Look at every file that settings name, as cheaply as every build can afford.

    Raises:
        SigningKeyError, SecretError, SettingsError: a file is missing, or a private key is open to others.
        FormatError, ProofError: a diff is to be made, and the base release's payload is not kept.
        SettingsError, FormatError: the list of modules, or a file or folder in it.
    """
    if settings.security == "local" and settings.signing_key:
        _check_signing_key(settings)
    if settings.public_key:
        _read_public_key(settings)
    ring = load_ring(settings)
    if ring is not None:
        next_key(settings, ring)
        for key in (ring.current, *([ring.next] if ring.next else [])):
            if key.public_key:
                ring_key(ring, key)
    if settings.second_public_key:
        load_public_key(settings.second_public_key)
    if settings.second_signer:
        check_private_key(settings.second_signer, settings.solution_dir)
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
    public_key = _given_public_key(settings)
    signer = None
    if settings.security == "local" and settings.signing_key:
        signer = _signer(settings, settings.signing_key, public_key)
        public_key = public_key or signer.public_key
    return signer, public_key


def trusted_key(settings: OtaSettings) -> Optional[PublicKey]:
    """The public key that the firmware is to hold: in a transition release the next one, else that of ``load_keys``,
    without a token or program where a file has it; the same errors.
    """
    from aos_ota_plugin.keys.signer import reference_kind

    if settings.embed_next_key:
        return next_key(settings, load_ring(settings))
    if settings.public_key and reference_kind(settings.signing_key or "") != "file":
        return _given_public_key(settings)
    return load_keys(settings)[1]


def load_ring(settings: OtaSettings) -> Optional[KeyRing]:
    """The key ring, if one is set.

    Raises:
        SettingsError: it cannot be read, or is none.
    """
    if not settings.key_ring:
        return None
    return read_ring(settings.key_ring, place=settings.origins["OTA_KEY_RING"].place)


def read_ring(path: str, *, place: Optional[Place] = None) -> KeyRing:
    """Read a key ring's file; errors as ``load_ring``."""
    from aos_ota_plugin.release.key_ring import RING_MAX, parse_ring

    remedy = "set OTA_KEY_RING (--key-ring) to your ota.keys.yaml"
    data = _read(RING_MAX, path, "the key ring", remedy, SettingsError, place)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError("the key ring is not UTF-8 text", place=Place(path), remedy="save it as UTF-8") from None
    return parse_ring(text, path)


def ring_files(ring: KeyRing) -> Tuple[str, ...]:
    """The public keys' files that a ring names, relative to its own folder."""
    folder = os.path.dirname(os.path.abspath(ring.file))
    keys = (ring.current, *([ring.next] if ring.next else []), *ring.retired)
    return tuple(os.path.normpath(os.path.join(folder, key.public_key)) for key in keys if key.public_key)


def next_key(settings: OtaSettings, ring: Optional[KeyRing]) -> Optional[PublicKey]:
    """The key that a transition release brings to the fleet; None when this is no such release.

    Raises:
        SettingsError: the ring has no next key, or does not say where its public half is.
        SigningKeyError: that file is no public key, or another one.
    """
    return key_to_embed(ring, place=settings.origins["OTA_EMBED_NEXT_KEY"].place) if (
        ring is not None and settings.embed_next_key) else None


def key_to_embed(ring: KeyRing, *, place: Optional[Place] = None) -> PublicKey:
    """The ring's next key; errors as ``next_key``."""
    following = ring.next
    if following is None:
        raise SettingsError("the key ring has no next key to bring to the fleet", place=place or Place(ring.file),
                            remedy="make it with `aos-ota keygen` and add it as `next:`; or, when the transition is "
                                   "done, set OTA_EMBED_NEXT_KEY to n")
    if following.public_key is None:
        raise SettingsError("the next key has no public_key, and the firmware is to hold it", place=following.place,
                            remedy="add `public_key:` with the path of its public half, relative to the ring's folder")
    return ring_key(ring, following)


def ring_key(ring: KeyRing, declared: RingKey) -> PublicKey:
    """The public key of a ring's key. Raises SigningKeyError: its file is no public key, or another one."""
    path = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(ring.file)), str(declared.public_key)))
    key = load_public_key(path)
    if key.fingerprint != declared.fingerprint:
        raise SigningKeyError(f"{path} holds the key {key.short_fingerprint}, and this fingerprint is "
                              f"{declared.fingerprint[:16]}", place=declared.place,
                              remedy="correct the fingerprint or the path; be sure which key devices are to trust")
    return key


def load_second(settings: OtaSettings) -> Tuple[Optional[HashSigner], Optional[PublicKey]]:
    """The second signer, and the key that it has to have; None where none is set.

    Raises:
        SigningKeyError, SecretError, SettingsError, FormatError: as for the first signer; or the approval is none.
    """
    wanted = load_public_key(settings.second_public_key) if settings.second_public_key else None
    if settings.second_approval and wanted:
        return load_approval(settings.second_approval, wanted), wanted
    if not settings.second_signer:
        return None, wanted
    return load_second_signer(settings.second_signer, settings.secrets.ask, settings.solution_dir,
                              settings.second_public_key), wanted


def load_second_signer(
    reference: str, ask: Optional[Callable[[str], Optional[str]]], folder: str, public_key: Optional[str],
) -> Signer:
    """The second signer in person: two people have two secrets, so the first one's passphrase and PIN are not tried.

    Raises:
        SigningKeyError, SecretError: as ``load_private_key``.
    """
    try:
        return load_private_key(reference, Access(None, None, ask, folder), public_key)
    except (SigningKeyError, SecretError) as error:
        firsts = any(variable in error.remedy for variable in ("AOS_OTA_KEY_PASSPHRASE", "AOS_OTA_PKCS11_PIN"))
        remedy = ("let the second signer type it on the terminal; or name a program with AOS_OTA_PASSPHRASE_COMMAND, a "
                  "PIN's file with pin-source in the URI") if firsts else error.remedy
        raise type(error)(f"second signer: {error.problem}", place=error.place, remedy=remedy) from None


def load_approval(path: str, public_key: PublicKey) -> HashSigner:
    """The signer that stands for who made an approval elsewhere. Raises SettingsError, FormatError, SigningKeyError."""
    from aos_ota_plugin.keys.approval import APPROVAL_MAX, ApprovalSigner, parse_approval

    data = read_at_most(APPROVAL_MAX, path, "the second signer's approval",
                        "let the second signer make it with `aos-ota approve`")
    return ApprovalSigner(public_key, parse_approval(data, file=path), file=path)


def _signer(settings: OtaSettings, reference: str, public_key: Optional[PublicKey]) -> Signer:
    from aos_ota_plugin.keys.signer import reference_kind

    secrets = settings.secrets
    access = Access(secrets.key_passphrase, secrets.pkcs11_pin, secrets.ask, settings.solution_dir)
    if reference_kind(reference) == "file":
        return _file_signer(reference, _read_signing_key(settings), access)
    from aos_ota_plugin.release.references import load_reference

    with _at_setting(settings):
        return load_reference(reference, access, public_key)


def _check_signing_key(settings: OtaSettings) -> None:
    from aos_ota_plugin.keys.signer import reference_kind

    reference = str(settings.signing_key)
    if reference_kind(reference) == "file":
        check_private_file(reference, _read_signing_key(settings))
        return
    from aos_ota_plugin.release.references import check_reference

    with _at_setting(settings):
        check_reference(reference, settings.solution_dir)


@contextmanager
def _at_setting(settings: OtaSettings) -> Iterator[None]:
    """Say where OTA_SIGNING_KEY was set, when an error about it has no place of its own."""
    try:
        yield
    except OtaError as error:
        if error.place is not None:
            raise
        raise type(error)(error.problem, place=settings.origins["OTA_SIGNING_KEY"].place, remedy=error.remedy) from None


def _given_public_key(settings: OtaSettings) -> Optional[PublicKey]:
    if not settings.public_key:
        return None
    from aos_ota_plugin.keys.public import parse_public_key

    return parse_public_key(_read_public_key(settings), file=settings.public_key)


def _file_signer(path: str, data: bytes, access: Access) -> Signer:
    from aos_ota_plugin.keys.signer import load_signer

    def passphrase() -> Optional[bytes]:
        from aos_ota_plugin.release import passwords

        return passwords.passphrase(access, path)

    check_private_file(path, data)
    return load_signer(data, file=path, passphrase=passphrase)


def _read_signing_key(settings: OtaSettings) -> bytes:
    return read_key(str(settings.signing_key), "the signing key", "make one with `aos-ota keygen`, or set "
                    "OTA_SIGNING_KEY to yours", settings.origins["OTA_SIGNING_KEY"].place)


def _read_public_key(settings: OtaSettings) -> bytes:
    return read_key(str(settings.public_key), "the public key", "set OTA_PUBLIC_KEY to the file with the key that the "
                    "platform shows (PEM, DER, the C arrays, or the copied text)",
                    settings.origins["OTA_PUBLIC_KEY"].place)


def _read_base(settings: OtaSettings) -> bytes:
    return _read(TEXT_MAX, str(settings.base_release), "the base release", "set OTA_BASE_RELEASE to the "
                 "ota_rtos_ota.json kept from the release in the field", SettingsError,
                 settings.origins["OTA_BASE_RELEASE"].place)


def load_private_key(reference: str, access: Access, public_key: Optional[str] = None) -> Signer:
    """Load the signer behind ``reference``: a private key's file, which nobody else can read, a token or a program.

    ``public_key`` is the file of the public key; a program has to have it, any other signer has to fit it.

    Raises:
        SigningKeyError: missing, not a private key, not RSA-2048/65537, or a wrong passphrase.
        SecretError: not encrypted, and tracked by git or open to others; a wrong PIN.
    """
    from aos_ota_plugin.keys.signer import reference_kind

    public = load_public_key(public_key) if public_key else None
    if reference_kind(reference) == "file":
        signer = _file_signer(reference, read_key(
            reference, "the signing key", "make one with `aos-ota keygen`, or give the path of yours"), access)
    else:
        from aos_ota_plugin.release.references import load_reference

        signer = load_reference(reference, access, public)
    if public is not None and signer.public_key != public:
        raise SigningKeyError(
            f"the public key {public.short_fingerprint} is not the other half of the signing key "
            f"{signer.public_key.short_fingerprint}", place=Place(str(public_key)),
            remedy="drop --public-key to use the signing key's own, or give the one belonging to it")
    return signer


def load_public_key(path: str) -> PublicKey:
    """Read a public key's file, in any form. Raises SigningKeyError."""
    from aos_ota_plugin.keys.public import parse_public_key

    return parse_public_key(read_key(path, "the public key", "give its file"), file=path)


def check_private_key(reference: str, folder: str) -> None:
    """Look at what stands for a private key, as cheaply as every build can afford; errors as ``load_private_key``."""
    from aos_ota_plugin.keys.signer import reference_kind

    if reference_kind(reference) == "file":
        check_private_file(reference, read_key(reference, "the second signer's key", "set OTA_SECOND_SIGNER to it"))
        return
    from aos_ota_plugin.release.references import check_reference

    check_reference(reference, folder)


def input_files(settings: OtaSettings) -> Tuple[str, ...]:
    """Every file of a key, a ring or an approval that decides a release, whether it is there or not."""
    return (*trust_files(settings), *_files(settings.second_signer, settings.second_public_key,
                                            settings.second_approval))


def trust_files(settings: OtaSettings) -> Tuple[str, ...]:
    """Every file that decides which keys sign and which ones firmware trusts, whether it is there or not."""
    ring = load_ring(settings)
    return (*_files(settings.signing_key, settings.public_key, settings.key_ring), *(ring_files(ring) if ring else ()))


def _files(*references: Optional[str]) -> Tuple[str, ...]:
    from aos_ota_plugin.keys.signer import reference_kind

    return tuple(path for path in references if path and reference_kind(path) == "file")


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


def read_source(path: str) -> bytes:
    """A C source of the user's. Raises SourceError."""
    return _read(SOURCE_MAX, path, "the source", "restore it", SourceError, None)


def render_source(name: str, settings: OtaSettings, *, user_file: Optional[str], display: Optional[str],
                  templates: TemplateSet) -> bytes:
    """``otaappdemo.c`` or ``ota_hal_digest.c``: the user's file with values injected, or the full template.

    Raises:
        SourceError: no single place for a value, or a template that cannot be rendered.
        SigningKeyError: no usable key for the digest file.
    """
    from aos_ota_plugin.sources.inject import inject_app, inject_digest
    from aos_ota_plugin.sources.render import render_app, render_digest

    source = read_source(user_file) if user_file else None
    shown = (display or user_file or name).replace("\\", "/")
    if name == "ota_hal_digest.c":
        public_key = trusted_key(settings)
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
