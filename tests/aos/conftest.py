"""A copy of the demo workspace, and the real ``aos make`` on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Optional

import pytest
from forked_command import run_command
from schemas import manifest_schema
from waiting import HANGS, until

from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.workspace.component_files import component_files, package_folder

STEP = re.compile(r"^(CC|CXX|AS|AR|LINK|OTA|INSTALL) (\S.*)$", re.MULTILINE)

MAKES_OWN = re.compile(r"clean|\w+=[\w./:@-]*")
"""An argument that reaches make through the shell as it is."""


@dataclass(frozen=True)
class Result:
    """How one command ended."""

    status: int
    output: str

    def steps(self, kind: str) -> list[str]:
        """The targets that this build made with ``kind``: CC, LINK, OTA …"""
        return [match[2] for match in STEP.finditer(self.output) if match[1] == kind]

    def count(self) -> Dict[str, int]:
        """How many targets of each kind this build made; ``image`` and ``render`` are ours."""
        counter: Counter[str] = Counter()
        for match in STEP.finditer(self.output):
            kind = match[1]
            if kind == "OTA":
                kind = "image" if match[2].endswith("ota_rtos_ota.bin") else "render"
            counter[kind] += 1
        return dict(counter)


class Workspace:
    """A workspace on disk."""

    def __init__(self, root: Path, aos: Path, key: bytes, *, write: bool = True) -> None:
        self.root = root
        self.aos = aos
        self.solution = root / "solutions" / "ota_demo"
        self.package = self.solution / "package.yaml"
        self.out = self.solution / "out"
        self.images = root / "hardware" / "chip" / "haas1000" / "release" / "write_flash_gui" / "ota_bin"
        self.image = self.images / "ota_rtos_ota.bin"
        self.manifest = self.images / "ota_rtos_ota.json"
        self.elf = self.out / "ota_demo@haas100.elf"
        self.key = self.solution / "keys" / "ota_dev_key.pem"
        if write:
            self.write_key(self.key, key)

    @staticmethod
    def write_key(path: Path, pem: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pem)
        path.chmod(0o600)

    def run(
        self,
        *command: str,
        cwd: Optional[Path] = None,
        env: Optional[Dict[str, str]] = None,
        path: Optional[str] = None,
    ) -> Result:
        """A command with `path`, else this environment's tools first on PATH, its output and errors together."""
        own = path is None
        path = path or str(self.aos.parent) + os.pathsep + os.environ["PATH"]
        if own and command[0].rpartition("/")[2] == "aos-ota" and self.aos.parent == Path(sys.executable).parent:
            where = Path(tempfile.mkdtemp())
            forked = run_command(
                command[1:], cwd=cwd or self.solution, folder=where, extra={"PATH": path, **(env or {})}
            )
            shutil.rmtree(where)
            return Result(forked.returncode, forked.stdout + forked.stderr)
        done = subprocess.run(
            command,
            cwd=cwd or self.solution,
            env={**os.environ, "PATH": path, **(env or {})},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=HANGS,
        )
        return Result(done.returncode, done.stdout.decode("utf-8", "replace"))

    starts_aos = False
    """True in tests that say WITH_AOS_MAKE: of what is between `aos make` and the solution's Makefile."""

    def make(self, *arguments: str, cwd: Optional[Path] = None, env: Optional[Dict[str, str]] = None) -> Result:
        """`aos make`: the program where it does more, else what it starts in a solution, which saves 0.2 s a build."""
        if self.starts_aos or cwd or not all(MAKES_OWN.fullmatch(word) for word in arguments):
            return self.run(str(self.aos), "make", *arguments, cwd=cwd, env=env)
        return self.run("make", f"MULTITHREADS=-j{os.cpu_count()}", *arguments, env=env)

    def made(self, *arguments: str, **options: object) -> Result:
        """``make`` that must succeed."""
        result = self.make(*arguments, **options)  # type: ignore[arg-type]
        assert result.status == 0, result.output[-4000:]
        if self.manifest.exists():
            manifest_schema().validate(json.loads(self.manifest.read_bytes()))
        return result

    def edit(self, path: Path, old: str, new: str) -> None:
        """Replace a text that must be there exactly once."""
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        self.let_the_second_pass()
        path.write_text(text.replace(old, new), encoding="utf-8")

    def append(self, path: Path, text: str) -> None:
        """Write a text behind what the file holds."""
        self.let_the_second_pass()
        with path.open("a", encoding="utf-8", newline="") as stream:
            stream.write(text)

    def let_the_second_pass(self) -> None:
        """Wait until what is written now is newer than every object: aos-tools compares whole seconds."""
        newest = max((int(path.stat().st_mtime) for path in self.out.rglob("*.o")), default=0)
        until(lambda: int(time.time()) != newest)

    def snapshot(self) -> Dict[str, bytes]:
        """The outputs by name."""
        return {path.name: path.read_bytes() for path in (self.image, self.manifest) if path.exists()}


@pytest.fixture(autouse=True)
def with_aos_make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `Workspace.make` start `aos` itself in modules that say WITH_AOS_MAKE."""
    monkeypatch.setattr(Workspace, "starts_aos", getattr(request.module, "WITH_AOS_MAKE", False))


@pytest.fixture(scope="session")
def dev_key() -> bytes:
    """One private key for all workspaces: making one takes a while."""
    return generate_private_pem(None)


@pytest.fixture(scope="session")
def other_key() -> bytes:
    """Another private key."""
    return generate_private_pem(None)


def copy_workspace(root: Path, aos: Path, key: bytes) -> Workspace:
    """The demo workspace and the component, as ``aos-ota demo`` lays them out."""
    shutil.copytree(package_folder() / "demo" / "workspace", root, ignore=shutil.ignore_patterns("__pycache__"))
    component = root / "components" / "aos_ota_plugin"
    component.mkdir(parents=True)
    for name, data in component_files().items():
        (component / name).write_bytes(data)
    return Workspace(root, aos, key)


@pytest.fixture(scope="session")
def new_workspace(aos: Path, dev_key: bytes) -> Callable[[Path], Workspace]:
    """``new_workspace(folder)`` makes a workspace with nothing built there."""
    return lambda folder: copy_workspace(folder, aos, dev_key)


@pytest.fixture
def workspace(tmp_path: Path, aos: Path, dev_key: bytes) -> Workspace:
    """A fresh workspace of the test's own, its path with a space and Chinese characters."""
    return copy_workspace(tmp_path / "工作 区" / "ws", aos, dev_key)


class BuiltStates:
    """States of one workspace, each built once a run: restored at the same path, with SCons' record and all time stamps."""

    def __init__(self, folder: Path, aos: Path, key: bytes) -> None:
        self._root, self._copies = folder / "工作 区" / "ws", folder / "states"
        self._aos, self._key = aos, key

    def first_build(self) -> Workspace:
        """Restore the workspace as its first plain `aos make` left it."""
        return self.restore("first build", lambda workspace: workspace.made(), above=None)

    def restore(
        self, name: str, build: Callable[[Workspace], object], *, above: Optional[Callable[[], Workspace]]
    ) -> Workspace:
        """Restore the state `name`; the first time, `build` makes it of what `above` restores, or of the demo's sources."""
        copy = self._copies / name
        if not copy.exists():
            if above is None:
                shutil.rmtree(self._root, ignore_errors=True)
                copy_workspace(self._root, self._aos, self._key)
            build(above() if above else Workspace(self._root, self._aos, self._key))
            shutil.copytree(self._root, copy, symlinks=True)
        workspace = Workspace(self._root, self._aos, self._key, write=False)
        shutil.rmtree(self._root)
        shutil.copytree(copy, self._root, symlinks=True)
        return workspace


@pytest.fixture(scope="session")
def built_states(tmp_path_factory: pytest.TempPathFactory, aos: Path, dev_key: bytes) -> BuiltStates:
    """What has been built in this run, to begin tests with."""
    return BuiltStates(tmp_path_factory.mktemp("built"), aos, dev_key)


@pytest.fixture
def built_workspace(built_states: BuiltStates) -> Workspace:
    """A workspace with app-1.0.0 built, as if by the test itself, for tests that are not about the first build."""
    return built_states.first_build()


@pytest.fixture
def restore_state(built_states: BuiltStates) -> Callable[..., Workspace]:
    """``restore_state(name, build)``: a workspace on which `build` was run after the first build, once for all tests;
    ``above=`` restores another state for it to begin with, None the demo's sources."""

    def restore(
        name: str,
        build: Callable[[Workspace], object],
        above: Optional[Callable[[], Workspace]] = built_states.first_build,
    ) -> Workspace:
        return built_states.restore(name, build, above=above)

    return restore
