"""Reading a public key in the forms in which developers get it.

Accepted: PEM and DER (SubjectPublicKeyInfo or PKCS#1), the two C arrays of ``ota_hal_digest.c``, and what a
cloud console shows: base64 of the SubjectPublicKeyInfo without armour, or the modulus as hex digits or numbers.
The result is always a key that devices can use; everything else is a SigningKeyError, which never shows the
file's text: it might be secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Dict, List, Optional, Tuple

from aos_ota_plugin.errors import FormatError, Place, SigningKeyError
from aos_ota_plugin.files.read import decode_text
from aos_ota_plugin.keys import c_array, der
from aos_ota_plugin.keys.rsa import EXPONENT, KEY_BITS, MODULUS_SIZE, PublicKey

__all__ = ["PublicKey", "parse_public_key"]

MAX_FILE_SIZE = 256 * 1024  # bytes; a whole ota_hal_digest.c has 4 KiB

_Numbers = Tuple[int, int, int]  # modulus, exponent, line (0 when unknown)

_FORMS = (
    "give the public key as PEM (openssl pkey -in key.pem -pubout), DER, the C array ota_pubn_buf, "
    "or as copied from the cloud console"
)
_GIVE_PUBLIC = "give the public half only: openssl pkey -in <private key> -pubout -out public.pem"
_MAKE_KEY = "use an RSA key of exactly 2048 bits with the exponent 65537, as `aos-ota keygen` makes it"
_ALGORITHMS = {
    "2a8648ce3d0201": "an elliptic-curve key",
    "2b6570": "an Ed25519 key",
    "2b6571": "an Ed448 key",
    "2b656e": "an X25519 key",
    "2a8648ce380401": "a DSA key",
    "2a864886f70d01010a": "an RSA key restricted to PSS",
}
_PRIVATE_MARKS = ("PRIVATE KEY-----", "Private-Key:", "privateExponent")
_CONTROL = re.compile(r"[\0-\x08\x0e-\x1f]")
_HEX = re.compile(r"[0-9a-fA-F]+")
_DUMP_HEAD = re.compile(r"\bModulus[ \t]*[:=]")
_DUMP_EXPONENT = re.compile(r"\bExponent[ \t]*:[ \t]*([0-9]{1,20})\b[^\n]*")


def parse_public_key(data: bytes, *, file: str, of_device: bool = False) -> PublicKey:
    """Return the only key in `data`, which devices can use. Raises SigningKeyError.

    `file` is named in errors. With `of_device` it may be all zeros, as the component is shipped: what devices hold, not
    what one is given to verify with.
    """
    whole = Place(file)
    if len(data) > MAX_FILE_SIZE:
        raise SigningKeyError(f"{len(data)} bytes are too many for a public key file", place=whole, remedy=_FORMS)
    # A key in DER has more than 127 bytes, so its second byte is not ASCII; 0x30 alone may start hex digits.
    if len(data) > 1 and data[0] == der.SEQUENCE and data[1] >= 0x80:
        numbers = [(*_from_der(data, whole), 0)]
    else:
        numbers = _from_text(_decode(data, whole), file)
    keys: Dict[PublicKey, int] = {}
    for modulus, exponent, line in numbers:
        key = PublicKey(0) if of_device and modulus == 0 else _check_key(modulus, exponent, Place(file, line))
        keys.setdefault(key, line)
    if len(keys) > 1:
        listed = ", ".join(f"{key.short_fingerprint} (line {line})" for key, line in keys.items())
        raise SigningKeyError(
            f"several different keys in one file: {listed}",
            place=Place(file, list(keys.values())[1]),
            remedy="leave only the key that the devices are to trust",
        )
    return next(iter(keys))


def _decode(data: bytes, place: Place) -> str:
    try:
        text = decode_text(data)
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # C sources with comments in another encoding; keys are ASCII
    if _CONTROL.search(text):
        raise SigningKeyError("neither a DER key nor text", place=place, remedy=_FORMS)
    if not text.strip():
        raise SigningKeyError("the file is empty", place=place, remedy=_FORMS)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_text(text: str, file: str) -> List[_Numbers]:
    for mark in _PRIVATE_MARKS:
        at = text.find(mark)
        if at >= 0:
            raise _private_key_error(Place(file, _line_number(text, at)))
    if "-----BEGIN " in text:
        return _from_pem(text, file)
    if "{" in text or c_array.MODULUS_NAME in text:
        return c_array.parse_keys(text, file=file)
    return [_from_console(text, Place(file, _line_number(text, len(text) - len(text.lstrip()))))]


def _from_pem(text: str, file: str) -> List[_Numbers]:
    keys = []
    pieces = text.split("-----BEGIN ")
    line = 1 + pieces[0].count("\n")
    for piece in pieces[1:]:
        place = Place(file, line)
        label, dashes, rest = piece.partition("-----")
        if label == "CERTIFICATE":
            raise _certificate_error(place)
        if label not in ("PUBLIC KEY", "RSA PUBLIC KEY"):
            name = label if dashes and re.fullmatch(r"[A-Z0-9 ]{1,40}", label) else "something unknown"
            raise SigningKeyError(f"a PEM block of {name}, not of an RSA PUBLIC KEY", place=place, remedy=_FORMS)
        body, end, _ = rest.partition(f"-----END {label}-----")
        if not end:
            raise SigningKeyError(
                f"no end of the PEM block: -----END {label}----- is missing", place=place, remedy="copy it again, whole"
            )
        encoded = _base64(body)
        if encoded is None:
            raise SigningKeyError("the PEM block is damaged: not base64", place=place, remedy="copy it again, whole")
        keys.append((*_from_der(encoded, place), line))
        line += piece.count("\n")
    return keys


def _from_console(text: str, place: Place) -> _Numbers:
    """Read a key that was pasted without armour."""
    text = text.strip().strip("\"';").strip()
    if text.startswith(("ssh-", "ecdsa-")):
        raise SigningKeyError(
            "a key in SSH form", place=place, remedy="convert it: ssh-keygen -e -m PKCS8 -f <key>.pub > public.pem"
        )
    exponent = EXPONENT
    head = _DUMP_HEAD.search(text)
    if head:  # openssl rsa -pubin -noout, with -text or -modulus
        text = text[head.end() :].strip()
        tail = _DUMP_EXPONENT.search(text)
        if tail:
            exponent, text = int(tail.group(1)), text[: tail.start()].strip()
    words = text.split()
    # Base64 may hold any number of "0x" inside, but not at the start of every word.
    if "," in text or (len(words) > 1 and all(word[:2] in ("0x", "0X") for word in words)):
        values = c_array.parse_numbers(text, place=place)
        if len(values) != MODULUS_SIZE:
            raise SigningKeyError(
                f"{len(values)} numbers; a 2048-bit modulus has {MODULUS_SIZE}", place=place, remedy=_FORMS
            )
        return int.from_bytes(values, "big"), exponent, place.line
    digits = re.sub(r"[\s:]+", "", text)
    digits = digits[2:] if digits[:2] in ("0x", "0X") else digits
    if _HEX.fullmatch(digits):
        return (*_from_hex(digits, exponent, place), place.line)
    encoded = _base64(text)
    if encoded is None:
        raise SigningKeyError("there is no public key in this text", place=place, remedy=_FORMS)
    return (*_from_der(encoded, place), place.line)


def _from_hex(digits: str, exponent: int, place: Place) -> Tuple[int, int]:
    if len(digits) == 2 * MODULUS_SIZE or (len(digits) == 2 * MODULUS_SIZE + 2 and digits.startswith("00")):
        return int(digits, 16), exponent
    if len(digits) % 2 == 0 and digits.startswith("30") and digits[2:4] in ("81", "82"):
        return _from_der(bytes.fromhex(digits), place)
    raise SigningKeyError(
        f"{len(digits)} hex digits; a 2048-bit modulus has {2 * MODULUS_SIZE}", place=place, remedy=_FORMS
    )


def _base64(text: str) -> Optional[bytes]:
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def _from_der(data: bytes, place: Place) -> Tuple[int, int]:
    try:
        parts = der.split_sequence(data)
        tags = [tag for tag, _ in parts]
        if tags == [der.SEQUENCE, der.BIT_STRING]:
            return _from_spki(parts, place)
        if tags == [der.INTEGER, der.INTEGER]:
            return der.parse_unsigned(parts[0][1]), der.parse_unsigned(parts[1][1])
    except FormatError as error:
        raise SigningKeyError(f"not a public key: {error.problem}", place=place, remedy=_FORMS) from None
    if tags == [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
        raise _certificate_error(place)
    # Private keys start with a version (PKCS#1, PKCS#8, SEC 1); an encrypted PKCS#8 is an algorithm and a blob.
    versioned = len(tags) > 1 and tags[0] == der.INTEGER and tags[1] in (der.INTEGER, der.SEQUENCE, der.OCTET_STRING)
    if versioned or tags == [der.SEQUENCE, der.OCTET_STRING]:
        raise _private_key_error(place)
    raise SigningKeyError("not a public key: an unknown DER structure", place=place, remedy=_FORMS)


def _from_spki(parts: List[Tuple[int, bytes]], place: Place) -> Tuple[int, int]:
    algorithm = der.split_elements(parts[0][1])
    if not algorithm or algorithm[0][0] != der.OID:
        raise FormatError("no algorithm in it")
    if algorithm[0][1] != der.RSA_ENCRYPTION:
        name = _ALGORITHMS.get(algorithm[0][1].hex(), "a key of another kind")
        raise SigningKeyError(f"not an RSA key: {name}", place=place, remedy=_MAKE_KEY)
    bits = parts[1][1]
    if bits[:1] != b"\x00":
        raise FormatError("the bit string does not hold whole bytes")
    key = der.split_sequence(bits[1:])
    if [tag for tag, _ in key] != [der.INTEGER, der.INTEGER]:
        raise FormatError("no modulus and exponent in it")
    return der.parse_unsigned(key[0][1]), der.parse_unsigned(key[1][1])


def _check_key(modulus: int, exponent: int, place: Place) -> PublicKey:
    if modulus == 0:
        raise SigningKeyError(
            "no public key pasted: the modulus is all zero, as the component is shipped",
            place=place,
            remedy="paste the public key that the devices are to trust; with zeros every signature is refused",
        )
    bits = modulus.bit_length()
    if bits != KEY_BITS:
        raise SigningKeyError(f"an RSA key of {bits} bits; devices take exactly 2048", place=place, remedy=_MAKE_KEY)
    if modulus % 2 == 0:
        raise SigningKeyError(
            "the modulus is even, so this is not an RSA key",
            place=place,
            remedy="copy it again: the end may be missing",
        )
    if exponent != EXPONENT:
        shown = str(exponent) if exponent.bit_length() <= 64 else f"a number of {exponent.bit_length()} bits"
        raise SigningKeyError(f"the exponent is {shown}; devices take only 65537", place=place, remedy=_MAKE_KEY)
    return PublicKey(modulus, exponent)


def _private_key_error(place: Place) -> SigningKeyError:
    return SigningKeyError("a PRIVATE key, where a public key is expected", place=place, remedy=_GIVE_PUBLIC)


def _certificate_error(place: Place) -> SigningKeyError:
    remedy = "take the key out of it: openssl x509 -in <certificate> -noout -pubkey"
    return SigningKeyError("a certificate, where a public key is expected", place=place, remedy=remedy)


def _line_number(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
