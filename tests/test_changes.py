"""Each change has a file in changes/, of whose name and text towncrier makes a line of the changelog."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
KINDS = re.findall(
    r'\[\[tool\.towncrier\.type\]\]\ndirectory = "(\w+)"', (PROJECT / "pyproject.toml").read_text("utf-8")
)
CHANGES = sorted(path for path in (PROJECT / "changes").iterdir() if not path.name.startswith("."))


def test_contributors_are_told_all_kinds():
    text = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
    assert KINDS
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []


@pytest.mark.parametrize("path", CHANGES, ids=lambda path: path.name)
def test_the_name_of_a_change(path):
    assert re.fullmatch(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md", path.name), (
        f"call it changes/NAME.KIND.md; the kinds are {', '.join(KINDS)}"
    )


@pytest.mark.parametrize("path", CHANGES, ids=lambda path: path.name)
def test_the_text_of_a_change(path):
    text = path.read_text("utf-8")
    assert text.strip()
    assert not text.startswith(("-", "*", "#"))
    assert "\n\n" not in text.strip()


def test_the_changelog_has_the_place_where_changes_go():
    text = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    assert text.index("<!-- towncrier release notes start -->\n") < text.index("## 0.1.0")
