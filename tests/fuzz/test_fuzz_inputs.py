"""Everything that is kept for the fuzzers is read or refused as it should be; and the fuzzers find what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mutation_targets import TARGETS

from aos_ota_plugin.errors import OtaError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))
from tests.fuzz.inputs import kept, slug  # noqa: E402 - only now is there a package of that name


def fuzz(*arguments, script=("-m", "tests.fuzz")):
    return subprocess.run([sys.executable, *script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept(name):
    for data in kept(name):
        try:
            TARGETS[name].check(data)
        except OtaError as error:
            assert str(error)


def seeds(name):
    return sorted((HERE / "seeds" / slug(name)).iterdir())


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_what_their_names_say(name):
    """Read, or refused where the name begins so; none is the target's sound input once more, and all are fed to it."""
    assert seeds(name)
    for path in seeds(name):
        data = path.read_bytes()
        assert data in kept(name)
        assert data != TARGETS[name].good
        try:
            TARGETS[name].check(data)
            outcome = "read"
        except OtaError:
            outcome = "refused"
        assert outcome == ("refused" if path.name.startswith("refused-") else "read"), path


def test_every_kept_input_belongs_to_a_target():
    folders = {folder.name for kind in ("seeds", "regressions") for folder in (HERE / kind).glob("*")}
    assert folders
    assert folders <= {slug(name) for name in TARGETS}
    assert len({slug(name) for name in TARGETS}) == len(TARGETS)
    sizes = [
        path.stat().st_size for kind in ("seeds", "regressions") for path in (HERE / kind).rglob("*") if path.is_file()
    ]
    assert max(sizes) < 16384
    assert sum(sizes) < 300_000


def test_a_short_run(tmp_path):
    done = fuzz("--runs", "300", "--folder", str(tmp_path), "ota.config", "boot menu")
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert [(row[0], row[2], row[6]) for row in rows] == [("ota.config", "300", "0"), ("boot menu", "300", "0")]
    assert all(int(row[4]) + int(row[5]) == 300 for row in rows)


FAULTY = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from tests import mutation_targets
from tests.mutation_targets import Target

def check(data):
    if data[:1] != b"g":
        raise IndexError("planted")
    return True

mutation_targets.TARGETS["faulty"] = Target(b"good input", check, (0, 2))
from tests.fuzz import worker
worker.main()
"""


def test_a_foreign_exception_is_found_and_its_input_kept(tmp_path):
    done = fuzz(
        "faulty", "500", "0", str(tmp_path), script=("-c", FAULTY.format(root=str(ROOT), tests=str(ROOT / "tests")))
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["runs"] == 500
    assert result["foreign"] > 0
    ((file, message),) = result["kept"].items()
    assert message.startswith("IndexError at ")
    assert Path(file).read_bytes()[:1] != b"g"


SEEDED = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from dataclasses import replace
from tests import mutation_targets
target = mutation_targets.TARGETS["ota.config"]

def check(data):
    if data == {seed!r}:
        raise IndexError("the seed")
    return target.check(data)

mutation_targets.TARGETS["ota.config"] = replace(target, check=check)
from tests.fuzz import worker
worker.main()
"""


def test_the_fuzzer_begins_with_the_seeds(tmp_path):
    for path in seeds("ota.config"):
        seed = path.read_bytes()
        script = SEEDED.format(root=str(ROOT), tests=str(ROOT / "tests"), seed=seed)
        done = fuzz("ota.config", "20", "0", str(tmp_path), script=("-c", script))
        assert done.returncode == 0, done.stderr
        assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["foreign"] >= 1, path


def test_an_unknown_target():
    done = fuzz("no such")
    assert done.returncode == 2
    assert "there is no target 'no such'" in done.stderr
