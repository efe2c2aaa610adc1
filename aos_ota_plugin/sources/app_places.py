"""The places of version and identity (the quadruple) in an application's source.

The version is the macro ``MY_APP_VER``. A field of the quadruple is the initialiser of a ``char`` variable
with the field's name, as in the vendor's ``otaappdemo.c``, or a macro with its name in capitals, as in other
vendor solutions. Only plain values are places: a call of a function or a copy of another variable is the user's
own source of the identity.
"""

from __future__ import annotations

import re
from typing import FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import SecretError, SourceError
from .c_declarations import Macro, Variable
from .c_source import CSource, number
from .c_tokens import Token
from .names import FIELDS, SECRET_FIELDS, VERSION_MACRO

_PLAIN_WORDS = frozenset(("char", "const", "signed", "unsigned", "void", "NULL"))
_PLAIN_PUNCT = frozenset("(){}*,")
_PLACEHOLDER = re.compile(
    r"""
      \s* | [$][{].*[}] | <.*> | [{].*[}] | \[.*\] | %.*%       # ${YourDeviceSecret}, <secret>, ...
    | (?:the|my|a|your)?[-_ ]?(?:device|product)?[-_ ]?secret    # DeviceSecret, your_device_secret
    | (?:your|replace|change|fill|insert|put|enter)[-_ a-z]*      # your-secret-here, change_me
    | (?:demo|example|test|sample|dummy|todo|tbd|none|null|n/a)[-_ a-z]*
    | x+ | [*]+ | [.]+ | -+ | _+ | [?]+ | [#]+ | 0+
    """,
    re.VERBOSE | re.IGNORECASE,
)


class ValuePlace(NamedTuple):
    """A place for a value in a source."""

    field: str  # "version" or one of FIELDS
    kind: str  # macro, pointer or array
    name: Token
    value: Tuple[Token, ...]  # empty only for a macro without a body
    size: Optional[int] = None  # of an array, where it is a plain number
    constant: bool = False  # C wants a constant here, so a function call is no value


def version_places(code: CSource) -> List[ValuePlace]:
    """Return every definition of the version."""
    return [_macro_place(code, "version", macro) for macro in code.macros if macro.name.text == VERSION_MACRO]


def field_places(code: CSource, field: str) -> List[ValuePlace]:
    """Return every place of one field.

    A variable whose value is the field's macro is left out: the macro is the place.
    """
    name = field.upper()
    places = [_macro_place(code, field, macro) for macro in code.macros if macro.name.text == name]
    plain_words = _PLAIN_WORDS | {name}
    for variable in code.variables:
        if variable.name.text == field and "char" in variable.specifiers and _is_plain(variable.value, plain_words):
            from_macro = bool(places) and any(token.text == name for token in variable.value)
            place = _variable_place(field, variable)
            if place is not None and not from_macro:
                places.append(place)
    return places


def held_names(code: CSource) -> List[Token]:
    """Return the names that make a source the one with version and identity, in its order.

    These are the version macro, and the fields of an identity with a text as their value. A device name alone may be
    that of anything, and a variable without a text gets its value when the device runs: those do not count.
    """
    names = [macro.name for macro in code.macros if macro.name.text == VERSION_MACRO]
    fields = {field: list(_held_field(code, field)) for field in FIELDS}
    if any(fields[field] for field in FIELDS if field != "device_name"):
        names += [name for field in FIELDS for name in fields[field]]
    return sorted(names, key=lambda name: name.start)


def _held_field(code: CSource, field: str) -> Iterator[Token]:
    name = field.upper()
    for macro in code.macros:
        if macro.name.text == name and not macro.with_arguments and any(token.kind == "string" for token in macro.body):
            yield macro.name
    for variable in code.variables:
        if (
            variable.name.text == field
            and "char" in variable.specifiers
            and _is_plain(variable.value, _PLAIN_WORDS | {name})
            and any(token.kind == "string" or token.text == name for token in variable.value)
        ):
            yield variable.name


def refuse_secrets(code: CSource) -> None:
    """Raise SecretError if the source holds a secret; placeholders are allowed.

    Assignments and members count, too (``.device_secret = "..."``): every string that live code gives to a secret
    field.
    """
    for field in SECRET_FIELDS:
        for name, value in _assigned_values(code, field):
            text = "".join(_content(token) for token in value)
            if text.isascii() and not _PLACEHOLDER.fullmatch(text):
                raise SecretError(
                    f"this source holds a {field.replace('_', ' ')}, as the value of {name}",
                    place=code.place(value[0].start),
                    remedy='put "" in its place and keep the secret outside the source tree; everyone with access'
                    " to this file may know it, so have the platform issue a new one",
                )


def refuse_unusable_macro(code: CSource, place: ValuePlace, *, call: bool) -> None:
    """Raise SourceError where a macro's use would break with a pointer or a function call in its place.

    ``sizeof`` would silently return the size of a pointer; the others would not compile, far from their cause.
    """
    if place.kind != "macro":
        return
    name = place.name.text
    tokens = code.tokens
    problem = f"{name} becomes a pointer to the value, so it cannot be "
    for index, token in enumerate(tokens):
        if token.kind == "word" and token.text == name and token.start != place.name.start:
            before = [other.text for other in tokens[max(0, index - 2) : index]]
            neighbours = tokens[max(0, index - 1) : index] + tokens[index + 1 : index + 2]
            if before[-1:] == ["sizeof"] or before == ["sizeof", "("]:
                raise SourceError(
                    problem + "measured with sizeof", place=code.place(token.start), remedy=f"use strlen({name}) + 1"
                )
            if any(other.kind == "string" and other.directive == token.directive for other in neighbours):
                raise SourceError(
                    problem + "joined with a string",
                    place=code.place(token.start),
                    remedy="join them when the program runs, with snprintf",
                )
    for variable in code.variables:
        use = next((token for token in variable.value if token.kind == "word" and token.text == name), None)
        if use is not None and variable.array is not None and not variable.stars and len(variable.value) == 1:
            raise SourceError(
                problem + "the value of an array",
                place=code.place(use.start),
                remedy=f"make {variable.name.text} a pointer",
            )
        if use is not None and call and _needs_constant(variable):
            raise SourceError(
                f"{name} becomes a function call, so it cannot be the value of a file-scope or static variable",
                place=code.place(use.start),
                remedy=f"give {variable.name.text} its value inside a function, or make it a local variable",
            )


def _macro_place(code: CSource, field: str, macro: Macro) -> ValuePlace:
    if macro.with_arguments:
        raise SourceError(
            f"{macro.name.text} is defined with arguments, so it is no place for a value",
            place=code.place(macro.name.start),
            remedy=f'define it as  #define {macro.name.text} ""',
        )
    return ValuePlace(field, "macro", macro.name, macro.body)


def _variable_place(field: str, variable: Variable) -> Optional[ValuePlace]:
    if variable.array is None and variable.stars == 1:
        return ValuePlace(field, "pointer", variable.name, variable.value, constant=_needs_constant(variable))
    if variable.array is not None and not variable.stars:
        size = number(variable.array[0]) if len(variable.array) == 1 else -1
        return ValuePlace(field, "array", variable.name, variable.value, size if size >= 0 else None)
    return None


def _needs_constant(variable: Variable) -> bool:
    return variable.depth == 0 or "static" in variable.specifiers


def _is_plain(value: Sequence[Token], words: FrozenSet[str]) -> bool:
    """Return whether a value is a string, a macro's name, zero or empty, maybe with a cast or braces."""
    return bool(value) and all(
        token.kind in ("string", "char")
        or (token.kind == "number" and number(token) == 0)
        or (token.kind == "word" and token.text in words)
        or (token.kind == "punct" and token.text in _PLAIN_PUNCT)
        for token in value
    )


def _assigned_values(code: CSource, field: str) -> Iterator[Tuple[str, List[Token]]]:
    """Yield each name of a field that gets string literals, with these literals."""
    for macro in code.macros:
        if macro.name.text == field.upper():
            strings = [token for token in macro.body if token.kind == "string"]
            if strings:
                yield macro.name.text, strings
    names = (field, field.upper())
    for index, token in enumerate(code.tokens):
        if token.kind == "word" and token.text in names and not token.directive:
            strings = _assigned_strings(code.tokens, index + 1)
            if strings:
                yield token.text, strings


def _assigned_strings(tokens: Sequence[Token], index: int) -> List[Token]:
    """Return the string literals of ``[...] = (...) { "..." "..."`` that starts at `index`."""
    if index < len(tokens) and tokens[index].is_punct("["):
        while index < len(tokens) and not tokens[index].is_punct("]"):
            index += 1
        index += 1
    if index >= len(tokens) or not tokens[index].is_punct("="):
        return []
    index += 1
    while index < len(tokens) and (tokens[index].text in _PLAIN_WORDS or tokens[index].text in _PLAIN_PUNCT):
        index += 1
    strings: List[Token] = []
    while index < len(tokens) and tokens[index].kind == "string":
        strings.append(tokens[index])
        index += 1
    return strings


def _content(token: Token) -> str:
    return token.text[token.text.index('"') + 1 :].rstrip('"')


assert set(SECRET_FIELDS) <= set(FIELDS)
