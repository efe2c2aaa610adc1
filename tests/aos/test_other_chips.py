"""Through the real ``aos make``: workspaces of other chips' shapes, whose payload is not the linker's .bin."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from aos_ota_plugin.device.acceptance import Device, judge
from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.pipeline.payloads import payload_in

pytestmark = pytest.mark.aos
SHAPES = Path(__file__).parent / "chip_shapes"
KM0 = bytes(range(256)) * 15  # not a multiple of a sector
STUPID = b"\0" * 8 + b"never read"
FULL, XZ, MANIFEST = "ota_rtos_ota_all.bin", "ota_rtos_ota_xz.bin.xz", "ota_rtos_ota.json"


def move_to_chip(workspace, chip, board):
    """Give the demo's solution another board with another chip, which has the demo's sources and no image step."""
    hardware = workspace.root / "hardware"
    new = hardware / "chip" / chip
    shutil.move(hardware / "chip" / "haas1000", new)
    shutil.rmtree(new / "release")
    shutil.rmtree(hardware / "board" / "haaseduk1")
    shutil.move(hardware / "board" / "haas100", hardware / "board" / board)
    for file in (new / "package.yaml", hardware / "board" / board / "package.yaml", workspace.package):
        text = file.read_text(encoding="utf-8")
        text = text.replace("  - haaseduk1: master\n", "").replace("haas1000", chip).replace("haas100", board)
        file.write_text(text, encoding="utf-8")
    (new / "haas1000.ld").rename(new / f"{chip}.ld")
    workspace.edit(new / "package.yaml", "  postimage_script: release/auto_build_tool/build_bin.py\n", "")
    workspace.append(workspace.package, "  OTA_PARTITION_SIZE: 0x140000\n")
    return new


@pytest.fixture(scope="module")
def haas200(tmp_path_factory, new_workspace):
    """A workspace of the haas200's shape, built with both images."""
    workspace = new_workspace(tmp_path_factory.mktemp("haas200") / "工作 区" / "ws")
    chip = move_to_chip(workspace, "rtl872xd", "haas200")
    shutil.copy(SHAPES / "gen_image.py", chip / "gen_crc_bin.py")
    shutil.copy(SHAPES / "rlx8721d.ld", chip / "rtl872xd.ld")
    images = chip / "release" / "write_flash_gui" / "ota_bin"
    images.parent.mkdir(parents=True)
    (chip / "bin").mkdir()
    (chip / "bin" / "km0_image2_all.bin").write_bytes(KM0)
    (chip / "release" / "auto_build_tool").mkdir()
    (chip / "release" / "auto_build_tool" / "stupid.bin").write_bytes(STUPID)
    (chip / "release" / "stupid.bin").write_bytes(STUPID)
    workspace.edit(chip / "package.yaml", "source_file:", "  postimage_script: gen_crc_bin.py\nsource_file:")
    workspace.append(workspace.package, "  OTA_COMPRESS_XZ: y\n")
    elf = workspace.out / "ota_demo@haas200.elf"
    return SimpleNamespace(
        workspace=workspace, chip=chip, images=images, elf=elf, first=workspace.made(env={"STEP_DOES": ""}).output
    )


def outputs(built):
    return {path.name: path.read_bytes() for path in built.images.iterdir() if path.name != "ota_rtos.bin"}


def refused(built, does, *says, version="app-2.0.0"):
    """A build whose image step does that fails, says so, and leaves the outputs as they were."""
    before = outputs(built)
    result = built.workspace.make(f"OTA_APP_VERSION={version}", env={"STEP_DOES": does})
    assert result.status == 2, result.output[-3000:]
    for part in (*says, "\n  fix: "):
        assert part in result.output, result.output[-3000:]
    assert "Traceback" not in result.output
    assert outputs(built) == before


def accepted(elf, image):
    return judge(Device(public_key=read_public_key(elf.read_bytes()), local_rsa=True), image).accepted


def test_haas200_both_images_are_signed_and_proven(haas200):
    """What users upload is signed, each made of its own payload, and neither is the objcopy output."""
    made = outputs(haas200)
    assert {FULL, XZ, MANIFEST} == {name for name in made if not name.startswith(".")}
    assert all(accepted(haas200.elf, made[name]) for name in (FULL, XZ))
    full, packed = payload_in(made[FULL]), payload_in(made[XZ])
    assert packed[: len(KM0)] == KM0
    assert full == STUPID[:8] + packed[8:]
    assert b"app-1.0.0\0" in full
    assert (haas200.workspace.out / "ota_demo@haas200.bin").read_bytes() not in (full, packed)
    manifest = json.loads(made[MANIFEST])
    (other,) = manifest["other_payloads"]
    assert [image["payload"] for image in manifest["images"]] == [manifest["payload"]["sha256"], other["sha256"]]
    assert (manifest["payload"]["file"], other["file"]) == (FULL, "ota_rtos.bin")
    details = {proof["rule"]: proof["detail"] for proof in manifest["proofs"]}
    for rule in ("the payload is the linked firmware", "xz: the payload is the linked firmware"):
        assert "section .ram_image2.data" in details[rule]
        assert "without the sections .ARM.exidx" in details[rule]
    assert manifest["excused"] == []
    checked = haas200.workspace.run(
        str(haas200.workspace.aos.with_name("aos-ota")), "verify-release", str(haas200.images), "--without-statement"
    )
    assert checked.status == 0, checked.output
    assert "payload ota_rtos.bin" in checked.output
    kept = haas200.workspace.run(str(haas200.workspace.aos.with_name("aos-ota")), "release")
    assert kept.status == 0, kept.output
    names = {path.name for path in (haas200.workspace.solution / "releases" / "haas200" / "app-1.0.0").iterdir()}
    assert names == {FULL, XZ, MANIFEST, "ota_rtos.bin", "ota_demo@haas200.elf"}
    before = outputs(haas200)
    assert "unchanged" in haas200.workspace.made().output
    assert outputs(haas200) == before


def test_haas200_what_the_step_makes_otherwise_is_refused(haas200):
    """A byte of a section, of a header, of the prebuilt part and behind the replaced ones, in either file."""
    where = "is not what the description of the chip rtl872xd makes of ota_demo@haas200.elf: the first other byte is at"
    refused(haas200, f"flip {FULL} 0x8", f"{FULL} {where} 0x8, in the file $CHIP/bin/km0_image2_all.bin")
    refused(haas200, "flip ota_rtos.bin 0x0", f"ota_rtos.bin {where} 0x0, in the file $CHIP/bin/km0_image2_all.bin")
    header = len(KM0) + 8
    refused(haas200, f"flip {FULL} {header}", f"{where} 0x{header:x}, in the header before section .xip_image2.text")
    code = len(KM0) + 32 + 100
    refused(haas200, f"flip {FULL} {code}", f"{where} 0x{code:x}, in section .xip_image2.text (its byte 0x64)")


def test_haas200_step_that_makes_nothing_or_dies(haas200):
    refused(haas200, "nothing", "the image step made none of the files that", "it wrote nothing below the folders")
    refused(
        haas200,
        "elsewhere",
        "the image step made none of the files that",
        "it wrote $SOLUTION/out/",
        "$SOLUTION/out/new_name.bin (",
        "ota_chips/rtl872xd.yaml",
        "docs/chips.md",
    )
    refused(haas200, "die", "the chip's image step failed with status -9")


def test_haas200_unsigned_leftovers_are_swept(haas200):
    """The build is killed when unsigned files stand under all names; the next one, and `clean`, leave none of them."""
    before = outputs(haas200)
    assert haas200.workspace.make("OTA_APP_VERSION=app-2.0.0", env={"STEP_DOES": "kill the build"}).status != 0
    assert not accepted(haas200.elf, (haas200.images / FULL).read_bytes())
    assert (haas200.images / "ota_rtos_ota_xz.bin").exists()
    aos_ota = str(haas200.workspace.aos.with_name("aos-ota"))
    assert haas200.workspace.run(aos_ota, "cloud", "upload", str(haas200.images / FULL), "--product", "x").status != 0
    haas200.workspace.made()
    assert outputs(haas200) == before
    result = haas200.workspace.make("OTA_DIFF=y", f"OTA_BASE_RELEASE={haas200.images / MANIFEST}")
    assert result.status == 2
    assert outputs(haas200) == before
    haas200.workspace.made("clean")
    assert {path.name for path in haas200.images.iterdir()} <= {"ota_rtos.bin"}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="SCons 3 loads site_scons/site_init.py up to Python 3.11 only")
def test_haas200_by_the_hook_in_site_scons(haas200):
    """Without the component: the last test of this workspace, which was cleaned before."""
    workspace = haas200.workspace
    text = workspace.package.read_text(encoding="utf-8")
    workspace.package.write_text(
        "".join(line for line in text.splitlines(True) if "aos_ota_plugin:" not in line), encoding="utf-8"
    )
    shutil.rmtree(workspace.root / "components" / "aos_ota_plugin")
    assert workspace.run(str(workspace.aos.with_name("aos-ota")), "init").status == 0
    assert (workspace.solution / "site_scons" / "site_init.py").is_file()
    workspace.made("OTA_APP_VERSION=app-3.0.0", env={"STEP_DOES": ""})
    assert all(accepted(haas200.elf, outputs(haas200)[name]) for name in (FULL, XZ))


MAKEIMG = """#!/bin/sh
test -n "$STEP_DOES" && exit 0
arm-none-eabi-objcopy -O binary -R .data out/ota_demo@esp32_board.elf aos.bin
{ printf 'ESP-HEADER-of-24-bytes..'; cat aos.bin; } > firmware.bin
rm aos.bin
"""
DESCRIPTION = """schema: aos-ota-chip/1
folder: $SOLUTION/out
layout:
  - header: any*24
  - sections: [.text, .ARM.exidx, .data]
full: {name: esp32_ota.bin, payload: $SOLUTION/firmware.bin}
"""


def test_image_step_of_a_solution(tmp_path, new_workspace):
    """Without a description it ends the build; with one in ota_chips/ its file is signed, and a setting replaces fields."""
    workspace = new_workspace(tmp_path / "工作 区" / "ws")
    move_to_chip(workspace, "espressif_esp32", "esp32_board")
    script = workspace.solution / "makeimg.sh"
    script.write_text(MAKEIMG, encoding="utf-8")
    script.chmod(0o755)
    workspace.append(workspace.package, "\nbuild_config:\n  postimage_script: makeimg.sh\n")
    result = workspace.make()
    assert result.status == 2, result.output[-3000:]
    for part in (
        "no description of the chip espressif_esp32 says which file of it is the firmware",
        "it wrote $SOLUTION/firmware.bin (",
        "ota_chips/espressif_esp32.yaml",
        "\n  fix: ",
    ):
        assert part in result.output, result.output[-3000:]
    assert list(workspace.out.glob("*ota*.bin")) == [workspace.out / "ota_demo@esp32_board.bin"]

    description = workspace.solution / "ota_chips" / "espressif_esp32.yaml"
    description.parent.mkdir()
    description.write_text(DESCRIPTION + "xy: 4\n", encoding="utf-8")
    result = workspace.make()
    assert result.status == 2
    assert f"{description}:7:5: xy: a chip's description has no such field\n  fix: " in result.output
    description.write_text(DESCRIPTION, encoding="utf-8")
    result = workspace.make()  # the step leaves .data out
    assert result.status == 2
    assert "firmware.bin is not what the description of the chip espressif_esp32 makes of" in result.output
    script.write_text(MAKEIMG.replace(" -R .data", ""), encoding="utf-8")
    workspace.made()
    image = workspace.out / "esp32_ota.bin"
    assert accepted(workspace.out / "ota_demo@esp32_board.elf", image.read_bytes())
    assert payload_in(image.read_bytes()) == (workspace.solution / "firmware.bin").read_bytes()

    override = workspace.solution / "other.yaml"
    override.write_text("schema: aos-ota-chip/1\nfull: {name: b.bin, payload: $SOLUTION/firmware.bin}\n")
    assert "OTA " in workspace.made("OTA_CHIP_FILE=other.yaml").output
    assert accepted(workspace.out / "ota_demo@esp32_board.elf", (workspace.out / "b.bin").read_bytes())
    result = workspace.make("OTA_CHIP_FILE=other.yaml", "OTA_APP_VERSION=app-1.0.1", env={"STEP_DOES": "nothing"})
    assert result.status == 2
    assert "is older than ota_demo@esp32_board.bin" in result.output
    description.write_text("schema: none\n", encoding="utf-8")
    workspace.made("clean")  # a description with a fault does not stop it
    assert not (workspace.out / "b.bin").exists()
