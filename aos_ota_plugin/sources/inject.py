r"""Inject version, identity and public key into copies of the user's own sources.

``plan_*`` finds the places and returns the edits; ``inject_*`` returns the edited copy. A source without a place for
a value, or with two, is an error that names them: a build that quietly left a value out would ship a device with the
wrong version, or one that accepts no update.

>>> from aos_ota_plugin.sources.values import Kv
>>> source = b'#define MY_APP_VER "app-1.0.0"\n'
>>> print(inject_app(source, "app.c", AppValues("app-1.0.1", Kv())).decode())
/* Made by aos_ota_plugin from the file named below; edits here are lost. */
#line 1 "app.c"
#define MY_APP_VER "app-1.0.1"
<BLANKLINE>
"""

from __future__ import annotations

from typing import List, Optional, Tuple

from ..errors import SourceError
from .app_places import ValuePlace, field_places, refuse_secrets, refuse_unusable_macro, version_places
from .c_source import CSource
from .c_text import c_string
from .digest_places import plan_digest
from .edits import Edit, apply
from .names import FIELDS, SECRET_FIELDS, VERSION_MACRO
from .values import AppValues, Embedded

__all__ = ["inject_app", "inject_digest", "plan_app", "plan_digest"]

IDENTITY_DECLARATION = "extern const char *aos_ota_identity(const char *field);"


def inject_app(source: bytes, file: str, values: AppValues) -> bytes:
    """Return a copy of an application's source with these values. Raises like ``plan_app``."""
    return apply(source, plan_app(source, file, values), file=file)


def inject_digest(source: bytes, file: str, public_key_n: bytes, public_key_e: bytes) -> bytes:
    """Return a copy of ``ota_hal_digest.c`` with this public key. Raises like ``plan_digest``."""
    return apply(source, plan_digest(source, file, public_key_n, public_key_e), file=file)


def plan_app(source: bytes, file: str, values: AppValues) -> List[Edit]:
    """Return the edits that set version and identity in an application's source, in the source's order.

    Raises SecretError if the source holds a secret of its own; SourceError if a place is missing, exists twice or
    cannot hold its value, or if a value cannot be written in C.
    """
    code = CSource(source, file=file)
    refuse_secrets(code)
    edits = [] if values.version is None else [_version_edit(code, values.version)]
    for field in FIELDS:
        edit = _field_edit(code, field, values)
        if edit is not None:
            edits.append(edit)
    return sorted(edits, key=lambda edit: edit.start)


def _version_edit(code: CSource, version: str) -> Edit:
    place = _only(code, version_places(code), VERSION_MACRO)
    if place is None:
        raise SourceError(
            f"{code.file} has no place for the version",
            remedy=f'add the line  #define {VERSION_MACRO} "app-1.0.0"  and report that macro as the version',
        )
    return _edit(code, place, c_string(version, "the version"), "")


def _field_edit(code: CSource, field: str, values: AppValues) -> Optional[Edit]:
    identity = values.identity
    if isinstance(identity, Embedded) and not identity.has(field):
        return None
    place = _only(code, field_places(code, field), field)
    if place is None:
        if isinstance(identity, Embedded):
            raise SourceError(
                f"{code.file} has no place for the {field.replace('_', ' ')}",
                remedy=f'declare it where you connect:  char *{field} = "";',
            )
        return None
    value, declaration = _field_value(code, place, values)
    return _edit(code, place, value, declaration)


def _field_value(code: CSource, place: ValuePlace, values: AppValues) -> Tuple[str, str]:
    """Return the text for a field's place, and the declaration that this text needs."""
    field, identity = place.field, values.identity
    if isinstance(identity, Embedded) and field not in SECRET_FIELDS:
        text = identity.product_key if field == "product_key" else identity.device_name
        if place.size is not None and len(text) >= place.size:
            raise SourceError(
                f"{place.name.text} has room for {max(0, place.size - 1)} characters, not for {len(text)}",
                place=code.place(place.name.start),
                remedy="make the array larger, or make it a pointer",
            )
        return c_string(text, f"the {field.replace('_', ' ')}"), ""
    if place.kind == "array":
        raise SourceError(
            f"{place.name.text} is an array, and its value is outside this source",
            place=code.place(place.name.start),
            remedy=f'make it a pointer:  char *{place.name.text} = "";',
        )
    call = not isinstance(identity, Embedded)
    if call and place.constant:
        raise SourceError(
            f"{place.name.text} is a file-scope or static variable, and its value is read when the device runs",
            place=code.place(place.name.start),
            remedy="declare it inside the function that uses it, without static",
        )
    refuse_unusable_macro(code, place, call=call)
    if call:
        value, declaration = f'(char *)aos_ota_identity("{field}")', IDENTITY_DECLARATION
    else:
        value, declaration = f"(char *)aos_ota_{field}", f"extern const char aos_ota_{field}[];"
    return (f"({value})" if place.kind == "macro" else value), declaration


def _edit(code: CSource, place: ValuePlace, text: str, declaration: str) -> Edit:
    if place.value:
        return code.replace(place.value, text, what=place.name.text, declaration=declaration)
    return code.insert(place.name.end, f" {text}", what=place.name.text, declaration=declaration)


def _only(code: CSource, places: List[ValuePlace], what: str) -> Optional[ValuePlace]:
    if len(places) > 1:
        lines = " and ".join(str(code.line(place.name.start)) for place in places)
        raise SourceError(
            f"{what} gets its value in more than one place, in lines {lines}",
            place=code.place(places[1].name.start),
            remedy="keep one of them, or put the others inside #if 0",
        )
    return places[0] if places else None
