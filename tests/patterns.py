"""Every regular expression of the product, and texts on which each takes as long as it can.

The expressions are collected from the source, so a new one is tried without a line here. Those whose text is known only
when the code runs have a row in ``VALUES``. None is left out, and none is tried on shorter texts than the others.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import runpy
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple, Union

try:
    from re import _parser as parser  # type: ignore[attr-defined]  # Python 3.11 and newer
except ImportError:
    import sre_parse as parser

import aos_ota_plugin
from aos_ota_plugin.device import payload_content

PACKAGE = Path(aos_ota_plugin.__file__).parent
ROOTS = (PACKAGE, PACKAGE.parent / "site_scons")
_CALLS = {"compile", "match", "search", "sub", "subn", "fullmatch", "finditer", "findall", "split"}
_ANYWHERE = "finditer"
_INTERESTING = " a0\t\n/\\\"'<>{}[](),.:;=#-_@*%!A\0\x80"

Text = Union[str, bytes]

VALUES: Dict[Tuple[str, str], Sequence[Text]] = {
    ("device/version_text.py", "b'(' + form + b')\\\\0'"): (
        rb"(app\-[0-9]{1,10}\.[0-9]{1,10}\.[0-9]{1,10}(?:[._-][0-9A-Za-z._-]{1,40})?)\0",
        rb"([0-9]{1,10}\.[0-9]{1,10})\0",
    ),
    ("device/payload_content.py", "form"): (payload_content._HEX_LINE, payload_content._S_LINE),
    ("device/elf.py", "pattern"): (rb"(?=((?:ota_pubn_buf|ota_pube_buf)(?:\.lto_priv\.[0-9]{1,9})?)\x00)",),
    ("sources/macro_uses.py", "use"): (r"[ \t]*#[ \t]*(define|undef)[ \t]+OTA_NAME(?![\w(])(.*)",),
    ("workspace/partition_table.py", "_FIELD.format(name)"): (r"\.\s*partition_length\s*=\s*([^,}\n]*)",),
}
"""The expressions that a place in the source can have, where they are not constants, by file and source text."""


class Pattern(NamedTuple):
    """An expression: its file and name or source text, its value, flags, and the methods that are called on it."""

    file: str
    name: str
    value: Text
    flags: int
    methods: Tuple[str, ...]


def all_patterns() -> List[Pattern]:
    """Return every expression of the product; LookupError for one that is not a constant and not in ``VALUES``."""
    found = [pattern for root in ROOTS for path in sorted(root.rglob("*.py")) for pattern in _of_file(path)]
    for path in sorted(PACKAGE.rglob("*.schema.json")):
        texts = set(re.findall(r'"pattern": ("[^"]*")', path.read_text(encoding="utf-8")))
        found += [Pattern(_name(path), text, json.loads(text), 0, ("search",)) for text in sorted(texts)]
    return found


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE if PACKAGE in path.parents else PACKAGE.parent).as_posix()


def _of_file(path: Path) -> Iterator[Pattern]:
    source = path.read_text(encoding="utf-8")
    if "re." not in source:
        return
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if _is_call(node)]
    names = {id(node.value): node.targets[0].id for node in ast.walk(tree) if _names_one(node)}
    methods: Dict[str, Set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            methods.setdefault(node.value.id, set()).add(node.attr)
    space = _namespace(path) if calls else {}
    for call in calls:
        method = call.func.attr
        used = (method,)
        name = names.get(id(call), "")
        if method == "compile":
            used = tuple(sorted(methods.get(name, set()) & _CALLS)) or (_ANYWHERE,)
        text = name or ast.unparse(call.args[0])
        for value, flags in _values(_name(path), text, call, space):
            yield Pattern(_name(path), text, value, flags, used)


def _is_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in _CALLS
    )


def _names_one(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)


def _namespace(path: Path) -> Dict[str, Any]:
    if PACKAGE in path.parents and path.relative_to(PACKAGE).parts[0] != "demo":
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        return vars(importlib.import_module(module))
    return runpy.run_path(str(path))


def _values(file: str, text: str, call: ast.Call, space: Dict[str, Any]) -> Iterator[Tuple[Text, int]]:
    value = None
    if (file, text) in VALUES:
        yield from ((value, 0) for value in VALUES[file, text])
        return
    try:
        value = eval(compile(ast.Expression(call.args[0]), file, "eval"), dict(space))
        place = 1 if call.func.attr == "compile" else {"sub": 4, "subn": 4, "split": 3}.get(call.func.attr, 2)
        given = [word.value for word in call.keywords if word.arg == "flags"] + call.args[place : place + 1]
        flags = eval(compile(ast.Expression(given[0]), file, "eval"), dict(space)) if given else 0
    except NameError:
        raise LookupError(f"{file}: re.{call.func.attr}({text}) is no constant: give its values in VALUES") from None
    yield value, int(flags)


# --- texts


def hard_texts(pattern: Pattern) -> List[Text]:
    """Return short texts that are to be repeated, each with what follows the repetitions, as pairs of one kind."""
    binary = isinstance(pattern.value, bytes)
    tree = parser.parse(pattern.value, pattern.flags)
    pairs: Dict[Tuple[str, str, str], None] = {}
    for sample in _samples(tree):
        for end in sorted({*range(1, min(len(sample), 12)), len(sample) - 1, len(sample)} - {0, -1}):
            pairs.setdefault(("", sample[:end], ""))
            pairs.setdefault(("", sample[:end], "!"))
    for prefix, pump in _pumps(tree, ""):
        for tail in ("", "!", "\n", "\0"):
            pairs.setdefault((prefix, pump, tail))
        pairs.setdefault(("", prefix + pump, "!"))
        pairs.setdefault(("", prefix + pump * 3, "!"))
        pairs.setdefault(("", pump + prefix, ""))
    encode = (lambda text: text.encode("latin-1")) if binary else (lambda text: text)
    return [tuple(encode(part) for part in pair) for pair in pairs if pair[1]]  # type: ignore[misc]


def long_text(hard: Sequence[Text], size: int) -> Text:
    """Return a text of that many characters, or one less, with a prefix, its repeated part, and what follows."""
    prefix, pump, tail = hard
    count = max(1, (size - len(prefix) - len(tail)) // len(pump))
    return prefix + pump * count + tail


def _samples(tree: Any) -> List[str]:
    """Return texts that an expression matches, or nearly: with each alternative at least once.

    The first has nothing that may be left out.
    """
    count = max((len(node[1][1]) for node in _all_nodes(tree) if str(node[0]) == "BRANCH"), default=1)
    return list(dict.fromkeys(_sample(tree, number) for number in range(-1, min(count, 5))))


def _all_nodes(tree: Any) -> Iterator[Any]:
    for node in tree:
        yield node
        for inner in _inner(node):
            yield from _all_nodes(inner)


def _inner(node: Any) -> List[Any]:
    kind, value = str(node[0]), node[1]
    if kind == "BRANCH":
        return list(value[1])
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return [value[2]]
    if kind == "SUBPATTERN":
        return [value[-1]]
    if kind in ("ASSERT", "ASSERT_NOT"):
        return [value[1]]
    return [value] if kind == "ATOMIC_GROUP" else []


def _sample(tree: Any, choice: int) -> str:
    return "".join(_sample_node(node, choice) for node in tree)


def _sample_node(node: Any, choice: int) -> str:
    kind, value = str(node[0]), node[1]
    if kind == "LITERAL":
        return chr(value)
    if kind in ("NOT_LITERAL", "ANY", "IN"):
        return next(iter(_characters(node)), "a")
    if kind == "BRANCH":
        return _sample(value[1][choice % len(value[1])], choice)
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _sample(value[2], choice) * min(max(value[0], int(choice >= 0)), 600)
    return "" if kind in ("ASSERT", "ASSERT_NOT") else "".join(_sample(inner, choice) for inner in _inner(node))


def _pumps(tree: Any, prefix: str) -> Iterator[Tuple[str, str]]:
    """Yield for each repetition a text that leads to it, and texts that it can repeat."""
    for node in tree:
        kind, value = str(node[0]), node[1]
        if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and value[1] > 1:
            yield from ((prefix, pump) for pump in _repeated(value[2]))
        for inner in _inner(node):
            yield from _pumps(inner, prefix)
        prefix += _sample_node(node, 0)


def _repeated(tree: Any) -> List[str]:
    if len(tree) == 1 and str(tree[0][0]) in ("NOT_LITERAL", "ANY", "IN"):
        return list(_characters(tree[0]))[:5]
    return _samples(tree)


def _characters(node: Any) -> Iterator[str]:
    """Yield characters that a set takes, the interesting ones first."""
    return (char for char in (*_INTERESTING, *map(chr, range(33, 256))) if _accepts(node, char))


def _accepts(node: Any, char: str) -> bool:
    kind, value = str(node[0]), node[1]
    if kind == "ANY":
        return char != "\n"
    if kind == "NOT_LITERAL":
        return ord(char) != value
    parts = [(str(part[0]), part[1]) for part in value]
    negated = parts[0][0] == "NEGATE"
    return negated != any(_in_part(*part, char) for part in parts if part[0] != "NEGATE")


def _in_part(kind: str, value: Any, char: str) -> bool:
    if kind == "LITERAL":
        return ord(char) == value
    if kind == "RANGE":
        return bool(value[0] <= ord(char) <= value[1])
    name = str(value)
    inside = {"DIGIT": char.isdigit(), "SPACE": char.isspace(), "WORD": char.isalnum() or char == "_"}
    return inside[name.rpartition("_")[2]] != ("_NOT_" in name)
