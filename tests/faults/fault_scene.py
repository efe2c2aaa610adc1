"""What is done with a command under faults: its folder before and after, every call gone wrong in turn, and what is then judged."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

import pytest
from fault_layer import KILL, Attempt, attempt

from aos_ota_plugin.cli.main import main
from aos_ota_plugin.errors import OtaError

# `init` asks the launchers that it finds on PATH for their versions, which the real ones take a while to tell.
LAUNCHERS = {"aos": "", "scons": "echo SCons 3.1.2", "python": "echo 3 11"}


def launchers(folder: Path) -> Dict[str, str]:
    """Write programs that answer as aos-tools, SCons and Python do; returns the environment that has them on PATH."""
    for name, text in LAUNCHERS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        (folder / name).chmod(0o755)
    return {"PATH": os.pathsep.join((str(folder), os.environ.get("PATH", "")))}


def nothing_wrong(_folder: Path) -> None:
    """Files that are the old ones or the new ones need no other look."""


def of_the_command_line(line: str) -> Optional[int]:
    """Run `aos-ota` with these words."""
    return main(line.split())


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


class Command(NamedTuple):
    """`before` are commands whose outputs are the old ones; `again`: what the run after a complete one may say instead.

    A line is the command's words; `work` is what is run in its place. `check` looks at a folder that the next run has put right.
    """

    line: str
    set_up: Callable[[Path], None] = inputs
    before: tuple[str, ...] = ()
    again: str = ""
    work: Callable[[str], Optional[int]] = of_the_command_line
    # Every file of its own: a kill may leave some old and some new until the next run.
    each: bool = False
    random: bool = False
    # What it changes is not in its files alone: every fault is followed by another run.
    hidden: bool = False
    check: Callable[[Path], None] = nothing_wrong


def contents(folder: Path) -> Dict[str, bytes]:
    """Every file, also those being written; folders do not count, and databases are SQLite's own affair."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".sqlite" not in path.name
    }


def visible(files: Dict[str, bytes]) -> Dict[str, bytes]:
    """What is not somebody's temporary file."""
    return {name: data for name, data in files.items() if not is_temporary(name)}


def is_temporary(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") and name.endswith((".tmp", ".set", ".drop", ".old"))


class Scene:
    """The folder that a command starts from, its contents before and after, and the calls that the command makes."""

    def __init__(self, chosen: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chosen = chosen
        self._start, self._work, self._report = folder / "出 发", folder / "工作 folder", folder / "report"
        tools = folder / "tools"
        for made in (self._start, self._report, tools):
            made.mkdir()
        self._environment = launchers(tools)
        chosen.set_up(self._start)
        for line in chosen.before:
            done = self.run(self._start, line=line)
            assert done.status == 0, done.output
        # Here, too, so that no child has to load the modules again.
        monkeypatch.chdir(self.fresh())
        monkeypatch.setenv("PATH", self._environment["PATH"])
        with contextlib.suppress(SystemExit):
            chosen.work(chosen.line)
        monkeypatch.chdir(folder)
        self.old = contents(self._start)
        done = self.run(self.fresh())
        assert done.status == 0, done.output
        self.new = contents(self._work)
        self.calls = done.calls
        assert self.new != self.old
        assert not [name for name in self.new if is_temporary(name)]
        chosen.check(self._work)

    def fresh(self) -> Path:
        """A copy of the folder as the command finds it, always in the same place."""
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._start, self._work, symlinks=True)
        return self._work

    def run(self, folder: Path, nth: int = 0, fault: str = KILL, line: str = "") -> Attempt:
        """The command, or another `line`; the nth of its calls goes wrong."""
        return attempt(
            lambda: self.chosen.work(line or self.chosen.line),
            folder,
            nth=nth,
            fault=fault,
            report=self._report,
            environment=self._environment,
        )

    def is_new(self, files: Dict[str, bytes]) -> bool:
        return set(files) == set(self.new) if self.chosen.random else files == self.new


SOME = 6
"""Calls of a command that go wrong in every run of the tests, the first and the last among them."""


def spread(total: int, number: int) -> List[int]:
    """Return `number` places from 1 to `total`, evenly spread, or all where there are no more."""
    if total <= number:
        return list(range(1, total + 1))
    return [1 + place * (total - 1) // (number - 1) for place in range(number)]


def go_wrong(scene: Scene, fault: str, *, calls: Optional[int] = None) -> None:
    """Let every call of the command go wrong in turn, or as many as `calls`; fails with all that is not as it should be."""
    assert len(scene.calls) >= 3
    problems: List[str] = []
    for nth in spread(len(scene.calls), calls or len(scene.calls)):
        where = f"{scene.chosen.line}: {fault} at call {nth} ({scene.calls[nth - 1]})"
        folder = scene.fresh()
        done = scene.run(folder, nth, fault)
        left = contents(folder)
        problems += [f"{where}: {problem}" for problem in judged(scene, fault, done, left)]
        if scene.chosen.hidden or (
            left != scene.old and not scene.is_new(left)
        ):  # else the next run is one like any other
            problems += [f"{where}: {problem}" for problem in mended(scene, folder)]
    assert not problems, "\n".join(problems)


def judged(scene: Scene, fault: str, done: Attempt, left: Dict[str, bytes]) -> List[str]:
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


def mended(scene: Scene, folder: Path) -> List[str]:
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
    try:
        scene.chosen.check(folder)
    except (OtaError, AssertionError) as error:
        problems.append(f"after the next run: {error!r}")
    return problems
