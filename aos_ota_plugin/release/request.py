"""What a release is asked to be made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Tuple

from aos_ota_plugin.release.names import IMAGE_NAME

if TYPE_CHECKING:
    from aos_ota_plugin.errors import Place
    from aos_ota_plugin.images.full import Digesting
    from aos_ota_plugin.keys.ring import KeyRing
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.manifest import Manifest


class PayloadSource(NamedTuple):
    """How the payload was made of the ELF, and what may differ.

    ``objcopy`` are objcopy's options as on its command line, ``binary`` the .bin that it made, None where there is
    none. The first ``may_change`` bytes may be changed by the chip's image step, says ``allowed_by``; with
    ``allow_any`` the payload is not compared.
    """

    objcopy: Tuple[str, ...] = ()
    binary: Optional[bytes] = None
    binary_name: str = "the .bin"
    may_change: int = 0
    allowed_by: str = ""
    allow_any: bool = False

    def __repr__(self) -> str:  # the .bin is megabytes, and may hold secrets
        return f"PayloadSource({self.binary_name!r}, objcopy={self.objcopy!r}, may_change={self.may_change})"


class ReleaseInput(NamedTuple):
    """All that decides a release.

    ``payload`` is what devices run (``ota_rtos.bin``); ``elf`` is the linked firmware it was made from, or None where
    only a payload exists (``aos-ota sign`` without ``--elf``). ``public_key`` is the key that devices are to trust:
    the signer's own in local mode, the platform's in cloud mode; ``next_key`` is the one that the firmware brings
    them in its place, in a transition release. ``second`` agrees to the image's hash, and ``second_key`` says who that
    has to be. ``embedded`` are byte strings that the firmware must hold (an embedded identity),
    ``forbidden`` those it must not; neither is ever shown. With ``base_payload``, the
    payload that ``base`` describes, a diff is made. ``known_stream`` and ``known_patch`` are the xz stream and the
    patch where an earlier release made them of the same payloads: they are proven anew like new ones.
    ``digesting`` is the payload's, where it was begun before the rest was known. ``source`` says how the payload was
    made of the ELF.
    """

    payload: bytes
    version: str
    security: str
    identity: str
    partition_size: int
    elf: Optional[bytes] = None
    elf_name: str = "the ELF"
    payload_name: str = "ota_rtos.bin"
    image_name: str = IMAGE_NAME
    signer: Optional[Signer] = None
    public_key: Optional[PublicKey] = None
    next_key: Optional[PublicKey] = None
    ring: Optional[KeyRing] = None
    allow_development_key: bool = False
    second: Optional[HashSigner] = None
    second_key: Optional[PublicKey] = None
    base: Optional[Manifest] = None
    allow_new_key: bool = False
    image_magic: str = "ALL"
    compress_xz: bool = False
    base_payload: Optional[bytes] = None
    known_stream: Optional[bytes] = None
    known_patch: Optional[bytes] = None
    embedded: Tuple[bytes, ...] = ()
    forbidden: Tuple[bytes, ...] = ()
    solution: Optional[str] = None
    board: Optional[str] = None
    version_place: Optional[Place] = None
    digesting: Optional[Digesting] = None
    source: PayloadSource = PayloadSource()

    def __repr__(self) -> str:  # neither megabytes nor secrets
        return f"ReleaseInput({self.payload_name!r}, version={self.version!r}, security={self.security!r})"

    @property
    def sign(self) -> Optional[Callable[[bytes], bytes]]:
        """What signs images' hashes, where this project does (local mode)."""
        return self.signer.sign_hash if self.security == "local" and self.signer else None
