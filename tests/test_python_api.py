"""docs/python-api.md: its example runs, and the modules and names in its table are there."""

from __future__ import annotations

import importlib
import random
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KEYS = ROOT / "tests" / "keys" / "data"
PAGES = [ROOT / "docs" / "python-api.md", ROOT / "docs" / "zh-CN" / "python-api.md"]


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_the_example_runs(page, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "ota_key.pem"
    key.write_bytes((KEYS / "private.pem").read_bytes())
    key.chmod(0o600)
    (tmp_path / "ota_rtos.bin").write_bytes(random.Random(1).randbytes(5000))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(page), "exec"), {})
    assert "the payload is the linked firmware was not judged: no ELF is given" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_what_the_table_names_is_there(page):
    rows = re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 10
    for modules, use in rows:
        found = [importlib.import_module(f"aos_ota_plugin.{name}") for name in re.findall(r"`([\w.]+)`", modules)]
        for name in re.findall(r"`(\w+)`", use):
            assert any(hasattr(module, name) for module in found), f"{name} in {modules}"


def test_both_pages_have_one_example():
    assert (
        len({tuple(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)) for page in PAGES})
        == 1
    )
