"""The keys, rings and approvals that a build's settings name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator, Optional, Tuple

from aos_ota_plugin.errors import OtaError, SigningKeyError
from aos_ota_plugin.files.read import KEY_MAX, read_file
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.load import (
    check_private_file,
    check_private_key,
    key_to_embed,
    load_approval,
    load_key_file,
    load_public_key,
    load_second_signer,
    read_ring,
    ring_files,
    ring_key,
)

# Each function imports the rooms it needs: a build with nothing to do needs few.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.ring import KeyRing
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.settings.resolve import OtaSettings


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


def next_key(settings: OtaSettings, ring: Optional[KeyRing]) -> Optional[PublicKey]:
    """The key that a transition release brings to the fleet; None when this is no such release.

    Raises:
        SettingsError: the ring has no next key, or does not say where its public half is.
        SigningKeyError: that file is no public key, or another one.
    """
    return (
        key_to_embed(ring, place=settings.origins["OTA_EMBED_NEXT_KEY"].place)
        if (ring is not None and settings.embed_next_key)
        else None
    )


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
    return load_second_signer(
        settings.second_signer, settings.secrets.ask, settings.solution_dir, settings.second_public_key
    ), wanted


def _signer(settings: OtaSettings, reference: str, public_key: Optional[PublicKey]) -> Signer:
    from aos_ota_plugin.keys.signer import reference_kind

    secrets = settings.secrets
    access = Access(secrets.key_passphrase, secrets.pkcs11_pin, secrets.ask, settings.solution_dir)
    if reference_kind(reference) == "file":
        return load_key_file(reference, _read_signing_key(settings), access)
    with _at_setting(settings):
        if reference_kind(reference) == "release":
            from aos_ota_plugin.pipeline.released import released_signer

            return released_signer(reference, settings.solution_dir, public_key)
        from aos_ota_plugin.keys.references import load_reference

        return load_reference(reference, access, public_key)


def _check_signing_key(settings: OtaSettings) -> None:
    from aos_ota_plugin.keys.signer import reference_kind

    reference = str(settings.signing_key)
    if reference_kind(reference) == "file":
        check_private_file(reference, _read_signing_key(settings))
        return
    from aos_ota_plugin.keys.references import check_reference

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


def _read_signing_key(settings: OtaSettings) -> bytes:
    return read_file(
        str(settings.signing_key),
        "the signing key",
        "make one with `aos-ota keygen`, or set OTA_SIGNING_KEY to yours",
        limit=KEY_MAX,
        error=SigningKeyError,
        place=settings.origins["OTA_SIGNING_KEY"].place,
    )


def _read_public_key(settings: OtaSettings) -> bytes:
    return read_file(
        str(settings.public_key),
        "the public key",
        "set OTA_PUBLIC_KEY to the file with the key that the "
        "platform shows (PEM, DER, the C arrays, or the copied text)",
        limit=KEY_MAX,
        error=SigningKeyError,
        place=settings.origins["OTA_PUBLIC_KEY"].place,
    )


def input_files(settings: OtaSettings) -> Tuple[str, ...]:
    """Every file of a key, a ring or an approval that decides a release, whether it is there or not."""
    return (
        *trust_files(settings),
        *_files(settings.second_signer, settings.second_public_key, settings.second_approval),
    )


def trust_files(settings: OtaSettings) -> Tuple[str, ...]:
    """Every file that decides which keys sign and which ones firmware trusts, whether it is there or not."""
    ring = load_ring(settings)
    return (*_files(settings.signing_key, settings.public_key, settings.key_ring), *(ring_files(ring) if ring else ()))


def _files(*references: Optional[str]) -> Tuple[str, ...]:
    from aos_ota_plugin.keys.signer import reference_kind

    return tuple(path for path in references if path and reference_kind(path) == "file")
