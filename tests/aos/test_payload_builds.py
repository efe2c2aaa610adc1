"""Through the real ``aos make``: a payload that is not the linked firmware is refused, and what excuses one is shown."""

from __future__ import annotations

import json
import os

import pytest

pytestmark = pytest.mark.aos


@pytest.fixture
def released(built_workspace):
    """A workspace with a release in it."""
    return built_workspace


def image_step(workspace):
    return workspace.root / "hardware" / "chip" / "haas1000" / "release" / "auto_build_tool" / "build_bin.py"


def let_it_write(workspace, expression):
    """An image step that makes the payload of ``data``, the .bin."""
    image_step(workspace).write_text(
        "import pathlib, sys\n"
        "data = pathlib.Path(sys.argv[1].partition('=')[2]).read_bytes()\n"
        f"pathlib.Path({str(workspace.images / 'ota_rtos.bin')!r}).write_bytes({expression})\n",
        encoding="utf-8",
    )


def refused(workspace, *arguments, says):
    before = workspace.snapshot()
    result = workspace.make(*arguments)
    assert result.status != 0, result.output[-3000:]
    for part in (*says, "\n  fix: "):
        assert part in result.output, result.output[-3000:]
    assert "Traceback" not in result.output
    assert workspace.snapshot() == before


def test_image_step_that_makes_something_else(released):
    """All of the firmware but one byte behind what this chip may change; other damages are in the unit tests."""
    let_it_write(released, "data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]")
    refused(
        released,
        "OTA_APP_VERSION=app-1.0.1",
        says=["ota_rtos.bin is not the firmware in ota_demo@haas100.elf", "the first other byte is at 0x1388"],
    )


def test_bin_that_objcopy_left_half_written(released):
    """It is newer than the ELF, so SCons takes it for good."""
    binary = released.out / "ota_demo@haas100.bin"
    os.truncate(binary, 60000)
    refused(
        released,
        "OTA_APP_VERSION=app-1.0.0",
        says=["ota_demo@haas100.bin is not the firmware in ota_demo@haas100.elf: it has 60000 bytes", "aos make clean"],
    )
    binary.unlink()
    released.made("OTA_APP_VERSION=app-1.0.0")


def test_what_excuses_a_proof_is_shown_on_every_build(released):
    """What the chip's description allows, and what a setting does."""
    let_it_write(released, "bytes([data[0] ^ 1]) + data[1:] + b'sign' * 64")
    says = (
        "warning: the payload is the linked firmware: 1 of the first 4096 bytes changed, allowed by the description of the "
        "chip haas1000"
    )
    built = released.made("OTA_APP_VERSION=app-1.1.0").output
    assert says in built
    assert ", then 256 bytes appended" in built
    assert says in released.made("OTA_APP_VERSION=app-1.1.0").output
    assert "the payload is the linked firmware" in {
        proof["rule"] for proof in json.loads(released.manifest.read_bytes())["excused"]
    }
    let_it_write(released, "bytes(byte ^ 0x5a for byte in data)")
    refused(released, "OTA_APP_VERSION=app-1.2.0", says=["is not the firmware in", "OTA_ALLOW_CHANGED_PAYLOAD"])
    allowed = ("OTA_APP_VERSION=app-1.2.0", "OTA_ALLOW_CHANGED_PAYLOAD=y")
    assert (
        "warning: the payload is the linked firmware: not compared: allowed by OTA_ALLOW_CHANGED_PAYLOAD"
        in released.made(*allowed).output
    )


def test_options_of_objcopy_are_the_chip_s(released):
    """BINFLAGS: those that are understood decide what the firmware is; another one ends the build."""
    script = released.root / "hardware" / "chip" / "haas1000" / "SConscript"
    try:
        script.write_text(
            "Import('env')\nImport('defconfig')\ndefconfig.library_yaml()\n"
            "defconfig.build_env.env['BINFLAGS'] = ['-R', '.noinit', '--gap-fill', '0xff']\n",
            encoding="utf-8",
        )
        released.made("OTA_APP_VERSION=app-1.3.0")
        script.write_text(
            script.read_text(encoding="utf-8").replace("'-R', '.noinit'", "'--pad-to', '0x34020000'"), encoding="utf-8"
        )
        refused(
            released,
            "OTA_APP_VERSION=app-1.3.1",
            says=["objcopy makes the .bin with the option '--pad-to'", "BINFLAGS"],
        )
    finally:
        script.unlink()
