"""The macros and variables that a C source defines, found without a C parser.

The live tokens are cut into statements at ``;`` and at the braces of blocks; statements that have the shape of a
declaration are read, all others are skipped.
"""

from __future__ import annotations

from itertools import groupby
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .c_tokens import Token

_NOT_A_DECLARATION = frozenset(
    ("case", "default", "do", "else", "for", "goto", "if", "return", "sizeof", "switch", "typedef", "while")
)
_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_OPENING.values())


class Macro(NamedTuple):
    """A ``#define``."""

    name: Token
    body: Tuple[Token, ...]
    with_arguments: bool


class Variable(NamedTuple):
    """A declared variable."""

    name: Token
    specifiers: Tuple[str, ...]  # the words before the name: static, const, unsigned, char, ...
    stars: int
    array: Optional[Tuple[Token, ...]]  # the tokens between the first brackets; None: no array
    value: Tuple[Token, ...]  # the initialiser, empty if there is none
    end: int  # where an initialiser can be added
    depth: int  # the number of blocks around it; 0: file scope


def macros(tokens: Sequence[Token]) -> Iterator[Macro]:
    """Yield every macro definition."""
    for number, group in groupby(tokens, key=lambda token: token.directive):
        line = list(group)
        if number and len(line) > 2 and line[1].text == "define" and line[2].kind == "word":
            called = len(line) > 3 and line[3].is_punct("(") and line[3].start == line[2].end
            yield Macro(line[2], tuple(line[3:]), called)


def variables(tokens: Sequence[Token]) -> Iterator[Variable]:
    """Yield every variable declaration, at file scope and in blocks."""
    for statement, depth in _statements(tokens):
        yield from _declared_variables(statement, depth)


def _statements(tokens: Sequence[Token]) -> Iterator[Tuple[List[Token], int]]:
    braces: List[str] = []  # what each open brace belongs to: block, linkage or value
    at_if: List[List[str]] = []  # the braces that were open at each #if, for its other branches
    statement: List[Token] = []
    directive = 0
    for index, token in enumerate(tokens):
        if token.directive:
            if token.directive != directive:
                directive = token.directive
                _follow_condition(tokens[index + 1].text if index + 1 < len(tokens) else "", braces, at_if)
            continue
        in_value = braces[-1:] == ["value"]
        if token.is_punct("{"):
            kind = _brace_kind(statement, in_value)
            braces.append(kind)
            statement = [*statement, token] if kind == "value" else []
        elif token.is_punct("}"):
            statement = [*statement, token] if in_value else []
            del braces[-1:]
        elif token.is_punct(";") and not in_value:
            yield statement, braces.count("block")
            statement = []
        elif token.is_punct(":") and not in_value and _is_label(statement):
            statement = []
        else:
            statement.append(token)


def _follow_condition(name: str, braces: List[str], at_if: List[List[str]]) -> None:
    """Start every branch of an ``#if`` with the braces that were open before it."""
    if name in ("if", "ifdef", "ifndef"):
        at_if.append(list(braces))
    elif name in ("elif", "elifdef", "elifndef", "else") and at_if:
        braces[:] = at_if[-1]
    elif name == "endif" and at_if:
        at_if.pop()


def _brace_kind(statement: List[Token], in_value: bool) -> str:
    if in_value or (statement and statement[-1].is_punct("=")):
        return "value"
    if len(statement) > 1 and statement[-1].kind == "string" and statement[-2].text == "extern":
        return "linkage"
    return "block"


def _is_label(statement: List[Token]) -> bool:
    return len(statement) == 1 or (bool(statement) and statement[0].text == "case")


def _declared_variables(statement: List[Token], depth: int) -> Iterator[Variable]:
    if not statement or statement[0].kind != "word" or statement[0].text in _NOT_A_DECLARATION:
        return
    specifiers: Tuple[str, ...] = ()
    for number, part in enumerate(_split(statement, ",")):
        left, value = _split_value(part)
        shape = _without_attributes(left)
        name = _name_index(shape)
        if name is None or any(token.kind != "word" and not token.is_punct("*") for token in shape[:name]):
            return
        if number == 0:
            specifiers = tuple(token.text for token in shape[:name] if token.kind == "word")
        if not specifiers:
            return
        stars = sum(token.is_punct("*") for token in shape[:name])
        yield Variable(shape[name], specifiers, stars, _brackets(shape, name), value, left[-1].end, depth)


def _split(tokens: Sequence[Token], separator: str) -> Iterator[List[Token]]:
    part: List[Token] = []
    for token, nested in _nesting(tokens):
        if not nested and token.is_punct(separator):
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _split_value(part: List[Token]) -> Tuple[List[Token], Tuple[Token, ...]]:
    for index, (token, nested) in enumerate(_nesting(part)):
        if not nested and token.is_punct("="):
            return part[:index], tuple(part[index + 1 :])
    return part, ()


def _nesting(tokens: Sequence[Token]) -> Iterator[Tuple[Token, bool]]:
    """Yield each token, and whether it is in or part of parentheses, brackets or braces."""
    depth = 0
    for token in tokens:
        punct = token.kind == "punct"
        if punct and token.text in _OPENING:
            depth += 1
        yield token, depth > 0
        if punct and token.text in _CLOSING:
            depth = max(0, depth - 1)


def _without_attributes(left: List[Token]) -> List[Token]:
    """Return the tokens without attributes: words followed by parentheses, and these parentheses."""
    shape: List[Token] = []
    parentheses = 0
    for index, token in enumerate(left):
        if token.is_punct("("):
            parentheses += 1
        elif token.is_punct(")"):
            parentheses = max(0, parentheses - 1)
        elif not parentheses:
            called = index + 1 < len(left) and left[index + 1].is_punct("(")
            if token.kind != "word" or not called:
                shape.append(token)
    return shape


def _name_index(shape: List[Token]) -> Optional[int]:
    """Return the index of the declared name: the word before the first bracket, or the last word."""
    for index, token in enumerate(shape):
        if token.is_punct("["):
            return index - 1 if index and shape[index - 1].kind == "word" else None
    return len(shape) - 1 if shape and shape[-1].kind == "word" else None


def _brackets(shape: List[Token], name: int) -> Optional[Tuple[Token, ...]]:
    after = shape[name + 1 :]
    if not after:
        return None
    end = next((index for index, token in enumerate(after) if token.is_punct("]")), len(after))
    return tuple(after[1:end])
