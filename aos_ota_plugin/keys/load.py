"""Loading keys, rings and approvals from files, tokens and programs.

    signer = load_private_key(parse_reference("keys/ota_key.pem"), Access())
    signature = signer.sign_hash(image_hash)

A file that is missing is an error of the package, with a remedy:

>>> from aos_ota_plugin.keys.access import Access
>>> from aos_ota_plugin.keys.reference import parse_reference
>>> load_private_key(parse_reference("missing/ota_key.pem"), Access())
Traceback (most recent call last):
    ...
aos_ota_plugin.errors.SigningKeyError: cannot read the signing key missing/ota_key.pem: No such file or directory
  fix: make one with `aos-ota keygen`, or give the path of yours
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Callable, Dict, Optional, Set, Tuple, Type

from aos_ota_plugin.errors import OtaError, Place, SecretError, SettingsError, SigningKeyError
from aos_ota_plugin.files.read import KEY_MAX, decode_text, read_file
from aos_ota_plugin.keys.access import Access

# Each function imports what it needs: a build with nothing to do needs few of these modules.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.reference import KeyReference
    from aos_ota_plugin.keys.ring import KeyRing, RingKey
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.secret import Secret
    from aos_ota_plugin.keys.signer import HashSigner, Signer


class KeyFiles:
    """A reader of key files that reads each file at most once and stores the bytes as secrets."""

    def __init__(self) -> None:
        self._contents: Dict[str, Secret] = {}
        self._private: Set[str] = set()

    def read(
        self,
        path: str,
        what: str,
        remedy: str,
        place: Optional[Place] = None,
        *,
        error: Type[OtaError] = SigningKeyError,
    ) -> bytes:
        """Return a file's bytes.

        ``what`` names the file in errors. Raises ``error`` with ``place`` and ``remedy`` where it cannot be read.
        """
        from aos_ota_plugin.keys.secret import Secret

        if path not in self._contents:
            self._contents[path] = Secret(read_file(path, what, remedy, limit=KEY_MAX, error=error, place=place))
        return self._contents[path].reveal()

    def digest(self, path: str) -> Optional[str]:
        """Return the SHA-256 of the bytes that ``read`` returns; None where it fails.

        It stays the same, whatever the file holds by now.
        """
        try:
            return hashlib.sha256(self.read(path, "the key", "")).hexdigest()
        except OtaError:
            return None

    def read_private(self, path: str, what: str, remedy: str, place: Optional[Place] = None) -> bytes:
        """Return the bytes of a private key's file as ``read`` does; errors as ``check_private_file``."""
        data = self.read(path, what, remedy, place)
        if path not in self._private:
            check_private_file(path, data)
            self._private.add(path)
        return data


def load_private_key(reference: KeyReference, access: Access, public_key: Optional[str] = None) -> Signer:
    """Load the signer that ``reference`` names: a private key's file, a token or a program.

    ``public_key`` is the path of the public key's file. A program needs it; for other signers it is compared with the
    signer's own.

    Raises:
        SigningKeyError: missing, not a private key, not RSA-2048/65537, a wrong passphrase, or another public key.
        SecretError: not encrypted, and tracked by git or readable by other users; a wrong PIN.
    """
    public = load_public_key(public_key) if public_key else None
    if reference.file is None:
        signer = open_signer(reference, access, public)
    else:
        remedy = "make one with `aos-ota keygen`, or give the path of yours"
        data = _read_key(reference.file, "the signing key", remedy)
        check_private_file(reference.file, data)
        signer = load_key_file(reference.file, data, access)
    if public is not None and signer.public_key != public:
        raise SigningKeyError(
            f"the public key {public.short_fingerprint} is not the other half of the signing key "
            f"{signer.public_key.short_fingerprint}",
            place=Place(str(public_key)),
            remedy="drop --public-key to use the signing key's own, or give the one belonging to it",
        )
    return signer


def open_signer(reference: KeyReference, access: Access, public_key: Optional[PublicKey]) -> Signer:
    """Return the signer of a token or a program; a program's public key is ``public_key``.

    Raises:
        SigningKeyError: a program without a public key, a kept release, or a token that cannot be used.
        SecretError: a wrong or missing PIN.
    """
    if reference.uri is not None:
        from aos_ota_plugin.keys.passwords import pin
        from aos_ota_plugin.keys.pkcs11 import Pkcs11Signer
        from aos_ota_plugin.keys.pkcs11_module import find_module

        uri = reference.uri
        module = find_module(uri, folder=access.folder, environ=os.environ)
        return Pkcs11Signer(uri, module, lambda: pin(access, uri))
    if not reference.command:
        raise SigningKeyError(
            "a kept release replaces a key only in a build that makes it again",
            remedy="give a key's file, a token's PKCS#11 URI or a command",
        )
    from aos_ota_plugin.keys.command import CommandSigner, read_timeout

    if public_key is None:
        raise SigningKeyError(
            "a signing command does not say which public key devices need to trust",
            remedy="give it with OTA_PUBLIC_KEY, or --public-key (sign: --key-ring)",
        )
    return CommandSigner(reference.command, public_key, folder=access.folder, timeout=read_timeout(os.environ))


def check_signer(reference: KeyReference, folder: str) -> None:
    """Check that a program exists, without starting it; tokens are not opened.

    Relative paths start at ``folder``.

    Raises:
        SigningKeyError: there is no such program.
    """
    if reference.command:
        from aos_ota_plugin.keys.command import find_program

        find_program(reference.command[0], folder)


def load_public_key(path: str, files: Optional[KeyFiles] = None) -> PublicKey:
    """Read a public key's file, in any form that ``public`` reads. Raises SigningKeyError."""
    from aos_ota_plugin.keys.public import parse_public_key

    read = files.read if files else _read_key
    return parse_public_key(read(path, "the public key", "give its file"), file=path)


def check_private_file(path: str, data: bytes) -> None:
    """Raise SecretError for an unencrypted private key that others can read or git tracks.

    Raises SigningKeyError as ``find_private_key``: what holds no private key has no mode that matters.
    """
    from aos_ota_plugin.keys.private_file import find_private_key

    if find_private_key(data, Place(path)).encrypted:
        return
    if os.name == "posix" and stat.S_IMODE(os.stat(path).st_mode) & 0o077:
        raise SecretError(
            "this private key is not encrypted and others on this machine can read it",
            place=Place(path),
            remedy=f"chmod 600 '{path}'; if others did read it, make a new key with `aos-ota keygen`",
        )
    from aos_ota_plugin.files.git import tracked_by_git

    if tracked_by_git(path):
        raise SecretError(
            "this private key is not encrypted and git tracks it",
            place=Place(path),
            remedy="`git rm --cached` it and add it to .gitignore; the history contains the key, so make a new "
            "one with `aos-ota keygen`, or encrypt it",
        )


def load_second_signer(
    reference: KeyReference,
    ask: Optional[Callable[[str], Optional[str]]],
    folder: str,
    public_key: Optional[PublicKey],
    files: Optional[KeyFiles] = None,
) -> Signer:
    """Load the second signer's key; ``public_key`` is its public half, None where it is not set.

    Two people have two secrets, so the first signer's passphrase and PIN are not tried.

    Raises:
        SigningKeyError, SecretError: as ``load_private_key``.
    """
    access = Access(None, None, ask, folder)
    try:
        if reference.file is None:
            return open_signer(reference, access, public_key)
        return load_key_file(reference.file, read_second_key(reference.file, files or KeyFiles()), access)
    except (SigningKeyError, SecretError) as error:
        remedy = error.remedy
        if any(variable in remedy for variable in ("AOS_OTA_KEY_PASSPHRASE", "AOS_OTA_PKCS11_PIN")):
            remedy = (
                "let the second signer type it on the terminal; or name a program with AOS_OTA_PASSPHRASE_COMMAND, a "
                "PIN's file with pin-source in the URI"
            )
        raise type(error)(f"second signer: {error.problem}", place=error.place, remedy=remedy) from None


def read_second_key(path: str, files: KeyFiles) -> bytes:
    """Read the second signer's key file; errors as ``KeyFiles.read_private``."""
    return files.read_private(path, "the second signer's key", "set OTA_SECOND_SIGNER to it")


def load_approval(path: str, public_key: PublicKey, files: Optional[KeyFiles] = None) -> HashSigner:
    """Load an approval file as a signer. Raises SettingsError, FormatError or SigningKeyError."""
    from aos_ota_plugin.keys.approval import ApprovalSigner, parse_approval

    remedy = "let the second signer make it with `aos-ota approve`"
    data = (files or KeyFiles()).read(path, "the second signer's approval", remedy, error=SettingsError)
    return ApprovalSigner(public_key, parse_approval(data, file=path), file=path)


def read_ring(path: str, files: Optional[KeyFiles] = None, *, place: Optional[Place] = None) -> KeyRing:
    """Read a key ring's file. Raises SettingsError where it cannot be read or is not a key ring."""
    from aos_ota_plugin.keys.ring import parse_ring

    remedy = "set OTA_KEY_RING (--key-ring) to your ota.keys.yaml"
    data = (files or KeyFiles()).read(path, "the key ring", remedy, place, error=SettingsError)
    try:
        text = decode_text(data)
    except UnicodeDecodeError:
        raise SettingsError("the key ring is not UTF-8 text", place=Place(path), remedy="save it as UTF-8") from None
    return parse_ring(text, path)


def ring_files(ring: KeyRing) -> Tuple[str, ...]:
    """Return the paths of the public keys' files that a ring names, relative to its own folder."""
    keys = (ring.current, *([ring.next] if ring.next else []), *ring.retired)
    return tuple(_public_key_path(ring, key) for key in keys if key.public_key)


def _public_key_path(ring: KeyRing, entry: RingKey) -> str:
    folder = os.path.dirname(os.path.abspath(ring.file))
    return os.path.normpath(os.path.join(folder, os.path.expanduser(str(entry.public_key))))


def key_to_embed(ring: KeyRing, files: Optional[KeyFiles] = None, *, place: Optional[Place] = None) -> PublicKey:
    """Return the ring's next key, which a transition release brings to the fleet.

    ``place`` is where OTA_EMBED_NEXT_KEY was set.

    Raises:
        SettingsError: the ring has no next key, or no ``public_key`` for it.
        SigningKeyError: the file is not a public key, or its fingerprint differs.
    """
    next_key = ring.next
    if next_key is None:
        raise SettingsError(
            "the key ring has no next key to bring to the fleet",
            place=place or Place(ring.file),
            remedy="make it with `aos-ota keygen` and add it as `next:`; or, when the transition is "
            "done, set OTA_EMBED_NEXT_KEY to n",
        )
    if next_key.public_key is None:
        raise SettingsError(
            "the next key has no public_key, and the firmware is to hold it",
            place=next_key.place,
            remedy="add `public_key:` with the path of its public half, relative to the ring's folder",
        )
    return load_ring_key(ring, next_key, files)


def load_ring_key(ring: KeyRing, entry: RingKey, files: Optional[KeyFiles] = None) -> PublicKey:
    """Load the public key of an entry of a ring.

    Raises SigningKeyError: the file is not a public key, or its fingerprint differs.
    """
    path = _public_key_path(ring, entry)
    key = load_public_key(path, files)
    if key.fingerprint != entry.fingerprint:
        raise SigningKeyError(
            f"{path} holds the key {key.short_fingerprint}, and this fingerprint is {entry.fingerprint[:16]}",
            place=entry.place,
            remedy="correct the fingerprint or the path; be sure which key devices are to trust",
        )
    return key


def load_key_file(path: str, data: bytes, access: Access) -> Signer:
    """Load a private key from its file's bytes, already checked; errors as ``load_private_key``."""
    from aos_ota_plugin.keys.signer import load_signer

    def passphrase() -> Optional[bytes]:
        from aos_ota_plugin.keys import passwords

        return passwords.passphrase(access, path)

    return load_signer(data, file=path, passphrase=passphrase)


def _read_key(path: str, what: str, remedy: str, place: Optional[Place] = None) -> bytes:
    return read_file(path, what, remedy, limit=KEY_MAX, error=SigningKeyError, place=place)
