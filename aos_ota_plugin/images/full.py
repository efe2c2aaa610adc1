"""A whole OTA image: ``payload ‖ ff ff ff ff ‖ [ota_sign_info_t] ‖ ota_image_info_t``.

The vendor's packer appends the four ``ff``; both digests and image_size count them. The payload may be plain firmware,
an xz stream or a diff: the device tells them apart by their first bytes, as `kind_of` does.

>>> image = build(b"firmware", sign=None)
>>> [(field.name, field.offset, field.size) for field in parse(image).fields()][:3]
[('payload', 0, 8), ('padding', 8, 4), ('image_magic', 12, 4)]
"""

from __future__ import annotations

import hashlib
import struct
import threading
from binascii import crc_hqx
from typing import Callable, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.crc16 import crc16
from aos_ota_plugin.images.info import IMAGE_INFO_SIZE, BytesLike, ImageInfo, ImageMagic
from aos_ota_plugin.images.sign import ENCRYPTO_MAGIC_ECC, ENCRYPTO_MAGIC_RSA, RESERVED_SIZE, SIGN_INFO_SIZE, SignInfo

PADDING = b"\xff" * 4
XZ_MAGIC = b"\xfd7zXZ\x00"
DIFF_MAGIC = b"BSDIFF40"

_WHICH_FILE = "use the OTA file (ota_rtos_ota.bin), not the flashing file"


class Field(NamedTuple):
    """A field of an image: its offset from the start and its size in bytes, and its value as text."""

    name: str
    offset: int
    size: int
    value: str


class FullImage(NamedTuple):
    """The trailer of an image as it was read; its digests are not checked.

    `payload_size` is without the padding. A payload without padding that happens to end in ``ff ff ff ff`` cannot be
    told from a padded one.
    """

    kind: str
    payload_size: int
    padded: bool
    sign_info: Optional[SignInfo]
    image_info: ImageInfo

    @property
    def body_size(self) -> int:
        """Return the number of bytes before the trailer: payload and padding."""
        return self.payload_size + (len(PADDING) if self.padded else 0)

    @property
    def info_offset(self) -> int:
        """Return the offset of image_info in bytes."""
        return self.body_size + (SIGN_INFO_SIZE if self.sign_info else 0)

    @property
    def size(self) -> int:
        """Return the number of bytes of the whole file."""
        return self.info_offset + IMAGE_INFO_SIZE

    def fields(self) -> List[Field]:
        """Return every field in file order, without gaps: offsets and sizes add up to the file."""
        rows = [("payload", self.payload_size, self.kind)]
        if self.padded:
            rows.append(("padding", len(PADDING), PADDING.hex(" ")))
        if self.sign_info:
            rows += _sign_rows(self.sign_info)
        rows += _info_rows(self)
        fields: List[Field] = []
        offset = 0
        for name, size, value in rows:
            fields.append(Field(name, offset, size, value))
            offset += size
        return fields


def kind_of(head: BytesLike) -> str:
    """Return the kind of a payload by its first 8 bytes, as devices do: "diff", "xz" or "full"."""
    start = bytes(head[:8])
    if start == DIFF_MAGIC:
        return "diff"
    return "xz" if start.startswith(XZ_MAGIC) else "full"


class Digests(NamedTuple):
    """MD5 and SHA-256 of a file, in lower-case hex."""

    md5: str
    sha256: str


class SealedPayload(NamedTuple):
    """The bytes that follow a payload to make an image, with digests.

    The digests are those of the payload, of payload and padding, and of the image; all come from one pass.
    """

    trailer: bytes
    payload: Digests
    padded: Digests
    image: Digests


class Digesting:
    """MD5 and SHA-256 of a payload, computed in a thread of its own.

    hashlib releases the interpreter while it works; started early, the digests are ready when they are needed. A thread
    for each would take the second core from the caller.
    """

    def __init__(self, payload: BytesLike) -> None:
        self.payload = payload
        self._digests = (hashlib.md5(usedforsecurity=False), hashlib.sha256())
        self._thread = threading.Thread(target=self._update)
        self._thread.start()

    def copies(self) -> Tuple[hashlib._Hash, hashlib._Hash]:
        """Return copies of the MD5 and the SHA-256 of the payload, which may be updated further."""
        self._thread.join()
        md5, sha256 = self._digests
        return md5.copy(), sha256.copy()

    def _update(self) -> None:
        for digest in self._digests:
            digest.update(self.payload)


def refuse_image(payload: BytesLike) -> None:
    """Raise FormatError when `payload` is an image, an xz stream or a diff instead of firmware."""
    kind = kind_of(payload)
    if kind != "full":
        name = "a diff" if kind == "diff" else "an xz stream"
        raise FormatError(
            f"this is {name}, not a payload",
            remedy="give the firmware itself (ota_rtos.bin): compressed and diff images are made of it",
        )
    if is_cut_short(payload):
        raise FormatError(
            "this is an OTA image whose end is missing",
            remedy="get the file again, and give the payload that it was made of (ota_rtos.bin)",
        )
    try:
        info = parse(payload).image_info
    except FormatError:
        return
    if hashlib.md5(payload[: info.image_size], usedforsecurity=False).digest() == info.image_md5:
        raise FormatError(
            "this is an OTA image already: devices would start it with its trailer in it",
            remedy="give the payload that it was made of (ota_rtos.bin)",
        )


def is_cut_short(data: BytesLike) -> bool:
    """Return whether `data` ends inside an ota_sign_info_t.

    It does if encrypto_magic is near its end and the reserved bytes behind that are all zero.
    """
    end = bytes(data[-SIGN_INFO_SIZE - IMAGE_INFO_SIZE :])
    at = end.rfind(struct.pack("<I", ENCRYPTO_MAGIC_RSA))
    reserved = end[at + 7 : at + 7 + RESERVED_SIZE]
    # A whole trailer starts where `end` does: at 0.
    return at > 0 and len(reserved) == RESERVED_SIZE and not any(reserved)


def seal(
    payload: BytesLike,
    *,
    sign: Optional[Callable[[bytes], bytes]],
    magic: ImageMagic = ImageMagic.ALL,
    digesting: Optional[Digesting] = None,
) -> SealedPayload:
    """Return the bytes that follow `payload`: padding, sign_info when there is a `sign`, image_info.

    `sign` is called once with the 32-byte SHA-256 of payload and padding, and returns the 256-byte signature
    over those 32 bytes. `digesting` is that of this very payload, where it was started before. The payload is read once
    by each digest and not copied. Raises FormatError when it is empty or over 4 GiB, or when the signature has another
    size.
    """
    if not len(payload):
        raise FormatError("the payload is empty", remedy="check the build step that makes it")
    if digesting is None or digesting.payload is not payload:
        digesting = Digesting(payload)
    image_crc16 = crc_hqx(PADDING, crc16(payload))
    md5, sha256 = digesting.copies()
    of_payload = Digests(md5.hexdigest(), sha256.hexdigest())
    for digest in (md5, sha256):
        digest.update(PADDING)
    image_hash = sha256.digest()
    of_padded = Digests(md5.hexdigest(), sha256.hexdigest())
    signed = b"" if sign is None else SignInfo.rsa(image_hash, sign(image_hash)).to_bytes()
    info = ImageInfo(
        magic, len(payload) + len(PADDING), md5.digest(), image_num=1, image_res=0, image_crc16=image_crc16
    ).to_bytes()
    for digest in (md5, sha256):
        digest.update(signed)
        digest.update(info)
    return SealedPayload(PADDING + signed + info, of_payload, of_padded, Digests(md5.hexdigest(), sha256.hexdigest()))


def build_trailer(
    payload: BytesLike, *, sign: Optional[Callable[[bytes], bytes]], magic: ImageMagic = ImageMagic.ALL
) -> bytes:
    """Return the trailer alone; arguments and errors as for `seal`."""
    return seal(payload, sign=sign, magic=magic).trailer


def build(payload: BytesLike, *, sign: Optional[Callable[[bytes], bytes]], magic: ImageMagic = ImageMagic.ALL) -> bytes:
    """Return the whole image; arguments and errors as for `seal`."""
    return b"".join((payload, build_trailer(payload, sign=sign, magic=magic)))


def parse(image: BytesLike, *, local: Optional[bool] = None) -> FullImage:
    """Read an image's trailer.

    `local` tells whether it has a sign_info; with None encrypto_magic decides. Raises FormatError when the last 28
    bytes are no ota_image_info_t (a flashing file or a cloud-mode diff has none), or when `local` is true and no
    ota_sign_info_t is before them.
    """
    view = memoryview(image).cast("B")
    if len(view) < IMAGE_INFO_SIZE:
        raise FormatError(f"a file of {len(view)} bytes is too short for an OTA image", remedy=_WHICH_FILE)
    try:
        image_info = ImageInfo.from_bytes(view[-IMAGE_INFO_SIZE:])
    except FormatError as error:
        raise FormatError(
            f"this file does not end in an ota_image_info_t: {error.problem}", remedy=_WHICH_FILE
        ) from error
    body = view[:-IMAGE_INFO_SIZE]
    sign_info = None
    if local or (local is None and _has_sign_info(body)):
        if len(body) < SIGN_INFO_SIZE:
            raise FormatError(f"a file of {len(view)} bytes is too short for an ota_sign_info_t", remedy=_WHICH_FILE)
        sign_info = SignInfo.from_bytes(body[-SIGN_INFO_SIZE:])
        body = body[:-SIGN_INFO_SIZE]
    padded = body[-len(PADDING) :] == PADDING
    payload = body[: -len(PADDING)] if padded else body
    return FullImage(kind_of(payload), len(payload), padded, sign_info, image_info)


def _has_sign_info(body: memoryview) -> bool:
    if len(body) < SIGN_INFO_SIZE:
        return False
    magic: int = struct.unpack_from("<I", body, len(body) - SIGN_INFO_SIZE)[0]
    return magic in (ENCRYPTO_MAGIC_RSA, ENCRYPTO_MAGIC_ECC)


def _sign_rows(info: SignInfo) -> list[tuple[str, int, str]]:
    kind = "RSA" if info.encrypto_magic == ENCRYPTO_MAGIC_RSA else "ECC"
    reserved = info.reserved.hex() if any(info.reserved) else "all zero"
    return [
        ("encrypto_magic", 4, f"0x{info.encrypto_magic:08x} ({kind})"),
        ("padding_mode", 1, str(info.padding_mode)),
        ("sign_hash_type", 1, str(info.sign_hash_type)),
        ("abstract_hash_type", 1, str(info.abstract_hash_type)),
        ("reserved", len(info.reserved), reserved),
        ("hash", len(info.hash), info.hash.hex()),
        ("signature", len(info.signature), info.signature.hex()),
    ]


def _info_rows(image: FullImage) -> list[tuple[str, int, str]]:
    info = image.image_info
    covers = {
        image.info_offset: "payload, padding and sign_info" if image.padded else "payload and sign_info",
        image.body_size: "payload and padding",
        image.payload_size: "payload",
    }.get(info.image_size)
    return [
        ("image_magic", 4, f"0x{info.image_magic:08x} ({info.image_magic.name})"),
        ("image_size", 4, f"{info.image_size} ({covers})" if covers else str(info.image_size)),
        ("image_md5", 16, info.image_md5.hex()),
        ("image_num", 1, str(info.image_num)),
        ("image_res", 1, str(info.image_res)),
        ("image_crc16", 2, f"0x{info.image_crc16:04x}"),
    ]
