"""Read and write JSON documents: their kind, and their fields by type; errors name file and field.

A document of ours begins with ``"schema": "aos-ota-NAME/VERSION"``. Two of 0.1.0, which travel between machines that
may have different versions, have ``"format"`` and ``"format_version"`` instead and keep them: the approval and the
signing request. Documents of others (in-toto, DSSE, CycloneDX, the platform) have what their standards say.

No object may have a key twice. Of such a pair one value counts, and which one is every reader's own choice: Python
takes the last, the device's cJSON the first. So a document could be proven as one thing and used as another.

Example:
    >>> kind = DocumentKind("layout", {"schema": "aos-ota-layout/1"}, "give a layout.json")
    >>> read_document(b'{"schema": "aos-ota-layout/1", "size": 5}', kind, file="layout.json").size("size")
    5
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin import __version__
from aos_ota_plugin.errors import FormatError, Place, quoted
from aos_ota_plugin.files.read import decode_text, encoding_of

_SHOWN = 80
_PARTS = r'(?s)"(?:[^"\\]|\\.)*"|[{}\[\],:]'  # compiled when there is something to refuse, and not by every start
_HEX = set("0123456789abcdef")
_SCHEMA = r"(.+)/([0-9]{1,9})"


class DocumentKind(NamedTuple):
    """A kind of document: its name in messages, the fields that identify it, and a remedy for bad ones.

    With ``or_none`` a document without all of these fields is one, too: 0.1.0 wrote it without.
    """

    noun: str
    header: Mapping[str, object]
    remedy: str
    or_none: bool = False

    def matches(self, value: object) -> bool:
        """Return whether parsed JSON is a document of this kind and version."""
        if not isinstance(value, dict):
            return False
        return all(value.get(name) == expected for name, expected in self.header.items()) or (
            self.or_none and not set(value) & set(self.header)
        )

    def bad(self, problem: str, place: Optional[Place], remedy: str = "") -> FormatError:
        """Return the error for a document that is none of this kind, or has a bad field."""
        problem = f"this is no {self.noun} that we can read: {problem}"
        return FormatError(problem, place=place, remedy=remedy or self.remedy)

    def wrong_header(self, value: Mapping[str, object], place: Optional[Place]) -> FormatError:
        """Return the error for a document of another kind or version."""
        name, expected = next(item for item in self.header.items() if value.get(item[0]) != item[1])
        actual = value.get(name)
        if not _is_newer(actual, expected):
            return self.bad(f'"{name}" is not {json.dumps(expected)}', place)
        return self.bad(
            f'"{name}" is {json.dumps(actual)}, and aos_ota_plugin {__version__} knows no newer one than '
            f"{json.dumps(expected)}",
            place,
            "update aos_ota_plugin to the version that wrote it, or a newer one: "
            "python -m pip install --upgrade aos_ota_plugin",
        )


class Fields:
    """The fields of a JSON object, by their types; fields that are not asked for are ignored."""

    def __init__(self, values: Dict[str, Any], kind: DocumentKind, file: str) -> None:
        self.values = values
        self._kind = kind
        self._file = file

    def bad(self, problem: str) -> FormatError:
        """Return the error for a field that is not as it has to be."""
        return self._kind.bad(problem, _place(self._file))

    def has(self, name: str) -> bool:
        """Return whether a field is there and not null."""
        return self.values.get(name) is not None

    def text(self, name: str, *, empty: bool = False) -> str:
        """Return a text; with ``empty`` it may have no characters. Raises FormatError."""
        value = self.values.get(name)
        if not isinstance(value, str) or not (value or empty):
            raise self.bad(f'"{name}" is not a text')
        return value

    def optional_text(self, name: str) -> Optional[str]:
        """Return a text, or None where it is null or missing. Raises FormatError."""
        return self.text(name) if self.has(name) else None

    def choice(self, name: str, allowed: Tuple[str, ...]) -> str:
        """Return a text that is among ``allowed``. Raises FormatError."""
        value = self.text(name)
        if value not in allowed:
            raise self.bad(f'"{name}" is none of {", ".join(allowed)}')
        return value

    def size(self, name: str) -> int:
        """Return a whole number of at least 0. Raises FormatError."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.bad(f'"{name}" is not a size')
        return value

    def boolean(self, name: str) -> bool:
        """Return true or false. Raises FormatError."""
        value = self.values.get(name)
        if not isinstance(value, bool):
            raise self.bad(f'"{name}" is neither true nor false')
        return value

    def digest(self, name: str, length: int) -> str:
        """Return ``length`` lower-case hex digits. Raises FormatError."""
        value = self.text(name)
        if len(value) != length or not set(value) <= _HEX:
            raise self.bad(f'"{name}" is not {length} lower-case hex digits')
        return value

    def sequence(self, name: str) -> List[Any]:
        """Return a list. Raises FormatError."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise self.bad(f'"{name}" is not a list')
        return value

    def within(self, value: object, what: str) -> Fields:
        """Return the fields of an object inside this one; ``what`` names it. Raises FormatError."""
        if not isinstance(value, dict):
            raise self.bad(f"{what} is not an object")
        return Fields(value, self._kind, self._file)

    def objects(self, name: str, what: str) -> List[Fields]:
        """Return the objects of a list; ``what`` names each. Raises FormatError."""
        return [self.within(item, what) for item in self.sequence(name)]


def read_document(data: bytes, kind: DocumentKind, *, file: str, ignore_case: bool = False) -> Fields:
    """Return the fields of a document of one kind; ``file`` is named in errors, "" for none.

    Raises:
        FormatError: not JSON, a key twice in an object, another kind of document or another version.
    """
    try:
        value = parse_json(data, file, ignore_case=ignore_case)
    except (ValueError, RecursionError) as error:
        place = _place(file, getattr(error, "lineno", 0), getattr(error, "colno", 0))
        raise kind.bad("it is not JSON", place) from None
    if not kind.matches(value):
        raise kind.wrong_header(value if isinstance(value, dict) else {}, _place(file))
    return Fields(value, kind, file)


def write_document(kind: DocumentKind, fields: Mapping[str, object]) -> bytes:
    """Return a document of one kind: its header, then the fields, in ASCII on one line."""
    return json.dumps({**kind.header, **fields}).encode("ascii")


def _place(file: str, line: int = 0, column: int = 0) -> Optional[Place]:
    return Place(file, line, column) if file else None


def _is_newer(actual: object, expected: object) -> bool:
    if isinstance(actual, str) and isinstance(expected, str):
        theirs, ours = re.fullmatch(_SCHEMA, actual), re.fullmatch(_SCHEMA, expected)
        return bool(theirs and ours and theirs[1] == ours[1] and int(theirs[2]) > int(ours[2]))
    return isinstance(actual, int) and isinstance(expected, int) and not isinstance(actual, bool) and actual > expected


def encode_json(value: Mapping[str, object], *, sort_keys: bool = False) -> bytes:
    """Return a document for people to read: UTF-8 with indents.

    Raises:
        FormatError: a text in it, such as the name of a file, cannot be written in UTF-8.
    """
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=sort_keys) + "\n").encode("utf-8")
    except UnicodeEncodeError as error:
        before, behind = error.object[: error.start].split('"')[-1], error.object[error.start :].split('"')[0]
        name = before.split(" ")[-1] + behind.split(" ")[0]
        raise FormatError(
            f"{quoted(name)} is not UTF-8, so it cannot stand in a document", remedy="rename the file or folder"
        ) from None


def parse_json(data: bytes, file: str = "", *, ignore_case: bool = False) -> Any:
    """Return the value of JSON; with ``ignore_case`` keys that differ only in case are the same.

    It is UTF-8, UTF-16 or UTF-32, with or without a byte order mark, as PowerShell and Windows editors save it.

    Raises:
        FormatError: a key stands in one object twice; its place is in ``file``, if that is not "".
        ValueError, RecursionError: it is not JSON, or not in those encodings, as ``json.loads`` tells.
    """
    text = decode_text(data)
    same: Callable[[str], str] = str.lower if ignore_case else str

    def unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        if len({same(key) for key, _ in pairs}) != len(pairs):
            raise _repeated_key(text, file, same)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


def begins_as_object(data: bytes) -> bool:
    """Return whether data begins as a JSON object does, in any encoding that ``parse_json`` reads."""
    return data[:4096].decode(encoding_of(data), "ignore").lstrip()[:1] == "{"


def _repeated_key(text: str, file: str, same: Callable[[str], str]) -> FormatError:
    """Return the error, with the place of the first key that repeats another."""
    open_objects: List[Dict[str, int]] = []  # their keys, and where each begins; lists have none
    at, word = 0, ""
    for token in re.finditer(_PARTS, text):
        kind = token.group()
        if kind in "{[":
            open_objects.append({})
        elif kind in "}]":
            open_objects.pop()
        elif kind == ":":
            first = open_objects[-1].setdefault(same(json.loads(word)), at)
            if first != at:
                return _error(word, Place(file, *_line_and_column(text, at)), _line_and_column(text, first)[0])
        elif kind != ",":
            at, word = token.start(), kind
    raise AssertionError("no key stands there twice")


def _error(word: str, place: Place, first: int) -> FormatError:
    lines = f", in lines {first} and {place.line}" if place.file and first != place.line else ""
    return FormatError(
        f"the key {json.loads(word)[:_SHOWN]!a} stands in one object twice{lines}",
        place=place if place.file else None,
        remedy="take one of the two out: of such a pair one reader takes the first, another the last",
    )


def _line_and_column(text: str, at: int) -> Tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
