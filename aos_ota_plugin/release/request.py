"""The input of a release: the firmware, the keys, the base release and the options.

>>> Firmware(b"payload", "app-1.0.1").image_hash().hex()[:16]
'2da4fee20c4a5aae'

    release = make_release(Firmware(payload, "app-1.0.1"), KeySet("local", signer), Base(), Options(0x578000))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.payload_layout import FLAT, PayloadLayout
from aos_ota_plugin.release.names import IMAGE_NAME, ImageNames

if TYPE_CHECKING:
    from aos_ota_plugin.errors import Place
    from aos_ota_plugin.images.full import Digesting
    from aos_ota_plugin.keys.ring import KeyRing
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.keys.signer import HashSigner, Signer
    from aos_ota_plugin.release.manifest import Manifest


class PayloadSource(NamedTuple):
    """How the payload was made from the ELF, and what may differ.

    ``objcopy`` are objcopy's options as on its command line, ``binary`` is the .bin that it made, None where there is
    none. The image step made the payload as ``layout`` says, with ``prebuilt`` files by their names there;
    ``allowed_by`` names who says so. With ``allow_any`` the payload is not compared.
    """

    objcopy: Tuple[str, ...] = ()
    binary: Optional[bytes] = None
    binary_name: str = "the .bin"
    layout: PayloadLayout = FLAT
    prebuilt: Mapping[str, bytes] = {}
    allowed_by: str = ""
    allow_any: bool = False

    def __repr__(self) -> str:  # the .bin is megabytes, and may hold secrets
        return f"PayloadSource({self.binary_name!r}, objcopy={self.objcopy!r}, layout={self.layout!r})"


class XzPayload(NamedTuple):
    """The payload of the xz image, where an image step makes another one for it than for the full image."""

    data: bytes
    name: str
    layout: PayloadLayout
    prebuilt: Mapping[str, bytes] = {}

    def __repr__(self) -> str:  # megabytes
        return f"XzPayload({self.name!r}, {len(self.data)} bytes)"


class Firmware(NamedTuple):
    """The firmware of a release, and what it has to hold.

    ``payload`` are the bytes that devices run (``ota_rtos.bin``); ``elf`` is the linked firmware that it was made from
    as ``source`` says, None where there is only a payload (``aos-ota sign`` without ``--elf``). ``identity`` is "kv",
    "embedded" or "unknown". ``embedded`` are byte strings that the firmware must hold (an embedded identity),
    ``forbidden`` those it must not; neither is ever shown. ``mode`` is what the sources say about the security mode:
    the text of the proof, or "" and the reason why there is none. ``stream`` is the payload's xz stream where an
    earlier release made it; it is proven like a new one. ``digesting`` is the running digest of the payload, where it
    was started earlier. ``version_from`` is the line that brings the version into a source, "" where it was injected.
    ``xz_payload`` is what the xz image is made of, None where that is ``payload``, too.
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
    chip: Optional[str] = None
    source: PayloadSource = PayloadSource()
    mode: Tuple[str, str] = ("", "the sources are not compiled here")
    stream: Optional[bytes] = None
    digesting: Optional[Digesting] = None
    version_from: str = ""
    xz_payload: Optional[XzPayload] = None

    @property
    def compressed(self) -> bytes:
        """Return the payload of the xz image."""
        return self.payload if self.xz_payload is None else self.xz_payload.data

    def __repr__(self) -> str:  # neither megabytes nor secrets
        return f"Firmware({self.payload_name!r}, version={self.version!r})"

    def image_hash(self) -> bytes:
        """Return the hash that is signed: the SHA-256 (32 bytes) of the payload and its padding."""
        from aos_ota_plugin.images.full import PADDING, Digesting

        _, sha256 = (self.digesting or Digesting(self.payload)).copies()
        sha256.update(PADDING)
        return sha256.digest()


class KeySet(NamedTuple):
    """The keys of a release.

    ``security`` is the security mode: "local" (``signer`` signs), "cloud" (the platform signs) or "none".
    ``public_key`` is the key that devices trust: the signer's own in local mode, where it may be left out, the
    platform's in cloud mode. ``next_key`` is the key that a transition release brings to devices in its place.
    ``second`` is the second signer, who approves the image's hash; ``second_key`` is the key that this signer has to
    have.
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
        """Return the key that devices check this release's images with; None without a check or a key."""
        if self.security == "none":
            return None
        return self.public_key or (self.signer.public_key if self.signer else None)

    @property
    def embedded(self) -> Optional[PublicKey]:
        """Return the key that the firmware holds: ``trusted``, in a transition release ``next_key``."""
        return self.next_key or self.trusted

    @property
    def known(self) -> Tuple[PublicKey, ...]:
        """Return all keys of the release: their private halves belong into nothing that devices get."""
        second = self.second.public_key if self.second else None
        keys = (self.trusted, self.next_key, self.second_key, second)
        return tuple(dict.fromkeys(key for key in keys if key is not None))

    @property
    def sign(self) -> Optional[Callable[[bytes], bytes]]:
        """Return the function that signs images' hashes; None outside local mode."""
        return self.signer.sign_hash if self.security == "local" and self.signer else None


class Base(NamedTuple):
    """The release that devices run now.

    ``manifest`` is None where there is no base release. With ``payload``, which the manifest describes, a diff is made.
    ``patch`` is the diff's patch where an earlier release made it from the same payloads; it is proven like a new one.
    ``place`` is where a setting names the base release.
    """

    manifest: Optional[Manifest] = None
    payload: Optional[bytes] = None
    patch: Optional[bytes] = None
    place: Optional[Place] = None

    def __repr__(self) -> str:  # the payload is megabytes
        return f"Base({self.manifest.version!r})" if self.manifest else "Base()"


class Options(NamedTuple):
    """The images to make, the OTA partition's size in bytes, and the rules that are excused.

    ``names`` are the images' names where they do not follow from ``image_name``.
    """

    partition_size: int
    image_name: str = IMAGE_NAME
    image_magic: str = "ALL"
    compress_xz: bool = False
    allow_new_key: bool = False
    allow_other_base: bool = False
    allow_development_key: bool = False
    names: Optional[ImageNames] = None

    @property
    def image_names(self) -> ImageNames:
        """Return the names of the images."""
        return self.names or ImageNames.of(self.image_name)
