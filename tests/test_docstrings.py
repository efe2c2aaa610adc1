"""The first line of each docstring is a short sentence; every command's help begins with one and ends with an example."""

from __future__ import annotations

import ast
import re

import pytest
from product_trees import PACKAGE, TREES

LONGEST = 100  # characters of a first line
NO_VERBS = {
    "A",
    "All",
    "An",
    "Each",
    "How",
    "No",
    "One",
    "That",
    "The",
    "This",
    "What",
    "When",
    "Whether",
    "Who",
    "Why",
}


def name_of(path):
    """A module's path below the product."""
    return str(path.relative_to(PACKAGE))


def docstrings(tree):
    """(node, docstring) of a module, its classes and functions."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text is not None:
                yield node, text


def faults(node, text):
    """What is wrong with a docstring."""
    first, *rest = text.splitlines()
    if len(first) > LONGEST:
        yield f"the first line has {len(first)} characters"
    if not first.endswith("."):
        yield "the first line does not end with a full stop"
    if rest and rest[0]:
        yield "the first paragraph has more than one line"
    function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    word = re.match(r"[\w.]*", first)[0]
    if function and (not re.fullmatch("[A-Z][a-z]+", word) or word in NO_VERBS):
        yield f"the first word is no verb: {word}"
    if re.search(r"\bwhoever\b|\bwhat is\b[^.,;:]*\bis\b", text, re.IGNORECASE):
        yield "a riddle"


def test_first_lines_are_short_sentences():
    assert [
        f"{name_of(path)}:{getattr(node, 'lineno', 1)}: {fault}"
        for path, tree in TREES.items()
        for node, text in docstrings(tree)
        for fault in faults(node, text)
    ] == []


def commands():
    """(file, docstring) of every command of the command line."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(
                ast.unparse(decorator).startswith("click.command") for decorator in node.decorator_list
            ):
                yield name_of(path), ast.get_docstring(node) or ""


def test_every_command_s_help_ends_with_an_example():
    texts = dict(commands())
    assert len(texts) > 30
    assert [name for name, text in texts.items() if not re.search("\n\b\nExample:\n  aos-ota ", text)] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"Return {'x' * 100}.", "the first line has 108 characters"),
        ("Return a value", "the first line does not end with a full stop"),
        ("Return a value.\nAnd more.", "the first paragraph has more than one line"),
        ("Why it is so.", "the first word is no verb: Why"),
        ("package.yaml as it is.", "the first word is no verb: package.yaml"),
        ("Return what is there is whole.", "a riddle"),
    ],
)
def test_faults_are_noticed(text, fault):
    assert list(faults(ast.parse("def f(): pass").body[0], text)) == [fault]
