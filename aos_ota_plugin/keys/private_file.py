r"""Find the private key in a file, and whether it is encrypted.

The block that is judged is the one that is loaded.

PEM (RFC 7468; headers as in RFC 1421) or DER. OpenSSH's form and PKCS#12 are named, not read.

>>> find_private_key(b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n").encrypted
False
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from typing import Dict, List, NamedTuple, Optional

from aos_ota_plugin.errors import FormatError, Place, SigningKeyError
from aos_ota_plugin.keys.der import INTEGER, OCTET_STRING, OID, SEQUENCE, split_elements, split_sequence

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
_MARK = b"\xef\xbb\xbf"
_OPENSSH = b"openssh-key-v1\0"
_IV_DIGITS = {"AES": 32, "ARIA": 32, "CAMELLIA": 32, "SEED": 32}
"""Hexadecimal digits of a cipher's IV, by how its name begins; 16 for all others."""


_LABEL = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_LABEL_LINE = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\r\n \t]")
_ERASED = b"\xff\xfe\0"
_BEFORE_DER = _ERASED + _MARK + b" \t\r\n"
_BASE64_MAX = 1 << 14
_TEXT_MAX = 1 << 20
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_OTHER_FORMS = (
    b"PuTTY-User-Key-File-",
    b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY",
    b"\x1e\xf1\xb5\xb0",  # PVK
    b"\x07\x02\x00\x00\x00\xa4\x00\x00RSA2",  # MSBLOB
    b"\x07\x02\x00\x00\x00\x24\x00\x00RSA2",
    b"\xfe\xed\xfe\xed",  # JKS
)
"""How files begin that hold a private key in a form of their own."""
_PASSWORD_BASED = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c"))
"""How the identifiers of ciphers begin that encrypt a key: those of PKCS#5 and of PKCS#12."""


class PrivateKeyData(NamedTuple):
    """A private key as PEM or DER, without what else is in its file.

    ``cipher`` is that of a PEM header, or "".
    """

    data: bytes
    encrypted: bool
    cipher: str = ""

    def __repr__(self) -> str:  # never the key
        return f"PrivateKeyData(encrypted={self.encrypted})"


class _Block(NamedTuple):
    """A PEM block: its label, headers, whole text, text without headers, and whether it has an end."""

    label: str
    headers: Dict[str, str]
    text: bytes
    body: bytes
    whole: bool


def find_private_key(data: bytes, place: Optional[Place] = None) -> PrivateKeyData:
    """Return the one private key of a file.

    Raises:
        SigningKeyError: there is none, or more than one; it is a public key, a certificate, PKCS#12 or in OpenSSH form;
            or its header is damaged.
    """
    data = data[len(_MARK) :] if data.startswith(_MARK) else data
    if _BEGIN not in data:
        return _from_der(data, place)
    blocks = _blocks(data)
    private = [block for block in blocks if block.label.endswith("PRIVATE KEY")]
    if len(private) > 1:
        raise SigningKeyError(
            f"there are {len(private)} private keys in this file, and which one would sign is not clear",
            place=place,
            remedy="keep one key in a file",
        )
    if not private:
        raise _no_private_block(blocks, data, place)
    [block] = private
    if block.label == "OPENSSH PRIVATE KEY":
        raise _openssh_error(block, place)
    if not block.whole:
        raise no_key_error(data, place)
    cipher, _, initial_vector = block.headers.get("DEK-INFO", "").partition(",")
    encrypted = "ENCRYPTED" in block.headers.get("PROC-TYPE", "").upper()
    if encrypted != ("DEK-INFO" in block.headers):
        absent = "DEK-Info" if encrypted else "Proc-Type: 4,ENCRYPTED"
        raise _header_error(f"the header of this private key is damaged: {absent} is missing", place)
    if encrypted:
        _refuse_short_vector(cipher.strip(), initial_vector.strip(), place)
    encrypted = encrypted or block.label.startswith("ENCRYPTED ")
    return PrivateKeyData(block.text, encrypted, cipher.strip())


def is_private_key(data: bytes) -> bool:
    """Return whether a file is a private key of any kind: PEM, DER, PKCS#12, OpenSSH's or PuTTY's form.

    A key at the start counts, whatever follows it; so does text with one anywhere. A binary file with one inside is
    none: firmware has the labels of PEM in it, and may have a key of its own for TLS. Erased flash around a key and the
    zeros and marks of UTF-16, change nothing.
    """
    text = data.strip(_ERASED)
    if text[1:2] == text[3:4] == b"\0":  # UTF-16
        text = text.replace(b"\0", b"")
    text = text[len(_MARK) :] if text.startswith(_MARK) else text
    if _LABEL_LINE.match(text) or (b"\0" not in text and _LABEL.search(text)):
        return True
    if data.startswith(_OTHER_FORMS) or text.startswith(_OTHER_FORMS):
        return True
    if len(data) <= _TEXT_MAX and _LABEL.search(_as_ascii(data)):
        return True
    return _is_der_key(data.lstrip(_BEFORE_DER)) or (len(text) <= _BASE64_MAX and _is_der_key(_from_base64(text)))


def _as_ascii(data: bytes) -> bytes:
    """Return a text in UTF-16 with a mark, or by its zeros, as ASCII; b"" for what is none."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le" if b"-\0-\0-\0" in data else ""
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode(encoding).encode("ascii", "replace") if encoding else b""
    return b""


def _from_base64(text: bytes) -> bytes:
    try:
        plain = b"".join(text.split()).rstrip(b"=").translate(_URL_SAFE)
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return b""


def _is_der_key(data: bytes) -> bool:
    """Return whether the data begins with a private key in DER."""
    if data[:1] != bytes([SEQUENCE]) or len(data) < 4:
        return False
    count = data[1] - 0x80
    size = 2 + (count + int.from_bytes(data[2 : 2 + count], "big") if 0 < count <= 4 else data[1])
    try:
        elements = split_sequence(data[:size])
        kinds = [kind for kind, _ in elements]
        if kinds[:1] == [SEQUENCE]:
            [*algorithm] = split_elements(elements[0][1])[:1]
            return kinds == [SEQUENCE, OCTET_STRING] and any(
                kind == OID and value.startswith(_PASSWORD_BASED) for kind, value in algorithm
            )
    except FormatError:
        return False
    version = elements[0] if elements else (0, b"")
    if version == (INTEGER, b"\x03"):
        return kinds[1:2] == [SEQUENCE]  # PKCS#12
    return (
        version in ((INTEGER, b"\0"), (INTEGER, b"\x01"))
        and (
            kinds[1:3] == [SEQUENCE, OCTET_STRING]  # PKCS#8
            or kinds[1:2] == [OCTET_STRING]  # of an elliptic curve
            or kinds[1:6] == [INTEGER] * 5  # PKCS#1
        )
    )


def no_key_error(data: bytes, place: Optional[Place]) -> SigningKeyError:
    """Return the error for a file from which no private key can be read; an empty one is named so."""
    if not data.strip():
        return SigningKeyError("the private key file is empty", place=place, remedy="check its path")
    if b"\0" in data and _BEGIN in data.replace(b"\0", b""):
        return SigningKeyError(
            "this key is PEM, but saved as UTF-16 or UTF-32",
            place=place,
            remedy="save it as UTF-8: in Notepad with Save as; in PowerShell with Out-File -Encoding ascii, not >",
        )
    return SigningKeyError(
        "no private key can be read from this file",
        place=place,
        remedy="give an RSA-2048 private key as PEM or DER (PKCS#8 or PKCS#1), undamaged",
    )


def _from_der(data: bytes, place: Optional[Place]) -> PrivateKeyData:
    inner = _content_of_sequence(data)
    if inner[:1] == bytes([SEQUENCE]):
        return PrivateKeyData(data, encrypted=True)  # EncryptedPrivateKeyInfo: the cipher's identifier comes first
    if inner[:1] != bytes([INTEGER]):
        raise no_key_error(data, place)
    if inner[1:3] == b"\x01\x03":
        raise SigningKeyError(
            "this is a PKCS#12 file, which may hold several keys",
            place=place,
            remedy="take its key out: openssl pkcs12 -in FILE -nocerts -out ota_key.pem",
        )
    return PrivateKeyData(data, encrypted=False)


def _content_of_sequence(data: bytes) -> bytes:
    """Return the first bytes of a DER sequence's content, b"" where it is none."""
    if len(data) < 2 or data[0] != SEQUENCE:
        return b""
    header = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return data[header : header + 16]


def _blocks(data: bytes) -> List[_Block]:
    """Return the PEM blocks in the file's order; the last one may lack its end."""
    blocks: List[_Block] = []
    lines: List[bytes] = []
    label = b""
    for raw in data.splitlines():
        line = raw.strip()
        if line.startswith(_BEGIN) and line.endswith(_DASHES):
            label, lines = line[len(_BEGIN) : -len(_DASHES)], []
        elif label and line == _END + label + _DASHES:
            blocks.append(_block(label, lines, whole=True))
            label = b""
        elif label:
            lines.append(line)
    return [*blocks, _block(label, lines, whole=False)] if label else blocks


def _block(label: bytes, lines: List[bytes], *, whole: bool) -> _Block:
    headers: Dict[str, str] = {}
    count = next((number for number, line in enumerate(lines) if not line), 0)
    if not all(b":" in line for line in lines[:1]):
        count = 0
    for line in lines[:count]:
        name, _, value = line.decode("ascii", "replace").partition(":")
        headers.setdefault(name.strip().upper(), value.strip())
    name = label.decode("ascii", "replace")
    text = b"\n".join((_BEGIN + label + _DASHES, *lines, _END + label + _DASHES, b""))
    return _Block(name, headers, text, b"".join(lines[count:]), whole)


def _no_private_block(blocks: List[_Block], data: bytes, place: Optional[Place]) -> SigningKeyError:
    for ending, noun in (("PUBLIC KEY", "a public key"), ("CERTIFICATE", "a certificate")):
        if any(block.label.endswith(ending) for block in blocks):
            return SigningKeyError(f"{noun}, where the private key is expected", place=place, remedy="check its path")
    return no_key_error(data, place)


def _openssh_error(block: _Block, place: Optional[Place]) -> SigningKeyError:
    kind = _openssh_kind(block.body)
    if kind and kind != "ssh-rsa":
        return SigningKeyError(
            f"a private key in OpenSSH form, of the kind {kind}; devices take RSA-2048 keys only",
            place=place,
            remedy="make one with `aos-ota keygen`",
        )
    return SigningKeyError(
        "a private key in OpenSSH form", place=place, remedy="convert a copy of it: ssh-keygen -p -m PKCS8 -f <copy>"
    )


def _openssh_kind(body: bytes) -> str:
    """Return the kind of an OpenSSH key, such as ssh-ed25519; "" where it cannot be read."""
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return ""
    if not data.startswith(_OPENSSH):
        return ""
    at, texts = len(_OPENSSH), []
    for field in range(5):  # cipher, key derivation, its options, number of keys, public key
        if field == 3:
            at += 4
            continue
        size = int.from_bytes(data[at : at + 4], "big")
        texts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    public = texts[-1]
    kind = public[4 : 4 + int.from_bytes(public[:4], "big")]
    return kind.decode("ascii") if kind.replace(b"-", b"").isalnum() and len(kind) < 40 else ""


def _refuse_short_vector(cipher: str, initial_vector: str, place: Optional[Place]) -> None:
    """Refuse a header with an IV that is shorter than its cipher's.

    The library cryptography panics there, and writes to stderr.
    """
    digits = next((size for name, size in _IV_DIGITS.items() if cipher.upper().startswith(name)), 16)
    if len(initial_vector) < digits or not all(character in "0123456789abcdefABCDEF" for character in initial_vector):
        raise _header_error("the header DEK-Info of this private key is cut short", place)


def _header_error(problem: str, place: Optional[Place]) -> SigningKeyError:
    return SigningKeyError(problem, place=place, remedy="restore an undamaged copy of it")
