"""Files for the case table, laid out byte by byte with no code of the product but its keys; `README.md` has the recipes."""

from __future__ import annotations

import hashlib
import lzma
import struct
from binascii import crc_hqx
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.keys.signer import load_signer

KEYS = Path(__file__).parent.parent / "keys" / "data"
MAGICS = {"all": 0xEFEFEFEF, "app": 0xABABABAB, "kernel": 0xCDCDCDCD, "mcu": 0xEFCDEFCD, "fs": 0xABCDABCD}
RSA_MAGIC = 0xAABBCCDD
TRAILERS = {"local": 392 + 28, "cloud": 28}
CHECKS = {"crc32": lzma.CHECK_CRC32, "crc64": lzma.CHECK_CRC64, "sha256": lzma.CHECK_SHA256, "none": lzma.CHECK_NONE}


def signer(name: str) -> Any:
    """Return the signer of a key file of tests/keys/data."""
    return load_signer((KEYS / name).read_bytes(), file=name, passphrase=None)


OWN, OTHER = signer("private.pem"), signer("other-private.pem")


class Made(NamedTuple):
    """A file, and the payload that the device runs before it; None where that does not matter."""

    data: bytes
    base: Optional[bytes] = None


def pattern(size: int, seed: int = 0) -> bytes:
    """Return `size` bytes that do not compress; other ones for each seed."""
    return hashlib.shake_256(b"case %d" % seed).digest(size)


def make_file(recipe: Dict[str, Any], mode: str) -> Made:
    """Return the file of a recipe, with the changes in `then`."""
    made = KINDS[recipe.get("kind", "image")].make(recipe, recipe.get("trailer", mode))
    return made._replace(data=changed(made.data, recipe.get("then", ())))


def changed(data: bytes, steps: Sequence[Dict[str, Any]]) -> bytes:
    """Return `data` after the steps: xor, put, cut and append; a negative `at` counts from the end."""
    for step in steps:
        at = step.get("at", 0)
        at += len(data) if at < 0 else 0
        if "xor" in step:
            data = data[:at] + bytes([data[at] ^ step["xor"]]) + data[at + 1 :]
        elif "put" in step:
            new = bytes.fromhex(step["put"])
            data = data[:at] + new + data[at + len(new) :]
        elif "cut" in step:
            data = data[: -step["cut"]]
        else:
            data += pattern(step["append"], 9)
    return data


def with_trailer(body: bytes, recipe: Dict[str, Any], trailer: str) -> bytes:
    """Return `body` with image_info, in local mode with sign_info before it."""
    if recipe.get("padding", True):
        body += b"\xff" * 4
    whole = body
    if trailer == "local":
        digest = hashlib.sha256(body).digest()
        whole += struct.pack("<I100x", recipe.get("encrypto_magic", RSA_MAGIC)) + digest
        whole += SIGNATURES[recipe.get("signature", "own")](body, digest)
    size = recipe.get("image_size", len(body))
    magic = recipe.get("magic", "all")
    md5 = hashlib.md5((whole + b"\xff" * max(0, size - len(whole)))[:size]).digest()
    return whole + struct.pack("<II16sBBH", MAGICS.get(magic, magic), size, md5, 1, 0, crc_hqx(whole[:size], 0))


def _pss(message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key: Any = load_pem_private_key((KEYS / "private.pem").read_bytes(), None)
    signature: bytes = key.sign(message, PSS(MGF1(SHA256()), 0), SHA256())
    return signature


SIGNATURES: Dict[str, Callable[[bytes, bytes], bytes]] = {
    "own": lambda body, digest: OWN.sign_message(digest),
    "other": lambda body, digest: OTHER.sign_message(digest),
    "hashed once": lambda body, digest: OWN.sign_message(body),
    "pss": lambda body, digest: _pss(digest),
    "reversed": lambda body, digest: OWN.sign_message(digest)[::-1],
    "zeros": lambda body, digest: bytes(256),
    "hash as text": lambda body, digest: OWN.sign_message(digest.hex().encode()),
}


def _image(recipe: Dict[str, Any], trailer: str) -> Made:
    payload = bytes.fromhex(recipe.get("starts", ""))
    payload += pattern(recipe.get("payload", 1000) - len(payload), recipe.get("seed", 0))
    return Made(with_trailer(payload, recipe, trailer))


def _plain(recipe: Dict[str, Any], trailer: str) -> Made:
    return Made(pattern(recipe["size"], recipe.get("seed", 0)))


def _compress(data: bytes, recipe: Dict[str, Any], dictionary: int) -> bytes:
    filters: List[Dict[str, int]] = [{"id": lzma.FILTER_LZMA2, "dict_size": recipe.get("dict", dictionary)}]
    if recipe.get("filter") == "armthumb":
        filters.insert(0, {"id": lzma.FILTER_ARMTHUMB})
    return lzma.compress(data, lzma.FORMAT_XZ, CHECKS[recipe.get("check", "crc32")], filters=filters)


def _xz(recipe: Dict[str, Any], trailer: str) -> Made:
    payload = pattern(recipe.get("payload", 3000), recipe.get("seed", 0)) + bytes(recipe.get("zeros", 0))
    stream = changed(_compress(payload, recipe, 32 * 1024), recipe.get("stream", ()))
    return Made(with_trailer(stream, recipe, trailer))


def _pack(recipe: Dict[str, Any], trailer: str) -> Made:
    parts = []
    for number, (name, size) in enumerate(recipe["files"].items()):
        data, raw = pattern(size, number), name.encode("utf-8")
        md5 = hashlib.md5(data + (b"?" if name == recipe.get("wrong_md5") else b"")).digest()
        parts.append(struct.pack("<II16s", 24 + len(raw), size, md5) + raw + data)
    body = b"".join(parts)
    count = recipe.get("count", len(parts))
    return Made(struct.pack("<HHI", count, 1, 8 + len(body) + recipe.get("stated", 0)) + body)


def _number(value: int) -> bytes:
    return (abs(value) | (1 << 63 if value < 0 else 0)).to_bytes(8, "little")


def _applied(
    flash: bytearray, triples: Sequence[Sequence[int]], seed: int, size: Optional[int] = None
) -> Tuple[bytes, bytes, bytes]:
    """Return what triples make of the flash: the section's bytes, its diff bytes (all 1), its extra bytes."""
    new, diff, extra, position = bytearray(), b"", b"", 0
    for add, copy, seek in triples:
        old = (bytes(flash) + b"\xff" * 0x1000)[max(position, 0) : max(position, 0) + max(add, 0)]
        new += bytes((byte + 1) & 0xFF for byte in old.ljust(max(add, 0), b"\xff"))
        diff += b"\x01" * max(add, 0)
        more = pattern(max(copy, 0), seed + len(extra))
        extra += more
        new += more
        position += add + seek
    return bytes(new if size is None else new[:size]), diff, extra


def _section(flash: bytearray, at: int, section: Dict[str, Any], covers: int) -> Tuple[bytes, bytes]:
    """Return a section and its new bytes; its extra length covers `covers` bytes behind it."""
    new, diff, extra = _applied(flash, section["triples"], at + 1, section.get("size"))
    control = b"".join(_number(number) for triple in section["triples"] for number in triple)
    ctrl_xz, diff_xz, extra_xz = (_compress(stream, section, 16 * 1024) for stream in (control, diff, extra))
    lengths = (
        section.get("ctrl_length", len(ctrl_xz)),
        section.get("diff_length", len(diff_xz)),
        section.get("extra_length", len(extra_xz) + covers),
        section.get("new_size", len(new)),
        crc_hqx(new, 0) + section.get("crc", 0),
    )
    return b"BSDIFF40" + b"".join(map(_number, lengths)) + ctrl_xz + diff_xz + extra_xz, new


def _sections(old: bytes, recipe: Dict[str, Any], covers: int) -> Iterator[bytes]:
    flash, at = bytearray(old), 0
    sections = recipe["sections"]
    for number, section in enumerate(sections):
        base = bytearray(old) if recipe.get("against") == "old image" else flash
        data, new = _section(base, at, section, covers if number == len(sections) - 1 else 0)
        flash[at : at + len(new)] = new
        at += len(new)
        yield data


def _diff(recipe: Dict[str, Any], trailer: str) -> Made:
    old = pattern(recipe.get("old", 8192), 77)
    local = trailer == "local"
    padding = 4 if recipe.get("padding", True) else 0
    covers = padding + TRAILERS["local"] if local and recipe.get("covered", True) else 0
    patch = changed(b"".join(_sections(old, recipe, covers)), recipe.get("stream", ()))
    return Made(with_trailer(patch, recipe, "local") if local else patch, old)


class Kind(NamedTuple):
    """A kind of file: the keys of its recipe, and what makes it."""

    keys: Tuple[str, ...]
    make: Callable[[Dict[str, Any], str], Made]


SEALED = ("trailer", "padding", "magic", "image_size", "signature", "encrypto_magic")
KINDS = {
    "image": Kind(("payload", "seed", "starts", *SEALED), _image),
    "xz": Kind(("payload", "seed", "zeros", "dict", "check", "filter", "stream", *SEALED), _xz),
    "diff": Kind(("old", "sections", "against", "covered", "stream", *SEALED), _diff),
    "pack": Kind(("files", "wrong_md5", "count", "stated"), _pack),
    "plain": Kind(("size", "seed"), _plain),
}
SECTION_KEYS = (
    "triples", "size", "new_size", "crc", "ctrl_length", "diff_length", "extra_length", "dict", "check", "filter",
)  # fmt: skip
STEP_KEYS = ("at", "xor", "put", "cut", "append")
