"""The keys, rings and approvals that settings or options name: loaded, and held against who may read them."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import OtaError, Place, SecretError, SettingsError, SigningKeyError
from aos_ota_plugin.release.reading import read_at_most, read_key

# Each function imports the rooms it needs: a build with nothing to do needs few.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.key_ring import KeyRing, RingKey
    from aos_ota_plugin.settings.resolve import OtaSettings
    from aos_ota_plugin.settings.secret import Secret


class Access(NamedTuple):
    """How to get at a private key: secrets that are known, whom to ask for others, where relative paths start."""

    passphrase: Optional[Secret] = None
    pin: Optional[Secret] = None
    ask: Optional[Callable[[str], Optional[str]]] = None
    folder: str = ""


def check_key_files(settings: OtaSettings) -> None:
    """Look at every key and ring that settings name, as cheaply as every build can afford.

    Raises:
        SigningKeyError, SecretError, SettingsError: a file is missing, or a private key is open to others.
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
    data = read_at_most(RING_MAX, path, "the key ring", remedy, place=place)
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
