"""Compiler, `ar`, `ld`, objcopy, the image step and SCons itself are interrupted in the middle of a write, or find the disk full.

Every build after that is right to the last byte, or is refused with a reason; in the end one is right, without a `clean`.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path
from typing import Dict, List

import pytest
from tool_faults import FULL, SIGNALS, TOOLS, Fault, Faults
from waiting import until

pytestmark = [pytest.mark.aos, pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux")]

OLD, NEW = "app-1.0.0", "app-1.0.1"
IMAGE_STEP = '''"""As the vendor's does: it writes over what is there, piece by piece, and makes unsigned images, too."""
import pathlib, shutil, sys

target = next(word for word in sys.argv if word.startswith("--target=")).partition("=")[2]
release = pathlib.Path(__file__).resolve().parent.parent
made, published = release / "release_bin", release / "write_flash_gui" / "ota_bin"
for folder in (made, published):
    folder.mkdir(exist_ok=True)
shutil.copyfile(target, made / "ota_rtos.bin")
payload = (made / "ota_rtos.bin").read_bytes()
with open(published / "ota_rtos.bin", "wb", buffering=0) as image:
    for start in range(0, len(payload), 4096):
        image.write(payload[start:start + 4096])
(published / "ota_rtos_ota.bin").write_bytes(b"unsigned" + payload)
'''


class Scene:
    """A workspace with `OLD` built, whose next build is `NEW`, with two changed sources; and the outputs of both, done in peace."""

    def __init__(self, folder: Path, aos: Path, new_workspace) -> None:
        below = folder / "工作 区"
        self._root, self._kept, self._temporary = below / "ws", folder / "kept", below / "tmp"
        self.workspace = new_workspace(self._root)
        self.faults = Faults(folder / "tools", below, "cc")
        # As `aos make` starts it: what aos-tools does before is none of what is interrupted here.
        self._make = ["make", f"MULTITHREADS=-j{os.cpu_count()}"]
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AOS_OTA_", "KCONFIG_", "SCONS", "GIT_", "MAKE", "MFLAGS"))
            },
            "PATH": str(aos.parent) + os.pathsep + os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "TMPDIR": str(self._temporary),
        }
        chip = self._root / "hardware" / "chip" / "haas1000"
        self.workspace.edit(chip / "package.yaml", "toolchain_path: /usr ", f"toolchain_path: {folder / 'tools'} ")
        (chip / "release" / "auto_build_tool" / "build_bin.py").write_text(IMAGE_STEP, encoding="utf-8")
        self._temporary.mkdir()
        self.built: Dict[str, Dict[str, bytes]] = {}
        self._build_in_peace(OLD)
        shutil.copytree(self._root, self._kept, symlinks=True)
        self.change(NEW)
        self.writes = self._build_in_peace(NEW).writes
        assert self.built[OLD]["ota_rtos.bin"] != self.built[NEW]["ota_rtos.bin"]

    def _build_in_peace(self, version):
        done = self.build(version)
        assert done.status == 0, done.output[-3000:]
        self.built[version] = self.outputs()
        return done

    def change(self, version: str) -> None:
        """Let the sources be those of the version."""
        # aos-tools compares whole seconds: a source changed in the second of its object would not be compiled again.
        newest = max((path.stat().st_mtime for path in self.workspace.out.rglob("*.o")), default=0)
        until(lambda: time.time() >= int(newest) + 1)
        words = ("ota_demo on", "ota_demo runs on")
        old, new = words if version == NEW else words[::-1]
        source = self.workspace.solution / "maintask.c"
        if f'"{old} ' in source.read_text(encoding="utf-8"):
            self.workspace.edit(source, f'"{old} ', f'"{new} ')
        log = self._root / "components" / "ulog" / "ulog.c"
        log.write_bytes(log.read_bytes() + b"/* changed */\n")

    def restore(self) -> None:
        """Everything as it was after `OLD`, time stamps included, and the sources of `NEW`."""
        for folder in (self._root, self._temporary):
            shutil.rmtree(folder)
        self._temporary.mkdir()
        shutil.copytree(self._kept, self._root, symlinks=True)
        self.change(NEW)

    def build(self, version: str, fault: Fault = Fault()):  # noqa: B008
        return self.faults.run(
            [*self._make, f"OTA_APP_VERSION={version}"], fault, cwd=self.workspace.solution, env=self._environment
        )

    def outputs(self) -> Dict[str, bytes]:
        return {
            name: (self.workspace.images / name).read_bytes()
            for name in ("ota_rtos.bin", "ota_rtos_ota.bin", "ota_rtos_ota.json")
        }


@pytest.fixture(scope="module")
def scene(tmp_path_factory, aos, new_workspace, require_tool):
    require_tool("a C compiler", shutil.which("cc") is not None, "apt-get install gcc")
    return Scene(tmp_path_factory.mktemp("interrupted"), aos, new_workspace)


def judged(scene: Scene, version: str, done) -> List[str]:
    """What is wrong with a build: it has to be right, or to end with an error of ours."""
    if done.status == 0:
        outputs = scene.outputs()
        return [
            f"{name} is not that of {version}" for name, data in scene.built[version].items() if outputs[name] != data
        ]
    if "aos_ota_plugin: error: " in done.output and "\n  fix: " in done.output and "Traceback" not in done.output:
        return []
    return [f"status {done.status} without a reason: {done.output[-1500:]}"]


def go_wrong(scene: Scene, fault: Fault, then: str) -> None:
    """The build with the fault, then `then`: once while what outlived the build may still run, and once afterwards.

    The last one is left out where nothing outlived the build and the next one was right: it would have nothing to do.
    """
    scene.restore()
    first = scene.build(NEW, fault)
    assert first.struck, f"{fault}: {first.output[-1500:]}"
    outlived = scene.faults.running()
    problems = judged(scene, NEW, first) if first.status == 0 else []
    if then == OLD:
        scene.change(OLD)
    second = scene.build(then)
    problems += [f"the next build: {problem}" for problem in judged(scene, then, second)]
    if outlived or problems or second.status != 0:
        scene.faults.wait()
        third = scene.build(then)
        problems += [f"the build after that: {problem}" for problem in judged(scene, then, third)]
        if third.status != 0:
            problems.append(f"refused in the end: {third.output[-1500:]}")
    assert not problems, "\n".join([f"{fault}, then {then}: {first.output[-1000:]}", *problems])


def drawn(scene: Scene, seed: int, *, full: bool) -> tuple:
    """A fault, the tools in turn, and which version the next build is for."""
    chance = random.Random(f"{full} {seed}")
    tool = TOOLS[seed % len(TOOLS)]
    assert scene.writes[tool] > 1, scene.writes
    fault = Fault(
        tool, chance.randint(1, scene.writes[tool]), FULL if full else chance.choice(SIGNALS), chance.random() < 0.5
    )
    return fault, chance.choice((NEW, OLD))


def seeds(number: int, suite: tuple):
    """The seeds below `number`; all but those of the suite are for `make faults`."""
    return [pytest.param(seed, marks=[] if seed in suite else [pytest.mark.faults]) for seed in range(number)]


# In the suite: each tool, and what once led to a wrong image, to an unsigned one, or to failure until a `clean`.
@pytest.mark.parametrize("seed", seeds(56, (16, 24, 25, 26, 28, 30)))
def test_signal_in_the_middle_of_a_write(scene, seed):
    go_wrong(scene, *drawn(scene, seed, full=False))


@pytest.mark.parametrize("seed", seeds(54, (1, 4, 9, 31)))
def test_full_disk_in_the_middle_of_a_write(scene, seed):
    go_wrong(scene, *drawn(scene, seed, full=True))


def cut_an_archive_short(scene: Scene) -> Path:
    """Build with a disk that is full in the middle of the last archive; returns that archive."""
    scene.restore()
    libraries = scene.workspace.solution / "aos_sdk" / "lib"
    before = {path: path.stat().st_size for path in libraries.iterdir()}
    first = scene.build(NEW, Fault("ar", scene.writes["ar"] * 3 // 4, FULL))
    assert first.struck
    assert first.status != 0
    cut = [path for path in libraries.iterdir() if path.stat().st_size < before[path] - 100]
    assert len(cut) == 1
    return cut[0]


def test_archive_that_a_full_disk_cut_short(scene):
    """By its time stamp it was up to date, so that every later build failed in `ld` until a `clean`.

    A dry run changes nothing; a build that is refused for its settings, or while scripts are read, does not end the mark.
    """
    archive = cut_an_archive_short(scene)
    cut = archive.read_bytes()
    mark = scene.workspace.out / "ota" / "build.unfinished"
    dry = scene.workspace.run("scons", "-n", "--board=", f"OTA_APP_VERSION={NEW}")
    assert dry.status == 0, dry.output
    assert archive.read_bytes() == cut
    assert mark.exists()
    done = scene.build("app/1.0.1")
    assert done.status != 0
    assert done.output.count("the last build did not succeed: its files are built again") == 1
    assert mark.exists()
    script = scene.workspace.solution / "SConscript"
    script.write_text("raise ValueError('in a script')\n")
    done = scene.build(NEW)
    assert done.status != 0
    assert "in a script" in done.output
    assert mark.exists()
    script.unlink()
    done = scene.build(NEW)
    assert judged(scene, NEW, done) == []
    assert done.status == 0, done.output
    assert not mark.exists()
    again = scene.build(NEW)
    assert judged(scene, NEW, again) == []
    assert again.status == 0
    assert "did not succeed" not in again.output
    assert "CC " not in again.output


def test_compile_error_costs_what_that_build_compiled(scene):
    scene.restore()
    source = scene.workspace.solution / "maintask.c"
    text = source.read_text(encoding="utf-8")
    source.write_text(text + "#error not yet\n", encoding="utf-8")
    first = scene.build(NEW)
    assert first.status != 0
    assert "not yet" in first.output
    compiled = {line for line in first.output.splitlines() if line.startswith("CC ")}
    source.write_text(text, encoding="utf-8")
    done = scene.build(NEW)
    assert judged(scene, NEW, done) == []
    assert {line for line in done.output.splitlines() if line.startswith("CC ")} <= {
        *compiled,
        "CC out/ota_demo/maintask.o",
        "CC out/ota_demo/otaappdemo.o",
        "CC out/ulog/ulog.o",
    }
