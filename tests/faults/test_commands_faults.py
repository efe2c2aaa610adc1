"""Every command that writes, with every call that changes the disk going wrong in turn: killed there, or refused there.

Afterwards each file has its old content or its new one, and all of them together are the old set or the new one, once the next
command has begun. A fault is an error with a remedy, exit status 1 and no traceback. The next run puts everything right, and
nothing that was half written is left.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

import pytest
from fault_layer import FAULTS, KILL, Attempt, attempt

from aos_ota_plugin.cli.main import main

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

TESTS = Path(__file__).resolve().parents[1]
KEYS = TESTS / "keys" / "data"
PAYLOAD = random.Random(1).randbytes(20_000)
NEXT = PAYLOAD[:9000] + b"changed" + PAYLOAD[9000:]
TABLE = b"""hal_logic_partition_t hal_partitions[] = {
[HAL_PARTITION_APPLICATION] = { .partition_start_addr = 0x2000, .partition_length = 0x8000, },
[HAL_PARTITION_LITTLEFS] = { .partition_start_addr = 0x10000, .partition_length = 0x8000, },
[HAL_PARTITION_OTA_TEMP] = { .partition_start_addr = 0x20000, .partition_length = 0x20000, },
};"""
FLASH_LIST = b"""VERSION: 1
FILE_LIST:
  - rtos: {FILE_NAME: ota_rtos.bin, ADDR: 0x2A000, SIZE: 0x578000}
"""


def inputs(folder: Path) -> None:
    """What the commands read."""
    (folder / "old.bin").write_bytes(PAYLOAD)
    (folder / "new.bin").write_bytes(NEXT)
    shutil.copy(KEYS / "private.pem", folder / "key.pem")
    (folder / "key.pem").chmod(0o600)
    shutil.copy(KEYS / "public.pem", folder / "key.pub.pem")
    (folder / "table.c").write_bytes(TABLE)
    (folder / "files" / "sub").mkdir(parents=True)
    (folder / "files" / "a.js").write_bytes(b"print(1)")
    (folder / "files" / "sub" / "b.js").write_bytes(b"print(2)")
    (folder / "write_flash_gui" / "ota_bin").mkdir(parents=True)
    (folder / "write_flash_gui" / "dld_cfg.yaml").write_bytes(FLASH_LIST)
    (folder / "write_flash_gui" / "ota_bin" / "ota_rtos.bin").write_bytes(PAYLOAD)


def solution(folder: Path) -> None:
    """A workspace with one solution, for `init`."""
    (folder / ".aos").write_bytes(b"")
    (folder / "solutions" / "s").mkdir(parents=True)
    (folder / "solutions" / "s" / "package.yaml").write_bytes(b"name: s\ntype: solution\ndepends:\n  - ota: master\n")


class Command(NamedTuple):
    """`before` are commands whose outputs are the old ones; `again`: what the run after a complete one may say instead."""

    line: str
    before: tuple[str, ...] = ()
    again: str = ""
    set_up: Callable[[Path], None] = inputs
    # Every file of its own: a kill may leave some old and some new until the next run.
    each: bool = False
    random: bool = False


# `init` looks for `aos` on PATH.
WITH_AOS = {"PATH": os.pathsep.join((os.path.dirname(os.path.abspath(sys.executable)), os.environ.get("PATH", "")))}
SIGN = "sign {} --key key.pem --version {} -o out/image.bin"
COMMANDS: Dict[str, Command] = {
    "keygen": Command("keygen -o keys/k.pem", again="is there already", random=True),
    "sign": Command(SIGN.format("new.bin", "app-1.0.1"), before=(SIGN.format("old.bin", "app-1.0.0"),)),
    "sign, for the first time": Command(SIGN.format("new.bin", "app-1.0.1") + " --xz"),
    "sign, xz and diff": Command(
        SIGN.format("new.bin", "app-1.0.2") + " --xz --diff --base-release base/image.json",
        before=(SIGN.format("old.bin", "app-1.0.0").replace("out/", "base/"), SIGN.format("old.bin", "app-1.0.1") + " --xz")),
    "sign, to be signed elsewhere": Command(
        "sign new.bin --public-key key.pub.pem --version app-1.0.1 --emit-digest out/request.json",
        before=("sign old.bin --public-key key.pub.pem --version app-1.0.0 --emit-digest out/request.json",)),
    "pack": Command("pack --app new.bin --fs old.bin --table table.c --key key.pem -o out",
                    before=("pack --app old.bin --fs old.bin --table table.c --unsigned -o out",)),
    "pack-files": Command("pack-files files -o out/files.pack", before=("pack-files files/sub -o out/files.pack",)),
    "unpack-files": Command("unpack-files files.pack -d out", before=(), again="is there already"),
    "diff": Command("diff old.bin new.bin -o out/patch.bin", before=("diff new.bin old.bin -o out/patch.bin",)),
    "apply": Command("apply old.bin patch.bin -o out/new.bin", before=()),
    "flash": Command("flash write_flash_gui/dld_cfg.yaml out/flash.bin"),
    "init, component": Command("init solutions/s --component", set_up=solution, each=True),
    "init, site_scons": Command("init solutions/s", set_up=solution, each=True),
}


def command(line: str) -> Callable[[], Optional[int]]:
    return lambda: main(line.split())


def prepared(folder: Path, chosen: Command, report: Path) -> Path:
    """A folder with the inputs and the old outputs."""
    chosen.set_up(folder)
    lines = list(chosen.before)
    if chosen.line.startswith("unpack-files"):
        lines.append("pack-files files -o files.pack")
    if chosen.line.startswith("apply"):
        lines.append("diff old.bin new.bin -o patch.bin")
    for line in lines:
        done = attempt(command(line), folder, report=report, environment=WITH_AOS)
        assert done.status == 0, done.output
    return folder


def contents(folder: Path) -> Dict[str, bytes]:
    """Every file, also those being written; folders do not count."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def visible(files: Dict[str, bytes]) -> Dict[str, bytes]:
    """What is not somebody's temporary file."""
    return {name: data for name, data in files.items() if not is_temporary(name)}


def is_temporary(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") and name.endswith((".tmp", ".set", ".drop", ".old"))


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """`scene(name)`: a fresh copy of the folder that a command starts from, the old and the new contents, and its calls."""
    report = tmp_path / "report"
    report.mkdir()

    class Scene:
        def __init__(self, name: str) -> None:
            self.chosen = COMMANDS[name]
            self.start = tmp_path / "出 发"
            self.start.mkdir()
            prepared(self.start, self.chosen, report)
            # Here, too, so that no child has to load the modules again.
            monkeypatch.chdir(self.fresh())
            monkeypatch.setenv("PATH", WITH_AOS["PATH"])
            with contextlib.suppress(SystemExit):
                main(self.chosen.line.split())
            monkeypatch.chdir(tmp_path)
            self.old = contents(self.start)
            folder = self.fresh()
            done = self.run(folder)
            assert done.status == 0, done.output
            self.new = contents(folder)
            self.calls = done.calls
            assert self.new != self.old
            assert not [name for name in self.new if is_temporary(name)]

        def fresh(self) -> Path:
            folder = tmp_path / "工作 folder"
            if folder.exists():
                shutil.rmtree(folder)
            shutil.copytree(self.start, folder, symlinks=True)
            return folder

        def run(self, folder: Path, nth: int = 0, fault: str = KILL) -> Attempt:
            return attempt(command(self.chosen.line), folder, nth=nth, fault=fault, report=report, environment=WITH_AOS)

        def is_new(self, files: Dict[str, bytes]) -> bool:
            return set(files) == set(self.new) if self.chosen.random else files == self.new

    return Scene


OFTEN = {(KILL, "keygen"), (KILL, "sign"), (KILL, "unpack-files"), (KILL, "init, component"), ("ENOSPC", "sign"),
         ("ENOSPC", "keygen"), ("EIO", "apply"), ("EACCES", "flash"), ("EROFS", "pack-files")}
"""What every run of the tests looks at; `make faults` takes all."""


@pytest.mark.parametrize(("name", "fault"), [
    pytest.param(name, fault, marks=[] if (fault, name) in OFTEN else [pytest.mark.faults])
    for name in COMMANDS for fault in FAULTS])
def test_any_call_goes_wrong(scene, name, fault):
    scene = scene(name)
    assert len(scene.calls) >= 3
    problems: List[str] = []
    for nth in range(1, len(scene.calls) + 1):
        where = f"{name}, {fault} at call {nth} ({scene.calls[nth - 1]})"
        folder = scene.fresh()
        done = scene.run(folder, nth, fault)
        left = contents(folder)
        problems += [f"{where}: {problem}" for problem in judged(scene, fault, done, left)]
        if left != scene.old and not scene.is_new(left):  # else the next run is one like any other
            problems += [f"{where}: {problem}" for problem in mended(scene, folder)]
    assert not problems, "\n".join(problems)


def judged(scene, fault: str, done: Attempt, left: Dict[str, bytes]) -> List[str]:
    """What is wrong right after the fault."""
    problems = []
    if "Traceback" in done.output:
        problems.append(f"a traceback:\n{done.output[-1500:]}")
    if fault == KILL:
        if done.status != -9:
            problems.append(f"status {done.status}")
    elif done.status == 1:
        if "aos-ota: error: " not in done.output or "\n  fix: " not in done.output:
            problems.append(f"no error of ours: {done.output[-500:]}")
    elif done.status == 0:  # what may fail: flushing a folder, tidying up
        if not scene.is_new(visible(left)):
            problems.append("ends well without its outputs")
    else:
        problems.append(f"status {done.status}: {done.output[-500:]}")
    for file, data in visible(left).items():
        if not scene.chosen.random and data not in (scene.old.get(file), scene.new.get(file)):
            problems.append(f"{file} is neither old nor new ({len(data)} bytes)")
    whole = visible(left) == scene.old or scene.is_new(visible(left))
    if fault != KILL and not whole and not scene.chosen.each:
        problems.append("the set is neither old nor new")
    if fault != KILL and done.status == 1 and not scene.chosen.each and visible(left) != scene.old:
        problems.append("an error, and not the old set")
    return problems


def mended(scene, folder: Path) -> List[str]:
    """What is wrong after the next run."""
    done = scene.run(folder)
    left = contents(folder)
    problems = []
    finished = done.status == 1 and scene.chosen.again and scene.chosen.again in done.output
    if done.status != 0 and not finished:
        problems.append(f"the next run fails: {done.output[-700:]}")
    if not scene.is_new(left):
        names = sorted(set(left) ^ set(scene.new)) or [name for name in left if left[name] != scene.new[name]]
        problems.append(f"the next run does not put right {names}")
    return problems
