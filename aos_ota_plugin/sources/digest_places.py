"""The places of the public key's two arrays in the device's ``ota_hal_digest.c``.

They have many spellings: static or not, const or not, with a section attribute, n before e or after it,
filled, zero or without an initialiser, on one line or forty. In all of them the place is the initialiser, or the
point where one is added.
"""

from __future__ import annotations

from typing import List

from ..errors import SigningKeyError, SourceError
from .c_declarations import Variable
from .c_source import CSource, number
from .c_text import c_byte_list
from .edits import Edit

N_NAME, N_SIZE = "ota_pubn_buf", 256
E_NAME, E_SIZE = "ota_pube_buf", 3


def check_public_key(n: bytes, e: bytes) -> None:
    """Raise SigningKeyError unless n and e fit the device's arrays: 256 and 3 bytes."""
    if (len(n), len(e)) != (N_SIZE, E_SIZE):
        raise SigningKeyError(
            f"the public key has a modulus of {len(n)} and an exponent of {len(e)} bytes;"
            f" devices hold {N_SIZE} and {E_SIZE}",
            remedy="use an RSA-2048 key with the exponent 65537",
        )


def plan_digest(source: bytes, file: str, public_key_n: bytes, public_key_e: bytes) -> List[Edit]:
    """Return the edits that put a public key (n and e, big-endian) into a copy of ``ota_hal_digest.c``.

    Raises SourceError if an array is missing, is there twice or has another size; SigningKeyError for other
    key sizes.
    """
    check_public_key(public_key_n, public_key_e)
    code = CSource(source, file=file)
    return [_edit(code, N_NAME, public_key_n), _edit(code, E_NAME, public_key_e)]


def _edit(code: CSource, name: str, data: bytes) -> Edit:
    array = _only_array(code, name, len(data))
    text = "{ " + c_byte_list(data) + " }"
    if array.value:
        return code.replace(array.value, text, what=name)
    return code.insert(array.end, f" = {text}", what=name)


def _only_array(code: CSource, name: str, size: int) -> Variable:
    arrays = [variable for variable in code.variables if variable.name.text == name and _holds_bytes(variable)]
    if not arrays:
        raise SourceError(
            f"{code.file} has no array {name}, so there is no place for the public key",
            remedy=f"declare it as the component does: static const unsigned char {name}[{size}];",
        )
    array = arrays[0]
    if len(arrays) > 1:
        lines = " and ".join(str(code.line(other.name.start)) for other in arrays)
        raise SourceError(
            f"{name} is declared more than once, in lines {lines}",
            place=code.place(arrays[1].name.start),
            remedy="keep one of them, or put the other inside #if 0",
        )
    declared = number(array.array[0]) if array.array and len(array.array) == 1 else -1
    if declared not in (-1, size):
        raise SourceError(
            f"{name} has {declared} bytes; devices check signatures with exactly {size}",
            place=code.place(array.name.start),
            remedy=f"declare it as {name}[{size}]",
        )
    return array


def _holds_bytes(variable: Variable) -> bool:
    # Without a value and not at file scope, it is the member of a struct.
    return (
        variable.array is not None
        and not variable.stars
        and "extern" not in variable.specifiers
        and (bool(variable.value) or variable.depth == 0)
    )
