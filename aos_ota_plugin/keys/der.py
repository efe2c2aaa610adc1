"""DER encoding (X.690), as far as RSA public keys need it (RFC 8017, RFC 5280 and RFC 5958).

Reading is strict: definite minimal lengths, minimal non-negative integers, nothing after the outermost element.
"""

from __future__ import annotations

from typing import List, Tuple

from aos_ota_plugin.errors import FormatError

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x30

RSA_ENCRYPTION = bytes.fromhex("2a864886f70d010101")  # 1.2.840.113549.1.1.1
_LONG_FORM = 0x80


def split_elements(content: bytes) -> List[Tuple[int, bytes]]:
    """Split `content` into (tag, content) pairs. Raises FormatError unless it is strict DER."""
    pairs = []
    offset = 0
    while offset < len(content):
        if len(content) - offset < 2:
            raise FormatError("an element is cut short")
        tag, length = content[offset], content[offset + 1]
        offset += 2
        if length >= _LONG_FORM:
            count = length - _LONG_FORM
            encoded = content[offset : offset + count]
            if not 1 <= count <= 4 or len(encoded) != count:
                raise FormatError("an element has an unusable length")
            length = int.from_bytes(encoded, "big")
            if encoded[0] == 0 or length < _LONG_FORM:
                raise FormatError("an element's length is not in its shortest form")
            offset += count
        if len(content) - offset < length:
            raise FormatError("an element is cut short")
        pairs.append((tag, content[offset : offset + length]))
        offset += length
    return pairs


def split_sequence(data: bytes) -> List[Tuple[int, bytes]]:
    """Return the elements of `data`. Raises FormatError unless `data` is exactly a SEQUENCE."""
    outer = split_elements(data)
    if len(outer) != 1 or outer[0][0] != SEQUENCE:
        raise FormatError("not one DER sequence")
    return split_elements(outer[0][1])


def parse_unsigned(content: bytes) -> int:
    """Return the value of an INTEGER's content. Raises FormatError for a negative or longer form."""
    if not content or content[0] & 0x80 or (content[0] == 0 and len(content) > 1 and not content[1] & 0x80):
        raise FormatError("an integer is negative or not in its shortest form")
    return int.from_bytes(content, "big")


def encode_spki(modulus: int, exponent: int) -> bytes:
    """Return the SubjectPublicKeyInfo of an RSA key."""
    key = _element(SEQUENCE, _integer(modulus) + _integer(exponent))
    algorithm = _element(SEQUENCE, _element(OID, RSA_ENCRYPTION) + _element(NULL, b""))
    return _element(SEQUENCE, algorithm + _element(BIT_STRING, b"\x00" + key))


def _integer(value: int) -> bytes:
    return _element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    encoded = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM + len(encoded))) + encoded + content
