"""The product on CPython for Windows: every module is imported, a firmware is signed, `aos make` builds the demo."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import Dict

import pytest
from compiler_server import CompilerServer
from wine import PROJECT

from aos_ota_plugin.lab.demo.workspace_copy import find_aos, make_key, prepare, run_make

pytestmark = pytest.mark.windows

PACKAGE = PROJECT / "aos_ota_plugin"
NOT_ON_WINDOWS: Dict[str, str] = {}
"""The modules that cannot be imported on Windows, each with its reason."""
IMPORT = """
import importlib, json, sys, scons
sys.path += scons.__path__  # as aos-tools finds SCons
errors = {}
for name in json.load(open(sys.argv[1])):
    try:
        importlib.import_module(name)
    except Exception as error:
        errors[name] = repr(error)
print(json.dumps(errors))
"""
KEY = "solutions/ota_demo/keys/ota_dev_key.pem"
IMAGES = "hardware/chip/haas1000/release/write_flash_gui/ota_bin"


def modules():
    """Every module of the package but the demo's sources, and `__main__`, which starts the command."""
    names = [path.relative_to(PROJECT).with_suffix("").parts for path in PACKAGE.rglob("*.py")]
    return [
        ".".join(parts).removesuffix(".__init__") for parts in names if parts[1] != "demo" and parts[-1] != "__main__"
    ]


def test_every_module_is_imported_but_those_listed(wine, tmp_path):
    names = tmp_path / "names.json"
    names.write_text(json.dumps(modules()), encoding="utf-8")
    done = wine.run("python.exe", "-W", "ignore", "-c", IMPORT, wine.windows_path(names))
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout).keys() == NOT_ON_WINDOWS.keys(), done.stdout.decode()


def test_commands_write_and_say_the_same_as_on_linux(wine, tmp_path):
    windows, linux = (tmp_path / "固件 目录" / name for name in ("windows", "linux"))
    windows.mkdir(parents=True)
    (windows / "固件 1.bin").write_bytes(bytes(range(256)) * 300)

    def on_windows(*words):
        return wine.run("aos-ota.exe", *words, cwd=windows)

    def on_linux(*words):
        return subprocess.run(
            [sys.executable, "-m", "aos_ota_plugin", *words], cwd=linux, capture_output=True, check=False
        )

    done = on_windows("keygen", "-o", "密钥 1.pem")
    assert done.returncode == 0, done.stdout
    shutil.copytree(windows, linux)
    for key in linux.glob("*.pem"):
        key.chmod(0o600)

    for words in (
        ("sign", "固件 1.bin", "--key", "密钥 1.pem", "--version", "app-1.0.1", "-o", "镜像 1.bin"),
        ("verify", "镜像 1.bin", "--public-key", "密钥 1.pub.pem", "--version", "app-1.0.1"),
        ("info", "镜像 1.bin"),
    ):
        there, here = on_windows(*words, "--json"), on_linux(*words, "--json")
        assert (there.returncode, here.returncode) == (0, 0), there.stdout + here.stderr
        assert json.loads(there.stdout) == json.loads(here.stdout)
    for name in ("镜像 1.bin", "镜像 1.json"):
        assert (windows / name).read_bytes() == (linux / name).read_bytes()


def test_aos_make_makes_the_images_of_linux_and_then_nothing(wine, tmp_path):
    windows, linux = wine.drive / "工作 区" / "ws", tmp_path / "ws"
    shutil.rmtree(windows, ignore_errors=True)
    prepare(windows)
    make_key(windows / KEY)
    name_a_header_by_a_macro(windows / "components" / "ota")
    shutil.copytree(windows, linux)

    def build():
        with CompilerServer(wine):
            done = wine.run("aos.exe", "make", cwd=windows / "solutions" / "ota_demo")
        return done.stdout.decode("cp1252").replace("\r", "")

    def images(root):
        return {path.name: path.read_bytes() for path in (root / IMAGES).iterdir()}

    first = build()
    run_make(find_aos(), linux / "solutions" / "ota_demo", [], quiet=True)
    # `aos make` ends with status 0 on Windows, whatever has happened: what it says and what is there tell.
    assert re.search(
        r"app-1\.0\.0, \d+ bytes, signed by key [0-9a-f]{16}, no base release, \d+ checks passed", first
    ), first
    assert images(windows) == images(linux), first
    assert compiled(first) == len(list((linux / "solutions" / "ota_demo" / "out").rglob("*.o")))

    second = build()
    assert "no base release, unchanged" in second, second
    assert compiled(second) == 0, second


def name_a_header_by_a_macro(ota):
    """Its quotes are on the compiler's command line, and on that which proves the mode."""
    package, header = ota / "package.yaml", ota / "include" / "ota_log.h"
    text = package.read_text(encoding="utf-8")
    package.write_text(
        text.replace("build_config:\n", "build_config:\n  define:\n    AGENT_FILE: own.h\n"), encoding="utf-8"
    )
    header.write_text("#include AGENT_FILE\n" + header.read_text(encoding="utf-8"), encoding="utf-8")
    (ota / "include" / "own.h").write_text("/* 我们的 */\n", encoding="utf-8")


def compiled(output):
    return len(re.findall(r"^CC ", output, re.MULTILINE))
