"""Public keys in C source: ``ota_pubn_buf[256]`` and ``ota_pube_buf[3]``, or arrays of these sizes.

Only initialisers are read; the preprocessor is not run, so the caller refuses a file with two different keys
under ``#if``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Tuple

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.keys.rsa import EXPONENT, EXPONENT_SIZE, MODULUS_SIZE

MODULUS_NAME = "ota_pubn_buf"
EXPONENT_NAME = "ota_pube_buf"

# Comments and literals. One that is never closed extends to the end, so that matching takes linear time.
_SKIPPED = re.compile(r"""/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?""", re.DOTALL)
_ARRAY = re.compile(
    r"(?:(?<!\w)(?P<name>[A-Za-z_]\w{0,63})\s{0,99}\[[^\[\]{}]{0,99}\]\s{0,99}=\s{0,99})?"
    r"\{(?P<body>[^{}]*)\}",
    re.ASCII,
)
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9})[uUlL]{0,3}", re.ASCII)


@dataclass(frozen=True)
class _Array:
    name: str
    values: bytes
    line: int


def parse_keys(text: str, *, file: str) -> List[Tuple[int, int, int]]:
    """Return every key that `text` defines: (modulus, exponent, line). Raises SigningKeyError.

    Where the text has ``ota_pubn_buf``, only arrays of that name are read, else any array of 256 numbers. Without an
    array for the exponent, the exponent is 65537.
    """
    arrays = _arrays(text, file)
    named = [array for array in arrays if array.name == MODULUS_NAME]
    exponents = [array for array in arrays if array.name == EXPONENT_NAME]
    if exponents and not named:
        raise SigningKeyError(
            f"there is an {EXPONENT_NAME} but no {MODULUS_NAME} with the key's 256 numbers",
            place=Place(file, exponents[0].line),
        )
    if not named:
        named = [array for array in arrays if len(array.values) == MODULUS_SIZE]
        exponents = [array for array in arrays if len(array.values) == EXPONENT_SIZE]
    if not named:
        counts = ", ".join(str(len(array.values)) for array in arrays[:5]) or "none"
        raise SigningKeyError(
            f"no array of {MODULUS_SIZE} numbers found; the arrays here have: {counts}",
            place=Place(file, arrays[0].line if arrays else 0),
            remedy=f"paste the whole of {MODULUS_NAME}: 256 bytes, without a leading 0x00",
        )
    keys = []
    for array in named:
        for exponent, line in _exponents(exponents, file).items():
            # The caller refuses a wrong exponent, and names its line.
            keys.append((_modulus(array, file), exponent, array.line if exponent == EXPONENT else line))
    return keys


def parse_numbers(text: str, *, place: Place) -> bytes:
    """Read bytes written as C numbers, separated by commas or white space. Raises SigningKeyError."""
    values = bytearray()
    for row, line in enumerate(text.split("\n")):
        place_of_line = Place(place.file, place.line + row if place.line else 0)
        for token in line.replace(",", " ").split():
            values.append(_byte(token, place_of_line))
    return bytes(values)


def _arrays(text: str, file: str) -> List[_Array]:
    code = _SKIPPED.sub(lambda match: " " + "\n" * match.group().count("\n"), text)
    arrays = []
    line, counted = 1, 0
    for match in _ARRAY.finditer(code):
        body_start = match.start("body")
        line += code.count("\n", counted, body_start)
        counted = body_start
        body, name = match.group("body"), match.group("name") or ""
        if name in (MODULUS_NAME, EXPONENT_NAME):
            values = parse_numbers(body, place=Place(file, line))
        else:
            # Other arrays and function bodies are skipped: only a list of bytes can be a key.
            try:
                values = parse_numbers(body, place=Place(file, line))
            except SigningKeyError:
                continue
        arrays.append(_Array(name, values, line))
    return arrays


def _modulus(array: _Array, file: str) -> int:
    if any(array.values) and len(array.values) != MODULUS_SIZE:
        raise SigningKeyError(
            f"{array.name or 'the array'} has {len(array.values)} numbers; a 2048-bit key has {MODULUS_SIZE}",
            place=Place(file, array.line),
            remedy="copy the whole modulus; leave out a leading 0x00 if there is one",
        )
    return int.from_bytes(array.values, "big")


def _exponents(arrays: List[_Array], file: str) -> Dict[int, int]:
    """Return the different exponents with the line of each; 65537 where no array has one."""
    for array in arrays:
        if len(array.values) != EXPONENT_SIZE:
            raise SigningKeyError(
                f"{array.name} has {len(array.values)} numbers, not {EXPONENT_SIZE}",
                place=Place(file, array.line),
                remedy="write 0x01, 0x00, 0x01",
            )
    return {int.from_bytes(array.values, "big"): array.line for array in arrays} or {EXPONENT: 0}


def _byte(token: str, place: Place) -> int:
    match = _NUMBER.fullmatch(token)
    if not match:
        # The text is not shown: the file may be another one, with a secret.
        raise SigningKeyError("a number is expected here", place=place, remedy="write bytes as 0x00 to 0xff")
    digits = match.group(1)
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    value = int(digits, base)
    if value > 0xFF:
        raise SigningKeyError(f"{digits} does not fit a byte", place=place, remedy="write bytes as 0x00 to 0xff")
    return value
