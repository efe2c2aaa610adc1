"""The contributor's door: hooks that are the project's own checks, commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_command_of_make_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", CONTRIBUTING))
    assert len(named) >= 6
    assert named <= targets


def test_every_place_that_is_named_exists():
    named = re.findall(r"`((?:[a-z_]+/)+[A-Za-z_.]*|[A-Z]\w+\.?\w*)`", CONTRIBUTING)
    places = [name for name in named if "/" in name and "NAME" not in name]
    assert len(places) > 8
    for name in places:
        assert (ROOT / name).exists() or (ROOT / "aos_ota_plugin" / name).exists(), name


def test_hooks_are_the_checks_of_make():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    commands = [hook["entry"].split()[0] for hook in hooks[0]["hooks"]]
    assert commands == [".venv/bin/ruff", ".venv/bin/ruff", ".venv/bin/mypy"]


def test_the_license_is_the_one_that_the_package_states():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
