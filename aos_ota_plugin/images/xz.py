"""xz streams as devices decode them, and the image made of one: ``xz stream ‖ padding ‖ trailer``.

The second boot stage decodes with XZ Embedded: one stream, LZMA2 alone (no BCJ, no delta), CRC32 or no check, and a
dictionary of at most 32 KiB for images, 16 KiB in a diff's sections. `parse` reads these from the bytes without
decoding them; the format is that of tukaani.org/xz/xz-file-format.txt.

>>> stream = compress(b"firmware" * 1000)
>>> info = parse(stream)
>>> info.dict_size, info.check, info.uncompressed_size
(32768, 'crc32', 8000)
>>> decompress(stream, 8000) == b"firmware" * 1000
True
"""

from __future__ import annotations

import lzma
import struct
from array import array
from binascii import crc32
from dataclasses import dataclass
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import full
from aos_ota_plugin.images.info import BytesLike, ImageMagic

IMAGE_DICT_SIZE = 32 * 1024  # bytes
_REMEDY = "compress it with `xz --check=crc32 --lzma2=preset=9e,dict=32KiB`"

_HEADER_SIZE = 12
_FOOTER_SIZE = 12
_FILTER_LZMA2 = 0x21
_CHECKS = {0: "none", 1: "crc32", 4: "CRC64", 10: "SHA-256"}
_FILTERS = {
    3: "delta",
    4: "x86",
    5: "powerpc",
    6: "ia64",
    7: "arm",
    8: "armthumb",
    9: "sparc",
    10: "arm64",
    11: "riscv",
    _FILTER_LZMA2: "lzma2",
}
_BLOCKS_MAX = 1 << 16  # XZ Embedded has no limit; images have one block, and no firmware needs so many
_REGION_BLOCKS = 16  # blocks that are listed in regions
_DECODER_MEMORY = 72 << 20  # bytes; xz's largest preset has a dictionary of 64 MiB, devices' streams one of 32 KiB
_SAMPLE = 64 * 1024
_PARALLEL_FROM = 64 * 1024  # bytes; below it a thread costs more than it saves

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Coder:
    """LZMA settings that the stream states itself, or that only guide the encoder's search."""

    lc: int = 3
    lp: int = 0
    pb: int = 2
    match_finder: int = lzma.MF_BT4
    nice_len: int = 273


# The settings of ``preset=9e``, which are always among those tried: so the result is never larger.
PRESET_9E = Coder()
_MODELS = ((3, 0, 2), (3, 0, 1), (3, 0, 0), (4, 0, 0), (4, 0, 1), (3, 1, 1), (3, 1, 2), (2, 1, 1), (2, 2, 2), (0, 2, 2))


class Region(NamedTuple):
    """A piece of a stream; the offset counts in bytes from the stream's start."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True)
class XzInfo:
    """The properties of an xz stream. Sizes in bytes; `dict_size` is 0 in a stream without a block.

    `filters` are those of all blocks, without repetition, in their order. `regions` are the stream's pieces, those of
    the first 16 blocks only.
    """

    stream_size: int
    dict_size: int
    check: str
    uncompressed_size: int
    blocks: int
    filters: Tuple[str, ...] = ()
    regions: Tuple[Region, ...] = ()


def compress(payload: BytesLike, *, dict_size: int = IMAGE_DICT_SIZE, progress: Optional[Progress] = None) -> bytes:
    """Return one xz stream of `payload` with LZMA2, CRC32 and a dictionary of `dict_size` bytes.

    Never larger than the stream of ``xz --check=crc32 --lzma2=preset=9e,dict=…``: a few other settings are tried, too,
    chosen on a sample. `progress` gets (attempts done, all attempts). Same input, same bytes (for one liblzma).
    """
    sample = _sample_of(payload)
    models = sorted((len(encode(sample, Coder(*model), dict_size)), index) for index, model in enumerate(_MODELS))
    coders = [PRESET_9E]
    for _, index in models[:2]:
        model = _MODELS[index]
        coders += [Coder(*model), Coder(*model, match_finder=lzma.MF_BT2, nice_len=32)]
    return smallest(payload, coders, dict_size, progress=progress)


def smallest(
    payload: BytesLike, coders: Iterable[Coder], dict_size: int, *, progress: Optional[Progress] = None
) -> bytes:
    """Return the shortest of the streams that `coders` make; of equal ones the first."""
    todo = list(dict.fromkeys(coders))
    if len(payload) < _PARALLEL_FROM or len(todo) == 1:
        return min((encode(payload, coder, dict_size) for coder in todo), key=len)
    from concurrent.futures import ThreadPoolExecutor

    best = b""
    with ThreadPoolExecutor(2) as pool:
        for done, stream in enumerate(pool.map(lambda coder: encode(payload, coder, dict_size), todo), 1):
            best = stream if not best or len(stream) < len(best) else best
            if progress:
                progress(done, len(todo))
    return best


def encode(payload: BytesLike, coder: Coder, dict_size: int) -> bytes:
    """Return one xz stream of `payload` made with these settings, CRC32 and this dictionary (bytes)."""
    lzma2 = {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": dict_size,
        "lc": coder.lc,
        "lp": coder.lp,
        "pb": coder.pb,
        "mf": coder.match_finder,
        "nice_len": coder.nice_len,
    }
    return lzma.compress(payload, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=[lzma2])


def build(
    payload: BytesLike,
    *,
    sign: Optional[Callable[[bytes], bytes]],
    magic: ImageMagic = ImageMagic.ALL,
    progress: Optional[Progress] = None,
) -> bytes:
    """Return the compressed image: the stream of `payload` with its trailer; errors as for `full.build`."""
    return full.build(compress(payload, progress=progress), sign=sign, magic=magic)


def decompress(stream: BytesLike, limit: int, *, dict_limit: int = IMAGE_DICT_SIZE) -> bytes:
    """Return the decoded bytes of `stream`, at most `limit`.

    Raises FormatError for streams that `parse` refuses, for damaged data, and for more than `limit` bytes: that is
    found before anything is decoded, and no more than `limit` bytes are ever in memory.
    """
    return decode(stream, parse(stream, dict_limit=dict_limit), limit)


def decode(stream: BytesLike, info: XzInfo, limit: int) -> bytes:
    """Return the decoded bytes of a stream with this `info`, even if devices would not decode it.

    Raises FormatError like `decompress`, and for a dictionary over 64 MiB.
    """
    if info.uncompressed_size > limit:
        raise FormatError(f"the xz stream holds {info.uncompressed_size} bytes; no more than {limit} are allowed here")
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DECODER_MEMORY)
    try:
        data = decoder.decompress(memoryview(stream)[: info.stream_size], info.uncompressed_size + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise FormatError(f"the xz stream is damaged: {error}") from None
    if len(data) != info.uncompressed_size or not decoder.eof:
        raise FormatError("the xz stream is damaged: its index and its data differ")
    return data


def parse(stream: BytesLike, *, dict_limit: int = IMAGE_DICT_SIZE, more: bool = False) -> XzInfo:
    """Read a stream's headers, chunk sizes, index and footer, without decoding its data.

    Raises FormatError with the reason when XZ Embedded would refuse it: not xz, another filter than LZMA2, a
    dictionary over `dict_limit` bytes, a check that is neither CRC32 nor none, wrong checksums, cut short, or bytes
    after the stream's end (unless `more`).
    """
    info = _Reader(memoryview(stream).cast("B")).stream(more=more)
    check_decodable(info, dict_limit=dict_limit)
    return info


def outline(stream: BytesLike) -> XzInfo:
    """Read a stream like `parse`, even if devices would not decode it; bytes may follow it.

    Raises FormatError when it is not xz, is damaged, or has no LZMA2 as its last filter.
    """
    return _Reader(memoryview(stream).cast("B")).stream(more=True)


def check_decodable(info: XzInfo, *, dict_limit: int = IMAGE_DICT_SIZE) -> None:
    """Raise FormatError when XZ Embedded would refuse a stream's check, filters or dictionary."""
    if info.check not in ("none", "crc32"):
        raise FormatError(f"the xz stream has check {info.check}; devices know CRC32 and none", remedy=_REMEDY)
    if info.filters not in ((), ("lzma2",)):
        raise FormatError(
            f"the xz stream uses the filters {', '.join(info.filters)}; devices decode LZMA2 alone", remedy=_REMEDY
        )
    if info.dict_size > dict_limit:
        raise FormatError(
            f"the xz stream needs a dictionary of {info.dict_size} bytes; the device has {dict_limit}",
            remedy="a preset such as -9e after --lzma2=dict=… undoes it; write --lzma2=preset=9e,dict=…",
        )


class _Reader:
    """One pass over a stream; `at` is the current offset in bytes."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0
        self.dict_size = 0
        self.check_size = 0
        self.filters: List[str] = []
        self.regions: List[Region] = []

    def stream(self, *, more: bool) -> XzInfo:
        head = self.take(_HEADER_SIZE, "the stream header")
        if bytes(head[:6]) != full.XZ_MAGIC:
            raise FormatError("this is no xz stream: it does not start with fd 37 7a 58 5a 00")
        flags = bytes(head[6:8])
        _check_crc(flags, head[8:], "the stream header")
        check = self.check_of(flags)
        self.regions.append(Region(f"stream header: check {check}", 0, self.at))
        records = array("Q")  # unpadded and decoded size, in turn: a stream may have many blocks
        while self.peek("a block or the index"):
            records.extend(self.block(len(records) // 2))
            if len(records) > 2 * _BLOCKS_MAX:
                raise FormatError(f"the xz stream has more than {_BLOCKS_MAX} blocks", remedy=_REMEDY)
        index_at = self.at
        self.index(records)
        index_size = self.at - index_at
        self.footer(flags, index_size)
        self.regions += [
            Region(f"index: {len(records) // 2} blocks", index_at, index_size),
            Region("stream footer", index_at + index_size, _FOOTER_SIZE),
        ]
        left = len(self.data) - self.at
        if left and not more:
            raise FormatError(f"{left} bytes follow the end of the xz stream", remedy=_REMEDY)
        return XzInfo(
            self.at,
            self.dict_size,
            check,
            sum(records[1::2]),
            len(records) // 2,
            tuple(self.filters),
            tuple(self.regions),
        )

    def check_of(self, flags: bytes) -> str:
        if flags[0] or flags[1] & 0xF0:
            raise FormatError(f"the xz stream has flags {flags.hex(' ')} that nothing defines")
        number = flags[1]
        self.check_size = 4 << (number - 1) // 3 if number else 0  # 4 to 64 bytes, doubled every three numbers
        return _CHECKS.get(number, f"number {number}")

    def block(self, number: int) -> Tuple[int, int]:
        """Read one block; return its unpadded size and its decoded size in bytes."""
        start = self.at
        stated = self.block_header()
        data_at = self.at
        size = self.chunks()
        if number < _REGION_BLOCKS:
            self.regions += [
                Region(f"block {number}: header", start, data_at - start),
                Region(f"block {number}: LZMA2 data of {size} bytes", data_at, self.at - data_at),
            ]
        actual = (self.at - data_at, size)
        if any(size_stated not in (None, size_actual) for size_stated, size_actual in zip(stated, actual)):
            raise FormatError("the xz stream is damaged: a block's header states other sizes than the block has")
        unpadded = self.at - start + self.check_size
        self.zeros(-(self.at - start) % 4, "a block's padding")
        self.take(self.check_size, "a block's check")
        return unpadded, size

    def block_header(self) -> Tuple[Optional[int], Optional[int]]:
        size = (self.peek("a block header") + 1) * 4
        header = self.take(size, "a block header")
        _check_crc(header[:-4], header[-4:], "a block header")
        inner = _Reader(header[:-4])
        flags = inner.take(2, "a block header")[1]
        if flags & 0x3C:
            raise FormatError(f"the xz stream has a block with flags 0x{flags:02x} that nothing defines")
        compressed = inner.number("a block header") if flags & 0x40 else None
        uncompressed = inner.number("a block header") if flags & 0x80 else None
        self.take_filters(inner, (flags & 3) + 1)
        inner.zeros(len(inner.data) - inner.at, "a block header's padding")
        self.dict_size = max(self.dict_size, inner.dict_size)
        return compressed, uncompressed

    def take_filters(self, header: _Reader, count: int) -> None:
        """Read a block's filters.

        The last one has to be LZMA2: no other filter's data can be skipped without decoding it.
        """
        for left in range(count - 1, -1, -1):
            number = header.number("a block header")
            name = _FILTERS.get(number, f"0x{number:x}")
            self.filters += [name] if name not in self.filters else []
            if number == _FILTER_LZMA2:
                header.lzma2_properties()
            else:
                header.take(header.number("a block header"), "a block header")
            if (number == _FILTER_LZMA2) != (not left):
                raise FormatError("the xz stream's last filter is not LZMA2", remedy=_REMEDY)

    def lzma2_properties(self) -> None:
        if self.number("a block header") != 1:
            raise FormatError("the xz stream's LZMA2 properties are not one byte")
        bits = self.take(1, "a block header")[0]
        if bits > 40:
            raise FormatError(f"the xz stream's dictionary size has the undefined code {bits}")
        self.dict_size = 0xFFFFFFFF if bits == 40 else (2 | bits & 1) << (bits // 2 + 11)

    def chunks(self) -> int:
        """Skip the LZMA2 chunks of a block by their headers; return the number of bytes they decode to.

        A chunk may have only four bytes, so the loop uses local variables: 16 MiB have to take no more than seconds.
        """
        data, at, end = self.data, self.at, len(self.data)
        size = 0
        first_chunk = True
        while at < end:
            control = data[at]
            if not control:
                self.at = at + 1
                return size
            if 2 < control < 0x80 or (first_chunk and 1 < control < 0xE0):
                raise FormatError(f"the xz stream is damaged: LZMA2 chunk 0x{control:02x} is not allowed here")
            first_chunk = False
            header = 3 if control < 0x80 else 5 if control < 0xC0 else 6
            if at + header > end:
                break
            decoded = (data[at + 1] << 8 | data[at + 2]) + 1
            if control < 0x80:
                packed = decoded
            else:
                packed = (data[at + 3] << 8 | data[at + 4]) + 1
                decoded += (control & 0x1F) << 16
            size += decoded
            at += header + packed
        raise FormatError("the xz stream is cut short in an LZMA2 chunk")

    def index(self, records: array[int]) -> None:
        start = self.at
        self.take(1, "the index")
        count = self.number("the index")
        if count != len(records) // 2:
            raise FormatError(
                f"the xz stream is damaged: its index lists {count} blocks, but it has {len(records) // 2}"
            )
        for record in records:
            if self.number("the index") != record:
                raise FormatError("the xz stream is damaged: its index states other sizes than the blocks have")
        self.zeros(-(self.at - start) % 4, "the index's padding")
        _check_crc(self.data[start : self.at], self.take(4, "the index"), "the index")

    def footer(self, flags: bytes, index_size: int) -> None:
        crc, backward, again, magic = struct.unpack("<4sI2s2s", self.take(_FOOTER_SIZE, "the stream footer"))
        _check_crc(struct.pack("<I2s", backward, again), crc, "the stream footer")
        if magic != b"YZ" or again != flags or (backward + 1) * 4 != index_size:
            raise FormatError("the xz stream is damaged: its footer does not belong to its header and index")

    def take(self, size: int, what: str) -> memoryview:
        part = self.data[self.at : self.at + size]
        if len(part) != size:
            raise FormatError(f"the xz stream is cut short in {what}")
        self.at += size
        return part

    def peek(self, what: str) -> int:
        value = self.take(1, what)[0]
        self.at -= 1
        return value

    def zeros(self, size: int, what: str) -> None:
        if any(self.take(size, what)):
            raise FormatError(f"the xz stream is damaged: {what} is not zero")

    def number(self, what: str) -> int:
        """Read a variable-length integer: 7 bits per byte, low ones first, 9 bytes at most."""
        value = 0
        for shift in range(0, 63, 7):
            byte = self.take(1, what)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if not byte and shift:
                    break
                return value
        raise FormatError(f"the xz stream is damaged: a number in {what} is malformed")


def _check_crc(data: Any, crc: Any, what: str) -> None:
    if struct.pack("<I", crc32(data)) != bytes(crc):
        raise FormatError(f"the xz stream is damaged: the CRC32 of {what} is wrong")


def _sample_of(payload: BytesLike) -> bytes:
    """Return four pieces from all over the payload, or all of it when it is small."""
    if len(payload) <= 4 * _SAMPLE:
        return bytes(payload)
    step = (len(payload) - _SAMPLE) // 3
    return b"".join(bytes(payload[at : at + _SAMPLE]) for at in range(0, 3 * step + 1, step))
