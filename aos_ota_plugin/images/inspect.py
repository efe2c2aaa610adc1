"""The content of a binary file: images, xz streams, diffs, data-file packs, also inside one another.

Only the bytes themselves are judged: a digest, a checksum, a structure. The work is bounded for any bytes:
`DEPTH_MAX` levels, `PARTS_MAX` parts, `DECODED_MAX` bytes of one xz stream, three times that of all.

>>> from aos_ota_plugin.images import pack
>>> part = inspect(pack.build([pack.PackFile("main.py", b"print()")]))
>>> part.kind, part.size, part.parts[0].name
('data pack', 46, 'main.py')
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from typing import List, Optional, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.files.read import PAYLOAD_MAX
from aos_ota_plugin.images import full, pack, xz
from aos_ota_plugin.images.crc16 import crc16
from aos_ota_plugin.images.diff import container
from aos_ota_plugin.images.info import BytesLike, ImageMagic
from aos_ota_plugin.images.names import check_name, check_together
from aos_ota_plugin.images.tree import Mark, Part
from aos_ota_plugin.printable import shown

DEPTH_MAX = 4
PARTS_MAX = 4096
DECODED_MAX = PAYLOAD_MAX
_ANY_DEVICE = container.Limits(section_size=DECODED_MAX, dict_size=0xFFFFFFFF, flash_size=DECODED_MAX)
_SECTION_FIELDS = ("ctrl_len", "diff_len", "extra_len", "new_size", "crc16")
_MCU = "devices hand it on to the second chip"


def inspect(data: BytesLike) -> Part:
    """Return the content of `data` as a tree. Raises FormatError when it is in none of our formats."""
    return _Walk().part(memoryview(data).cast("B"), 0, 0)


class _Walk:
    """One pass over a file, with the parts and bytes that it may still process."""

    def __init__(self) -> None:
        self._parts = PARTS_MAX
        self._bytes = 3 * DECODED_MAX

    def part(self, view: memoryview, offset: int, depth: int) -> Part:
        """Return the content of `view`. Raises FormatError when it is in none of our formats."""
        # A pack first: it may end in an image, but no image starts like a pack of the whole file's size.
        if pack.is_pack(view):
            return self._pack(view, offset, depth)
        try:
            image = full.parse(view)
        except FormatError:
            kind = full.kind_of(view)
            if kind == "full":
                raise
            part = self._diff(view, offset) if kind == "diff" else self._xz(view, offset, depth)
            return replace(
                part,
                notes=(
                    *part.notes,
                    "no trailer: not an image yet" if kind == "xz" else "no trailer: for cloud mode, or not signed yet",
                ),
            )
        return self._image(view, image, offset, depth)

    def _image(self, view: memoryview, image: full.FullImage, offset: int, depth: int) -> Part:
        notes: List[str] = []
        payload = view[: image.payload_size]
        if image.kind == "diff":
            # The last section's length covers the trailer.
            inner: Tuple[Part, ...] = (self._diff(view, offset),)
        elif image.kind == "xz":
            inner = (self._xz(payload, offset, depth),)
        else:
            # A payload of our formats that ends in ff ff ff ff itself may have got no padding.
            inner = self._inside(payload, offset, depth, notes) or self._inside(
                view[: image.body_size], offset, depth, []
            )
        if any(part.kind.endswith(" image") for part in inner):
            notes.append("its payload is an OTA image already: devices would start that, trailer and all")
        fields = tuple(
            Mark(field.name, offset + field.offset, field.size, field.value, _is_true(field.name, view, image))
            for field in image.fields()
        )
        signed = "signed for local mode" if image.sign_info else "no ota_sign_info_t: for cloud mode"
        magic = image.image_info.image_magic
        facts = [("signing", signed), ("image", f"{magic.name}{f': {_MCU}' if magic is ImageMagic.MCU else ''}")]
        faults = [f"{mark.name} is not that of the bytes" for mark in fields if mark.ok is False]
        return Part(
            f"{image.kind} image",
            offset,
            len(view),
            fields=fields,
            facts=tuple(facts),
            faults=tuple(faults),
            notes=tuple(notes),
            parts=inner,
        )

    def _xz(self, view: memoryview, offset: int, depth: int) -> Part:
        try:
            info = xz.outline(view)
        except FormatError as error:
            return Part("xz stream", offset, len(view), faults=(error.problem,))
        faults, notes = [], []
        try:
            xz.check_decodable(info)
        except FormatError as error:
            faults.append(f"devices do not decode it: {error.problem}")
        if info.stream_size < len(view):
            notes.append(f"{len(view) - info.stream_size} bytes follow the stream")
        fields = tuple(Mark("xz", offset + region.offset, region.size, region.name) for region in info.regions)
        facts = (
            ("check", info.check),
            ("filters", ", ".join(info.filters) or "none"),
            ("dictionary", f"{info.dict_size} bytes"),
            ("blocks", str(info.blocks)),
            ("uncompressed size", f"{info.uncompressed_size} bytes"),
        )
        inner = self._decoded(view[: info.stream_size], info, depth, faults, notes)
        return Part(
            "xz stream",
            offset,
            info.stream_size,
            fields=fields,
            facts=facts,
            faults=tuple(faults),
            notes=tuple(notes),
            parts=inner,
        )

    def _decoded(
        self, stream: memoryview, info: xz.XzInfo, depth: int, faults: List[str], notes: List[str]
    ) -> Tuple[Part, ...]:
        if info.uncompressed_size > min(DECODED_MAX, self._bytes):
            notes.append(
                f"not decoded: {info.uncompressed_size} bytes are more than any device's flash, or than is "
                "decoded of one file"
            )
            return ()
        self._bytes -= info.uncompressed_size
        try:
            content = xz.decode(stream, info, DECODED_MAX)
        except FormatError as error:
            faults.append(error.problem)
            return ()
        facts = (
            ("md5", hashlib.md5(content, usedforsecurity=False).hexdigest()),
            ("sha256", hashlib.sha256(content).hexdigest()),
        )
        inner = self._inside(memoryview(content), 0, depth, notes)
        return (Part("payload", 0, len(content), facts=facts, decoded=True, parts=inner),)

    def _inside(self, view: memoryview, offset: int, depth: int, notes: List[str]) -> Tuple[Part, ...]:
        """Return the content of `view` in a tuple, which is empty if the format is unknown or it is too deep."""
        if depth >= DEPTH_MAX:
            notes.append(f"the content is not shown: it is {depth + 1} levels deep")
            return ()
        try:
            return (self.part(view, offset, depth + 1),)
        except FormatError:
            return ()

    def _pack(self, view: memoryview, offset: int, depth: int) -> Part:
        count, version, size = struct.unpack_from("<HHI", view)
        fields = (
            Mark("file_numb", offset, 2, str(count)),
            Mark("pack_ver", offset + 2, 2, str(version)),
            Mark("pack_size", offset + 4, 4, str(size), ok=True),
        )
        files: List[Part] = []
        notes: List[str] = []
        faults: List[str] = []
        for entry in pack.entries(view):
            if not self._take():
                notes.append(f"{count - len(files)} more files are not listed")
                break
            files.append(self._file(entry, offset, depth))
        try:
            check_together(file.name for file in files)
        except FormatError as error:
            faults.append(error.problem)
        return Part(
            "data pack", offset, len(view), fields=fields, faults=tuple(faults), notes=tuple(notes), parts=tuple(files)
        )

    def _file(self, entry: pack.Entry, base: int, depth: int) -> Part:
        start, data_start = base + entry.offset, base + entry.data_offset
        faults: List[str] = []
        notes: List[str] = []
        name = entry.raw_name.decode("utf-8", "backslashreplace")
        try:
            check_name(entry.raw_name.decode("utf-8"))
        except UnicodeDecodeError:
            faults.append("the name is not UTF-8")
        except FormatError as error:
            faults.append(error.problem)
        if not entry.is_intact:
            faults.append("md5_vale is not that of the bytes; devices do not check it")
        fields = (
            Mark("head_size", start, 4, str(pack.INFOR_SIZE + len(entry.raw_name))),
            Mark("file_size", start + 4, 4, str(len(entry.data))),
            Mark("md5_vale", start + 8, 16, entry.digest.hex(), entry.is_intact),
            Mark("name", start + pack.INFOR_SIZE, len(entry.raw_name), shown(name)),
            Mark("bytes", data_start, len(entry.data), ""),
        )
        inner = self._inside(entry.data, data_start, depth, notes) if len(entry.data) else ()
        return Part(
            "file",
            start,
            data_start - start + len(entry.data),
            name,
            fields,
            faults=tuple(faults),
            notes=tuple(notes),
            parts=inner,
        )

    def _diff(self, view: memoryview, offset: int) -> Part:
        parts: List[Part] = []
        notes: List[str] = []
        faults: List[str] = []
        last: Optional[container.Section] = None
        new_size = 0
        try:
            for section in container.sections(view, limits=_ANY_DEVICE):
                last = section
                new_size += section.new_size
                if self._take():
                    parts.append(_section(view, section, offset))
                elif not notes:
                    notes.append("more sections are not listed")
            container.parse(view)
        except FormatError as error:
            whole = last is not None and last.offset + last.size == len(view)
            faults.append(f"devices of 3.x do not apply it: {error.problem}" if whole else error.problem)
        facts = [("makes", f"{new_size} bytes, with the padding to whole sectors")]
        if last is not None and not faults:
            facts.append(
                (
                    "last section",
                    "a dummy, so that no power cut matters"
                    if _is_dummy(last)
                    else "no dummy: a power cut while it is copied is not noticed",
                )
            )
        return Part(
            "diff", offset, len(view), facts=tuple(facts), faults=tuple(faults), notes=tuple(notes), parts=tuple(parts)
        )

    def _take(self) -> bool:
        """Count one more part; return whether it may be reported."""
        self._parts -= 1
        return self._parts >= 0


def _is_true(name: str, view: memoryview, image: full.FullImage) -> Optional[bool]:
    """Return whether a field of the trailer fits the bytes; None for fields without such a claim."""
    info = image.image_info
    covered = view[: info.image_size]
    if name == "hash" and image.sign_info:
        return hashlib.sha256(view[: image.body_size]).digest() == image.sign_info.hash
    if name == "image_size":
        return 0 < info.image_size <= len(view)
    if name == "image_md5":
        return hashlib.md5(covered, usedforsecurity=False).digest() == info.image_md5
    if name == "image_crc16":
        return crc16(covered) == info.image_crc16
    return None


def _section(view: memoryview, section: container.Section, base: int) -> Part:
    at = base + section.offset
    values = struct.unpack_from("<5Q", view, section.offset + 8)
    marks = [Mark("magic", at, 8, "BSDIFF40")]
    marks += [
        Mark(name, at + 8 * index, 8, str(value)) for index, (name, value) in enumerate(zip(_SECTION_FIELDS, values), 1)
    ]
    at += container.HEADER_SIZE
    for name, stream in (("ctrl", section.ctrl), ("diff", section.diff), ("extra", section.extra)):
        info = xz.outline(stream)
        content = (
            f"{info.uncompressed_size // container.TRIPLE_SIZE} triples"
            if name == "ctrl"
            else (f"{info.uncompressed_size} bytes")
        )
        marks.append(
            Mark(name, at, len(stream), f"xz stream of {content}, dictionary {info.dict_size}, check {info.check}")
        )
        at += len(stream)
    if section.tail_size:
        marks.append(Mark("covered", at, section.tail_size, "what the length of the extra stream covers: the trailer"))
    facts = (
        ("makes", f"{section.new_size} bytes at 0x{section.new_offset:x} of the application"),
        ("dictionary", f"{section.dict_size} bytes"),
    )
    return Part("section", base + section.offset, section.size, fields=tuple(marks), facts=facts)


def _is_dummy(section: container.Section) -> bool:
    """Return whether a section makes 16 bytes ff without reading the base, as our last ones do."""
    if section.new_size != len(container.DUMMY):
        return False
    try:
        triples = tuple(section.triples())
        extra = xz.decompress(section.extra, section.new_size, dict_limit=section.dict_size)
    except FormatError:
        return False
    return len(triples) == 1 and triples[0].add == 0 and extra == container.DUMMY
