"""The examples in the docstrings of the package run and print what they show."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import aos_ota_plugin

PACKAGE = Path(aos_ota_plugin.__file__).resolve().parent


def module_name(path):
    parts = ["aos_ota_plugin", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Only these are imported: some of the others need SCons' own environment.
WITH_EXAMPLES = sorted(
    module_name(path)
    for path in PACKAGE.rglob("*.py")
    if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
)


def run(test):
    """Run one docstring's examples; return how many failed, and the report."""
    report = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append)
    return runner.failures, "".join(report)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module, name) if test.examples]
    assert tests, f"{name}: its examples stand in no docstring"
    for test in tests:
        failures, report = run(test)
        assert not failures, report


def test_a_wrong_example_is_noticed():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    failures, report = run(wrong)
    assert failures == 1
    assert "Expected:\n    3\nGot:\n    2" in report


def public_modules():
    """The modules of the table in docs/python-api.md."""
    page = (Path(__file__).parents[1] / "docs" / "python-api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|", page, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in public_modules()
        if name.split(".")[0] in {"errors", "device", "images", "keys", "protocol", "release"}
    ],
)
def test_a_public_module_begins_with_an_example(name):
    assert ">>> " in importlib.import_module(f"aos_ota_plugin.{name}").__doc__
