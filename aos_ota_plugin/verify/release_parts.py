"""Read what the commands that sign name: payload, ELF, chip, base release, key ring and second signer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.version import check_version
from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.files.read import DOCUMENT_MAX, ELF_MAX, PAYLOAD_MAX, read_file
from aos_ota_plugin.images.full import Digesting
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.load import (
    key_to_embed,
    load_private_key,
    load_public_key,
    load_ring_key,
    load_second_signer,
    read_ring,
    ring_files,
)
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.pipeline.payload_source import payload_source
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options
from aos_ota_plugin.verify.manifests_beside import check_version_beside

if TYPE_CHECKING:
    from aos_ota_plugin.keys.ring import KeyRing
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.manifest import Manifest

Parts = Tuple[Firmware, KeySet, Base, Options]
"""What decides a release."""
Ask = Callable[[str], Optional[str]]
"""Asks on the terminal."""
LoadSigner = Callable[["Optional[KeyRing]"], "Signer"]
"""Gets the signer, given the key ring where there is one."""


class Asked(NamedTuple):
    """The options of every verb that signs a payload. Paths are as typed; ``partition_size`` is in bytes."""

    payload: str
    version: str
    output: str
    elf: Optional[str]
    chip: Optional[str]
    base_release: Optional[str]
    key_ring: Optional[str]
    allow: Tuple[str, ...]
    magic: str
    partition_size: int
    as_json: bool

    @property
    def folder(self) -> str:
        """Return the folder to write into, absolute."""
        return os.path.dirname(os.path.abspath(self.output))

    @property
    def name(self) -> str:
        """Return the name of the file to write."""
        return os.path.basename(self.output)


class SecondSigner(NamedTuple):
    """Options on the second signer: the key at hand or an approval's file, and the public key."""

    second_signer: Optional[str] = None
    second_approval: Optional[str] = None
    second_public_key: Optional[str] = None


NO_SECOND_SIGNER = SecondSigner()


def read_parts(
    asked: Asked, load_signer: LoadSigner, second: SecondSigner, ask: Optional[Ask], *, also: Tuple[str, ...] = ()
) -> Parts:
    """Read what the options name.

    `also` are the further images to make; `ask` asks the second signer for secrets.

    Raises OtaError: something cannot be read, or is not what the option takes.
    """
    check_version(asked.version, field="--version")
    base = _base(asked.base_release) if asked.base_release else None
    ring = read_ring(asked.key_ring) if asked.key_ring else None
    second_signer, second_key = _second(second, ask)
    data = read_file(asked.payload, "the payload", "give the ota_rtos.bin of your build", limit=PAYLOAD_MAX)
    check_version_beside(asked.payload, data, asked.version)
    digesting = Digesting(data)  # beside all that follows until the digests are needed
    signer = load_signer(ring)
    return (
        Firmware(
            data,
            asked.version,
            payload_name=os.path.basename(asked.payload),
            elf=read_file(asked.elf, "the ELF", "give the .elf of your build", limit=ELF_MAX) if asked.elf else None,
            elf_name=os.path.basename(asked.elf or ""),
            chip=os.path.splitext(os.path.basename(asked.chip))[0] if asked.chip else None,
            source=payload_source(
                asked.payload, asked.chip, also, compared=bool(asked.elf), allow_any="changed-payload" in asked.allow
            ),
            digesting=digesting,
        ),
        KeySet(
            "local",
            signer,
            next_key=key_to_embed(ring) if ring and "next-key" in asked.allow else None,
            ring=ring,
            second=second_signer,
            second_key=second_key,
        ),
        Base(base, _base_payload(base, str(asked.base_release), asked.output) if base and "diff" in also else None),
        Options(
            asked.partition_size,
            asked.name,
            image_magic=asked.magic.upper(),
            compress_xz="xz" in also,
            allow_new_key="new-key" in asked.allow,
            allow_other_base="other-base" in asked.allow,
            allow_development_key="development-key" in asked.allow,
        ),
    )


def signer_of(key: str, ring: Optional[KeyRing], access: Access) -> Signer:
    """Load the signer behind ``--key``; a command's public key is the ring's current one.

    Raises:
        SigningKeyError: it cannot be used, or is a command, and no ring names its public key's file.
    """
    reference = parse_reference(key)
    if not reference.command:
        return load_private_key(reference, access)
    if ring is None or ring.current.public_key is None:
        raise SigningKeyError(
            "a signing command does not say which public key devices need to trust",
            remedy="give --key-ring, a key ring whose current key has a `public_key:`",
        )
    load_ring_key(ring, ring.current)
    return load_private_key(reference, access, ring_files(ring)[0])


def _base(file: str) -> Manifest:
    from aos_ota_plugin.pipeline.kept_releases import refuse_withdrawn

    refuse_withdrawn(file)
    remedy = "give the ota_rtos_ota.json of the release in the field"
    return parse_manifest(read_file(file, "the base release", remedy, limit=DOCUMENT_MAX), file=file)


def _second(options: SecondSigner, ask: Optional[Ask]) -> Tuple[Optional[HashSigner], Optional[PublicKey]]:
    """Return the second signer, and the key that it has to have."""
    public_key = options.second_public_key
    wanted = load_public_key(public_key) if public_key else None
    if options.second_approval and wanted:
        from aos_ota_plugin.keys.load import load_approval

        return load_approval(options.second_approval, wanted), wanted
    reference = options.second_signer
    return (load_second_signer(parse_reference(reference), ask, "", wanted) if reference else None), wanted


def _base_payload(base: Manifest, file: str, output: str) -> bytes:
    from aos_ota_plugin.pipeline.payloads import payload_of_release

    return payload_of_release(base, file, overwritten=(output,))
