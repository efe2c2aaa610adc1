"""The four parts that decide a release: the firmware, the keys, the base release, and options.

    release = make_release(Firmware(payload, "app-1.0.1"), KeySet("local", signer), Base(), Options(0x578000))

Each rule and each format takes the parts that it reads.
"""

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


class Firmware(NamedTuple):
    """What devices are to run, and what it has to hold.

    ``payload`` is what they run (``ota_rtos.bin``); ``elf`` is the linked firmware it was made from as ``source`` says,
    or None where only a payload exists (``aos-ota sign`` without ``--elf``). ``identity`` is "kv", "embedded" or
    "unknown". ``embedded`` are byte strings that the firmware must hold (an embedded identity), ``forbidden`` those it
    must not; neither is ever shown. ``stream`` is the payload's xz stream where an earlier release made it: it is
    proven anew like a new one. ``digesting`` is the payload's, where it was begun before the rest was known.
    """

    payload: bytes
    version: str
    identity: str = "unknown"
    payload_name: str = "ota_rtos.bin"
    elf: Optional[bytes] = None
    elf_name: str = "the ELF"
    version_place: Optional[Place] = None
    embedded: Tuple[bytes, ...] = ()
    forbidden: Tuple[bytes, ...] = ()
    solution: Optional[str] = None
    board: Optional[str] = None
    source: PayloadSource = PayloadSource()
    stream: Optional[bytes] = None
    digesting: Optional[Digesting] = None

    def __repr__(self) -> str:  # neither megabytes nor secrets
        return f"Firmware({self.payload_name!r}, version={self.version!r})"

    def image_hash(self) -> bytes:
        """Return what is signed: the SHA-256 (32 bytes) of the payload and its padding."""
        from aos_ota_plugin.images.full import PADDING, Digesting

        _, sha256 = (self.digesting or Digesting(self.payload)).copies()
        sha256.update(PADDING)
        return sha256.digest()


class KeySet(NamedTuple):
    """The keys of one release.

    ``security`` says who signs: "local" (``signer``), "cloud" (the platform) or "none". ``public_key`` is the key that
    devices trust: the signer's own in local mode, where it may be left out, the platform's in cloud mode. ``next_key``
    is the one that the firmware brings them in its place, in a transition release. ``second`` agrees to the image's
    hash, and ``second_key`` says who that has to be.
    """

    security: str
    signer: Optional[Signer] = None
    public_key: Optional[PublicKey] = None
    next_key: Optional[PublicKey] = None
    ring: Optional[KeyRing] = None
    second: Optional[HashSigner] = None
    second_key: Optional[PublicKey] = None

    @property
    def trusted(self) -> Optional[PublicKey]:
        """The key that devices check this release's images with; None where they check none, or no key is set."""
        if self.security == "none":
            return None
        return self.public_key or (self.signer.public_key if self.signer else None)

    @property
    def embedded(self) -> Optional[PublicKey]:
        """The key that the firmware holds: ``trusted``, but in a transition release the next one."""
        return self.next_key or self.trusted

    @property
    def sign(self) -> Optional[Callable[[bytes], bytes]]:
        """The function that signs images' hashes, where this project does (local mode)."""
        return self.signer.sign_hash if self.security == "local" and self.signer else None


class Base(NamedTuple):
    """The release that devices run now.

    ``manifest`` is None where none is given. With ``payload``, which that manifest describes, a diff is made.
    ``patch`` is the diff's patch where an earlier release made it of the same payloads: it is proven anew like a new
    one.
    """

    manifest: Optional[Manifest] = None
    payload: Optional[bytes] = None
    patch: Optional[bytes] = None

    def __repr__(self) -> str:  # the payload is megabytes
        return f"Base({self.manifest.version!r})" if self.manifest else "Base()"


class Options(NamedTuple):
    """What is to be made, for a partition of so many bytes, and which rules are excused."""

    partition_size: int
    image_name: str = IMAGE_NAME
    image_magic: str = "ALL"
    compress_xz: bool = False
    allow_new_key: bool = False
    allow_development_key: bool = False
