"""Data-file packs: golden bytes, an independent reader, names, and arbitrary input."""

from __future__ import annotations

import hashlib
import struct
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.device import limits
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.names import FOLDER_MAX, NAME_MAX, PATH_BUFFER, check_name, check_together
from aos_ota_plugin.images.pack import PackFile, build, parse


def unpack_as_a_device(pack, folder):
    """Follow the device's steps: a 128-byte buffer, the joined path, no checks but its own."""
    count, _, size = struct.unpack_from("<HHI", pack)
    assert size == len(pack)
    files, offset = {}, 8
    for _ in range(count):
        head, length = struct.unpack_from("<II", pack, offset)
        path = bytearray(128)
        start = folder.encode() + b"/"
        name = pack[offset + 24 : offset + head]
        assert len(name) <= len(path) - len(start)
        path[: len(start)] = start
        path[len(start) : len(start) + len(name)] = name
        assert path[-1] == 0, "no room for the closing NUL"
        files[bytes(path[: path.index(0)]).decode()] = pack[offset + head : offset + head + length]
        assert hashlib.md5(files[path[: path.index(0)].decode()]).digest() == pack[offset + 8 : offset + 24]
        offset += head + length
    assert offset == len(pack)
    return files


def test_golden_bytes():
    pack = build([PackFile("b.js", b"two"), PackFile("a/x", b"")])
    assert pack == bytes.fromhex(
        "02000100"
        "42000000"
        "1b000000"
        "00000000"
        "d41d8cd98f00b204e9800998ecf8427e"
        "612f78"
        "1c000000"
        "03000000"
        "b8a9f715dbb64fd5c56e7783c6820a61"
        "622e6a73"
        "74776f"
    )
    assert parse(pack) == (PackFile("a/x", b""), PackFile("b.js", b"two"))


def test_a_device_unpacks_the_longest_name_behind_the_longest_folder():
    name, folder = "n" * NAME_MAX, "/" + "f" * (FOLDER_MAX - 1)
    assert unpack_as_a_device(build([PackFile(name, b"data")]), folder) == {f"{folder}/{name}": b"data"}
    assert (limits.PACK_FOLDER_MAX, limits.PACK_PATH_BUFFER, NAME_MAX) == (FOLDER_MAX, PATH_BUFFER, 62)


good_part = st.text(st.sampled_from("abcXYZ019._-é中 "), min_size=1, max_size=8).filter(
    lambda part: part[-1] not in ". " and part not in (".", "..")
)
good_name = st.lists(good_part, min_size=1, max_size=3).map("/".join).filter(lambda name: len(name.encode()) <= 62)
good_files = st.lists(st.builds(PackFile, good_name, st.binary(max_size=60)), min_size=1, max_size=8)


@given(good_files)
def test_round_trip(files):
    try:
        pack = build(files)
    except FormatError as error:
        assert "where case or composition" in error.problem
        return
    assert pack == build(files[::-1])
    assert parse(pack) == tuple(sorted(files, key=lambda file: file.name.encode()))
    assert unpack_as_a_device(pack, "/data") == {f"/data/{file.name}": file.data for file in files}


BAD_NAMES = {
    "": "is empty, absolute",
    "/etc/x": "is empty, absolute",
    "a//b": "is empty, absolute",
    "a/": "is empty, absolute",
    "..": "the part '..'",
    "../x": "the part '..'",
    "a/../b": "the part '..'",
    "./a": "the part '.'",
    "C:x": "contains ':'",
    "C:\\x": "contains ':'",
    "a\\b": r"contains '\\'",
    "a\0b": r"contains '\x00'",
    "a\nb": r"contains '\n'",
    "a?": "contains '?'",
    "a*": "contains '*'",
    'a"': "contains '\"'",
    "a<": "contains '<'",
    "a|b": "contains '|'",
    "\x7f": r"contains '\x7f'",
    "a.": "ends in a dot or a space",
    "a ": "ends in a dot or a space",
    "a./b": "ends in a dot or a space",
    "...": "ends in a dot",
    "con": "a device on Windows",
    "NUL.txt": "a device on Windows",
    "x/Com1": "a device on Windows",
    "lpt9.a.b": "a device on Windows",
    "aux .c": "a device on Windows",
    "COM¹": "a device on Windows",
    "conin$": "a device on Windows",
    "n" * 63: "has 63 bytes; a device has room for 62",
    "é" * 32: "has 64 bytes",
    "\udc80": "cannot be written in UTF-8",
}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_both_ways(name):
    with pytest.raises(FormatError) as caught:
        build([PackFile(name, b"")])
    assert BAD_NAMES[name] in caught.value.problem
    assert caught.value.remedy
    raw = name.encode("utf-8", "surrogateescape")
    pack = struct.pack("<HHIII", 1, 1, 32 + len(raw), 24 + len(raw), 0) + hashlib.md5(b"").digest() + raw
    with pytest.raises(FormatError) as caught:
        parse(pack)
    assert BAD_NAMES[name] in caught.value.problem or "the name of file 1 is not UTF-8" in caught.value.problem


@pytest.mark.parametrize(
    "name", ["console", "nul1", "com10", "a b", ".hidden", "com", "lpt", "名", "a.b.c/d-e_f", "n" * 62]
)
def test_good_names(name):
    assert check_name(name) == name.encode()


@pytest.mark.parametrize(
    "names, message",
    [
        (["a", "a"], "the same file"),
        (["a", "A"], "'A' and 'a' are the same file"),
        (["é", unicodedata.normalize("NFD", "É")], "the same file"),
        (["straße", "STRASSE"], "the same file"),
        (["a", "A/b"], "a file and a folder of one name"),
        (["x/1", "X/2"], "'X/' and 'x/' are the same folder"),
        (["d/e/1", "d/E/2"], "the same folder"),
    ],
)
def test_collisions_are_refused_both_ways(names, message):
    with pytest.raises(FormatError) as caught:
        build([PackFile(name, b"") for name in names])
    assert message in caught.value.problem
    body = b"".join(
        struct.pack("<II", 24 + len(name.encode()), 0) + hashlib.md5(b"").digest() + name.encode() for name in names
    )
    with pytest.raises(FormatError) as caught:
        parse(struct.pack("<HHI", len(names), 1, 8 + len(body)) + body)
    assert message in caught.value.problem
    check_together(["x/1", "x/2", "x/y/1", "z"])


PACK = build([PackFile("a", b"1234"), PackFile("b", b"56")])


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "a file of 0 bytes is too short"),
        (PACK[:7], "a file of 7 bytes is too short"),
        (PACK[:-1], "pack_size is 64, the file has 63 bytes"),
        (PACK + b"x", "pack_size is 64, the file has 65 bytes"),
        (struct.pack("<HHI", 0, 1, 8), "holds no files"),
        (struct.pack("<HHI", 1, 1, 64) + PACK[8:], "27 bytes follow the last file"),
        (struct.pack("<HHI", 3, 1, 64) + PACK[8:], "ends inside the header of file 3 of 3"),
        (PACK[:8] + struct.pack("<I", 23) + PACK[12:], "file 1 of 2 has head_size 23"),
        (PACK[:12] + struct.pack("<I", 0xFFFFFFFF) + PACK[16:], "file_size 4294967295; the pack has 56 bytes left"),
        (PACK[:33] + b"x" + PACK[34:], "the MD5 of 'a' does not match"),
        (PACK[:32] + b"\xff" + PACK[33:], "the name of file 1 is not UTF-8"),
    ],
)
def test_bad_packs(data, message):
    with pytest.raises(FormatError) as caught:
        parse(data)
    assert message in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize("count", [0, 65536])
def test_how_many_files(count):
    with pytest.raises(FormatError, match=f"a pack holds 1 to 65535 files, not {count}"):
        build([PackFile("a", b"")] * count)


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.integers(0, len(PACK) - 1), st.integers(0, 255)).map(
            lambda change: PACK[: change[0]] + bytes((change[1],)) + PACK[change[0] + 1 :]
        ),
    )
)
def test_any_bytes(data):
    try:
        files = parse(data)
    except FormatError as error:
        assert error.remedy
    else:
        assert parse(build(files)) == tuple(sorted(files, key=lambda file: file.name.encode()))


@given(st.text(max_size=70))
def test_any_name(name):
    try:
        encoded = check_name(name)
    except FormatError as error:
        assert error.remedy
    else:
        assert encoded.decode() == name
        assert len(encoded) <= 62
        assert not {"", ".", ".."} & set(name.split("/"))
