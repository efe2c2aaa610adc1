"""Loading keys, rings and approvals from the files, tokens and programs that stand for them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Callable, Optional, Tuple

from aos_ota_plugin.errors import Place, SecretError, SettingsError, SigningKeyError
from aos_ota_plugin.files.read import KEY_MAX, read_file
from aos_ota_plugin.keys.access import Access

# Each function imports what it needs: a build with nothing to do needs little.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.ring import KeyRing, RingKey
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer


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
        signer = load_key_file(
            reference,
            read_file(
                reference,
                "the signing key",
                "make one with `aos-ota keygen`, or give the path of yours",
                limit=KEY_MAX,
                error=SigningKeyError,
            ),
            access,
        )
    else:
        from aos_ota_plugin.keys.references import load_reference

        signer = load_reference(reference, access, public)
    if public is not None and signer.public_key != public:
        raise SigningKeyError(
            f"the public key {public.short_fingerprint} is not the other half of the signing key "
            f"{signer.public_key.short_fingerprint}",
            place=Place(str(public_key)),
            remedy="drop --public-key to use the signing key's own, or give the one belonging to it",
        )
    return signer


def load_public_key(path: str) -> PublicKey:
    """Read a public key's file, in any form. Raises SigningKeyError."""
    from aos_ota_plugin.keys.public import parse_public_key

    return parse_public_key(
        read_file(path, "the public key", "give its file", limit=KEY_MAX, error=SigningKeyError), file=path
    )


def check_private_key(reference: str, folder: str) -> None:
    """Look at what stands for a private key, as cheaply as every build can afford; errors as ``load_private_key``."""
    from aos_ota_plugin.keys.signer import reference_kind

    if reference_kind(reference) == "file":
        check_private_file(
            reference,
            read_file(
                reference,
                "the second signer's key",
                "set OTA_SECOND_SIGNER to it",
                limit=KEY_MAX,
                error=SigningKeyError,
            ),
        )
        return
    from aos_ota_plugin.keys.references import check_reference

    check_reference(reference, folder)


def check_private_file(path: str, data: bytes) -> None:
    """An unencrypted private key must be its owner's alone, and no part of a git history."""
    if b"ENCRYPTED" in data or (b"PUBLIC KEY" in data and b"PRIVATE KEY" not in data):
        return
    if os.name == "posix" and stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise SecretError(
            "this private key is not encrypted and others on this machine can read it",
            place=Place(path),
            remedy=f"chmod 600 {path!r}; if others did read it, make a new key with `aos-ota keygen`",
        )
    from aos_ota_plugin.files.git import tracked_by_git

    if tracked_by_git(path):
        raise SecretError(
            "this private key is not encrypted and git tracks it",
            place=Place(path),
            remedy="`git rm --cached` it and add it to .gitignore; who has the history has the key, so make a new one "
            "with `aos-ota keygen`, or encrypt it",
        )


def load_second_signer(
    reference: str, ask: Optional[Callable[[str], Optional[str]]], folder: str, public_key: Optional[str]
) -> Signer:
    """The second signer in person: two people have two secrets, so the first one's passphrase and PIN are not tried.

    Raises:
        SigningKeyError, SecretError: as ``load_private_key``.
    """
    try:
        return load_private_key(reference, Access(None, None, ask, folder), public_key)
    except (SigningKeyError, SecretError) as error:
        firsts = any(variable in error.remedy for variable in ("AOS_OTA_KEY_PASSPHRASE", "AOS_OTA_PKCS11_PIN"))
        remedy = (
            (
                "let the second signer type it on the terminal; or name a program with AOS_OTA_PASSPHRASE_COMMAND, a "
                "PIN's file with pin-source in the URI"
            )
            if firsts
            else error.remedy
        )
        raise type(error)(f"second signer: {error.problem}", place=error.place, remedy=remedy) from None


def load_approval(path: str, public_key: PublicKey) -> HashSigner:
    """The signer that stands for who made an approval elsewhere. Raises SettingsError, FormatError, SigningKeyError."""
    from aos_ota_plugin.keys.approval import ApprovalSigner, parse_approval

    data = read_file(
        path, "the second signer's approval", "let the second signer make it with `aos-ota approve`", limit=KEY_MAX
    )
    return ApprovalSigner(public_key, parse_approval(data, file=path), file=path)


def read_ring(path: str, *, place: Optional[Place] = None) -> KeyRing:
    """Read a key ring's file; errors as ``load_ring``."""
    from aos_ota_plugin.keys.ring import parse_ring

    remedy = "set OTA_KEY_RING (--key-ring) to your ota.keys.yaml"
    data = read_file(path, "the key ring", remedy, limit=KEY_MAX, place=place)
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


def key_to_embed(ring: KeyRing, *, place: Optional[Place] = None) -> PublicKey:
    """The ring's next key; errors as ``next_key``."""
    following = ring.next
    if following is None:
        raise SettingsError(
            "the key ring has no next key to bring to the fleet",
            place=place or Place(ring.file),
            remedy="make it with `aos-ota keygen` and add it as `next:`; or, when the transition is "
            "done, set OTA_EMBED_NEXT_KEY to n",
        )
    if following.public_key is None:
        raise SettingsError(
            "the next key has no public_key, and the firmware is to hold it",
            place=following.place,
            remedy="add `public_key:` with the path of its public half, relative to the ring's folder",
        )
    return ring_key(ring, following)


def ring_key(ring: KeyRing, declared: RingKey) -> PublicKey:
    """The public key of a ring's key. Raises SigningKeyError: its file is no public key, or another one."""
    path = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(ring.file)), str(declared.public_key)))
    key = load_public_key(path)
    if key.fingerprint != declared.fingerprint:
        raise SigningKeyError(
            f"{path} holds the key {key.short_fingerprint}, and this fingerprint is {declared.fingerprint[:16]}",
            place=declared.place,
            remedy="correct the fingerprint or the path; be sure which key devices are to trust",
        )
    return key


def load_key_file(path: str, data: bytes, access: Access) -> Signer:
    """Load a private key's file, whose bytes are ``data``; errors as ``load_private_key``."""
    from aos_ota_plugin.keys.signer import load_signer

    def passphrase() -> Optional[bytes]:
        from aos_ota_plugin.keys import passwords

        return passwords.passphrase(access, path)

    check_private_file(path, data)
    return load_signer(data, file=path, passphrase=passphrase)
