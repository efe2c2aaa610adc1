"""Load the keys that a build's settings name, once a build.

Example:
    keys = BuildKeys(settings)
    keys.check()  # on every build: reads files, opens no token
    keys.trusted  # the key for the firmware's source, where that is rendered again
    keys.key_set  # all keys, for a new release
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Iterator, List, Optional, Sequence, Tuple

from aos_ota_plugin.errors import OtaError, Place
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.load import (
    KeyFiles,
    check_signer,
    key_to_embed,
    load_approval,
    load_key_file,
    load_public_key,
    load_ring_key,
    load_second_signer,
    open_signer,
    read_ring,
    read_second_key,
    ring_files,
)

# Each function imports the rooms it needs: a build with nothing to do needs few.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.reference import KeyReference
    from aos_ota_plugin.keys.ring import KeyRing
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.request import KeySet
    from aos_ota_plugin.settings.fields import OtaSettings


class BuildKeys:
    """The keys of one build. Each file is read once, and each signer opened once, when it is first needed.

    Never write it anywhere: it holds private keys. All its members raise the same errors.

    Raises:
        SigningKeyError, SecretError: a key is missing, unusable, or stands where others can read it.
        SettingsError, FormatError: the key ring, an approval or a kept release cannot be read, or is none.
    """

    def __init__(self, settings: OtaSettings) -> None:
        self._settings = settings
        self._files = KeyFiles()

    def check(self) -> None:
        """Check every key and ring that is named, without opening a token, starting a program or decrypting."""
        settings = self._settings
        reference = settings.signing_key
        if settings.security == "local" and reference is not None:
            if reference.file is not None:
                self._signing_key_file(reference.file)
            else:
                with self._placed_at("OTA_SIGNING_KEY"):
                    check_signer(reference, settings.solution_dir)
        _ = self.public_key, self.next_key, self.second_key
        ring = self.ring
        if ring is not None:
            for key in (ring.current, ring.next):
                if key is not None and key.public_key:
                    load_ring_key(ring, key, self._files)
        second = settings.second_signer
        if second is not None and second.file is not None:
            read_second_key(second.file, self._files)
        elif second is not None:
            with self._placed_at("OTA_SECOND_SIGNER"):
                check_signer(second, settings.solution_dir)

    @cached_property
    def public_key(self) -> Optional[PublicKey]:
        """Return the key of OTA_PUBLIC_KEY, None if it is not set."""
        path = self._settings.public_key
        if not path:
            return None
        from aos_ota_plugin.keys.public import parse_public_key

        remedy = (
            "set OTA_PUBLIC_KEY to the file with the key that the platform shows (PEM, DER, the C arrays, or the "
            "copied text)"
        )
        return parse_public_key(
            self._files.read(path, "the public key", remedy, self._place("OTA_PUBLIC_KEY")), file=path
        )

    @cached_property
    def signer(self) -> Optional[Signer]:
        """Return the signer of images in local mode, None in other modes."""
        settings = self._settings
        reference = settings.signing_key
        if settings.security != "local" or reference is None:
            return None
        secrets = settings.secrets
        access = Access(secrets.key_passphrase, secrets.pkcs11_pin, secrets.ask, settings.solution_dir)
        if reference.file is not None:
            return load_key_file(reference.file, self._signing_key_file(reference.file), access)
        with self._placed_at("OTA_SIGNING_KEY"):
            if reference.release is not None:
                from aos_ota_plugin.pipeline.release_signer import load_release_signer

                return load_release_signer(reference.release, settings.solution_dir, self.public_key)
            return open_signer(reference, access, self.public_key)

    @cached_property
    def ring(self) -> Optional[KeyRing]:
        """Return the key ring, None if none is set."""
        path = self._settings.key_ring
        return read_ring(path, self._files, place=self._place("OTA_KEY_RING")) if path else None

    @cached_property
    def next_key(self) -> Optional[PublicKey]:
        """Return the key that a transition release brings to the fleet; None in any other release."""
        if self.ring is None or not self._settings.embed_next_key:
            return None
        return key_to_embed(self.ring, self._files, place=self._place("OTA_EMBED_NEXT_KEY"))

    @cached_property
    def second_key(self) -> Optional[PublicKey]:
        """Return the key of OTA_SECOND_PUBLIC_KEY, which the second signer has to have."""
        path = self._settings.second_public_key
        return load_public_key(path, self._files) if path else None

    @cached_property
    def trusted(self) -> Optional[PublicKey]:
        """Return the key for the firmware: the next key in a transition release, else the signer's.

        If OTA_PUBLIC_KEY has the signer's key, no token is opened and no program started.
        """
        reference = self._settings.signing_key
        if self._settings.embed_next_key:
            return self.next_key
        if self.public_key is not None and reference is not None and reference.file is None:
            return self.public_key
        return self._first_key()

    @cached_property
    def signing_public_key(self) -> Optional[PublicKey]:
        """Return the key that devices check this release with: never a transition's next key."""
        return self._first_key()

    @property
    def trust_files(self) -> Tuple[str, ...]:
        """Return the paths of files that decide the signing and the firmware's key, existing or not."""
        settings = self._settings
        files = _paths(settings.signing_key, settings.public_key, settings.key_ring)
        return (*files, *(ring_files(self.ring) if self.ring else ()))

    @property
    def files(self) -> Tuple[str, ...]:
        """Return the paths of all key files, rings and approvals of a release, existing or not."""
        settings = self._settings
        seconds = _paths(settings.second_signer, settings.second_public_key, settings.second_approval)
        return (*self.trust_files, *seconds)

    def digests(self, paths: Sequence[str]) -> Tuple[Tuple[str, Optional[str]], ...]:
        """Return the paths of key files, each with the digest of what this build reads from it.

        It is None where nothing can be read. A build's outputs depend on these digests: the content of a file may have
        changed when it is read again.
        """
        return tuple((path, self._files.digest(path)) for path in paths)

    @cached_property
    def key_set(self) -> KeySet:
        """Return all keys of a new release, with the signers opened."""
        from aos_ota_plugin.release.request import KeySet

        return KeySet(
            self._settings.security,
            self.signer,
            self._first_key(),
            self.next_key,
            self.ring,
            self._second(),
            self.second_key,
        )

    def _first_key(self) -> Optional[PublicKey]:
        signer = self.signer  # opened in any case: its errors are shown before anything is compiled
        return self.public_key or (signer.public_key if signer else None)

    def _second(self) -> Optional[HashSigner]:
        settings = self._settings
        if settings.second_approval and self.second_key:
            return load_approval(settings.second_approval, self.second_key, self._files)
        if settings.second_signer is None:
            return None
        ask, folder = settings.secrets.ask, settings.solution_dir
        return load_second_signer(settings.second_signer, ask, folder, self.second_key, self._files)

    def _signing_key_file(self, path: str) -> bytes:
        remedy = "make one with `aos-ota keygen`, or set OTA_SIGNING_KEY to yours"
        return self._files.read_private(path, "the signing key", remedy, self._place("OTA_SIGNING_KEY"))

    def _place(self, setting: str) -> Optional[Place]:
        return self._settings.origins[setting].place

    @contextmanager
    def _placed_at(self, setting: str) -> Iterator[None]:
        """Add the place of ``setting`` to an error that has no place."""
        try:
            yield
        except OtaError as error:
            if error.place is not None:
                raise
            raise type(error)(error.problem, place=self._place(setting), remedy=error.remedy) from None


def _paths(reference: Optional[KeyReference], *others: Optional[str]) -> List[str]:
    return [path for path in (reference.file if reference else None, *others) if path]
