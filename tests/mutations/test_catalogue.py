"""The list of faults fits the code that it is put into, and the tests that it names."""

from __future__ import annotations

import ast

import pytest

from tests.mutations.catalogue import ROOT, load

MUTATIONS = load()


def test_every_room_is_in_the_list():
    rooms = {path.parent.name for path in (ROOT / "aos_ota_plugin").glob("*/__init__.py")}
    assert len(MUTATIONS) >= 40
    assert {mutation.file.split("/")[1] for mutation in MUTATIONS} >= rooms


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.file}: {mutation.old}")
def test_the_fault_is_one_line_of_valid_python_and_its_test_exists(mutation):
    faulty = mutation.applied((ROOT / mutation.file).read_text(encoding="utf-8"))
    if mutation.file.endswith(".py"):
        ast.parse(faulty)
    assert "\n" not in mutation.old.strip("\n")
    path, _, name = mutation.test.partition("::")
    functions = {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert name.partition("[")[0] in functions
