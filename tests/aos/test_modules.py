"""OTA_MODULES: one real `aos make` emits the gateway's image and its sub-devices' packs."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest

pytestmark = pytest.mark.aos

LIST = """\
modules:
  - name: panel
    version: panel-1.0.0
    folder: sub devices/面板
    store_path: /data/panel
    unpacked: true
  - name: meter
    version: meter-1.0.0
    folder: sub devices/meter
    store_path: /data/meter.pack
  - name: valve
    version: valve-1.0.0
    folder: sub devices/valve
    store_path: /data/valve.pack
  - name: radio
    version: radio-1.0.0
    file: radio.bin
    magic: mcu
"""
FILES = {
    "sub devices/面板/main.js": b"main();\n",
    "sub devices/面板/lib/中.js": b"",
    "sub devices/meter/meter.bin": bytes(3000),
    "sub devices/valve/valve.bin": b"\x01\x02",
    "radio.bin": bytes(range(256)) * 8,
}
PACKS = ("panel", "meter", "valve")


def set_up(workspace):
    for name, data in FILES.items():
        path = workspace.solution / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (workspace.solution / "ota.modules.yaml").write_text(LIST, encoding="utf-8")
    workspace.edit(workspace.package, "def_config:\n", "def_config:\n  OTA_MODULES: ota.modules.yaml\n")


def unpack(data):
    """A reader of packs that knows the device's structures and nothing of the builder."""
    count, _, size = struct.unpack_from("<HHI", data)
    assert size == len(data)
    files, at = {}, 8
    for _ in range(count):
        head, length, md5 = struct.unpack_from("<II16s", data, at)
        name = data[at + 24 : at + head].decode()
        files[name] = data[at + head : at + head + length]
        assert hashlib.md5(files[name]).digest() == md5
        at += head + length
    assert at == len(data)
    return files


def outputs(workspace):
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in workspace.images.iterdir()
        if path.name.startswith(("ota_rtos_ota", "ota_module_"))
    }


def entries(workspace):
    return {module["name"]: module for module in json.loads(workspace.manifest.read_bytes())["modules"]}


def file_of(workspace, name):
    return workspace.images / f"ota_module_{name}.bin"


def test_gateway_and_sub_devices_in_one_build(built_workspace):
    workspace = built_workspace
    set_up(workspace)
    result = workspace.made()
    for name, folder in zip(PACKS, ("面板", "meter", "valve")):
        prefix = f"sub devices/{folder}/"
        assert unpack(file_of(workspace, name).read_bytes()) == {
            path[len(prefix) :]: data for path, data in FILES.items() if path.startswith(prefix)
        }
    assert file_of(workspace, "radio").read_bytes().startswith(FILES["radio.bin"] + b"\xff" * 4 + b"\xdd\xcc\xbb\xaa")
    for name, entry in entries(workspace).items():
        data = file_of(workspace, name).read_bytes()
        assert (entry["version"], entry["image"]["size"], entry["image"]["sha256"]) == (
            f"{name}-1.0.0",
            len(data),
            hashlib.sha256(data).hexdigest(),
        )
    assert "module panel panel-1.0.0" in result.output
    assert "these have to be there: lib" in result.output
    command = str(workspace.aos.with_name("aos-ota"))
    for file in (workspace.image, file_of(workspace, "radio")):
        verify = workspace.run(command, "verify", str(file), "--elf", str(workspace.elf))
        assert verify.status == 0, verify.output
    report = workspace.run(command, "report", str(workspace.manifest))
    assert all(f"ota_module_{name}.bin" in report.output for name in (*PACKS, "radio"))
    push = workspace.run(
        command,
        "push-message",
        str(workspace.manifest),
        "--url",
        "https://h/p",
        "--module",
        "panel",
        "--key",
        str(workspace.key),
    )
    data = json.loads(push.output)["data"]
    assert (data["module"], data["sign"]) == (
        "panel",
        hashlib.sha256(file_of(workspace, "panel").read_bytes()).hexdigest(),
    )

    # Nothing to do, nothing done.
    before = outputs(workspace)
    assert workspace.made().count() == {}
    assert outputs(workspace) == before

    # Only a module changes: its file and the manifest; the firmware's image is not made again.
    (workspace.solution / "sub devices" / "valve" / "valve.bin").write_bytes(b"\x03")
    workspace.edit(workspace.solution / "ota.modules.yaml", "valve-1.0.0", "valve-1.0.1")
    result = workspace.made()
    assert [step.rsplit("/", 1)[1] for step in result.steps("OTA")] == ["ota_module_valve.bin"]
    after = outputs(workspace)
    assert {name for name in after if after[name] != before[name]} == {"ota_module_valve.bin", "ota_rtos_ota.json"}
    assert entries(workspace)["valve"]["version"] == "valve-1.0.1"

    # A file that someone removed or changed comes back, and a module that is no longer released leaves no file behind.
    file_of(workspace, "meter").write_bytes(b"other")
    file_of(workspace, "panel").unlink()
    text = (workspace.solution / "ota.modules.yaml").read_text(encoding="utf-8")
    (workspace.solution / "ota.modules.yaml").write_text(text[: text.index("  - name: radio")], encoding="utf-8")
    workspace.made()
    assert set(entries(workspace)) == set(PACKS)
    bytes_of = {name: data for name, (data, _) in outputs(workspace).items() if name != "ota_rtos_ota.json"}
    assert bytes_of == {
        name: data for name, (data, _) in after.items() if name not in ("ota_rtos_ota.json", "ota_module_radio.bin")
    }
    assert outputs(workspace)["ota_rtos_ota.bin"] == before["ota_rtos_ota.bin"]
    assert workspace.make("clean").status == 0
    assert [name for name in outputs(workspace) if "module" in name or name.startswith("ota_rtos_ota")] == []


def build_with_modules(workspace):
    set_up(workspace)
    workspace.made()


@pytest.fixture
def released(restore_state):
    return restore_state("with modules", build_with_modules)


def refused(workspace, *arguments, says):
    before = outputs(workspace)
    result = workspace.make("OTA_APP_VERSION=app-1.0.1", *arguments)
    assert result.status != 0
    shown = result.output[result.output.index("aos_ota_plugin: error:") :]
    for part in (*says, "\n  fix: "):
        assert part in shown, shown
    assert "Traceback" not in result.output
    assert result.steps("CC") == []
    assert outputs(workspace) == before


def test_the_next_release(released):
    workspace = released
    base = workspace.solution / "releases" / "1.json"
    base.parent.mkdir()
    base.write_bytes(workspace.manifest.read_bytes())
    before = outputs(workspace)
    (workspace.solution / "radio.bin").write_bytes(bytes(2000))
    result = workspace.make("OTA_APP_VERSION=app-1.0.1", "OTA_BASE_RELEASE=releases/1.json")
    assert result.status != 0
    assert "ota.modules.yaml:16:14: module radio: its file is not the one that the base release has" in result.output
    assert "\n  fix: use radio-1.0.1" in result.output
    assert outputs(workspace) == before
    workspace.edit(workspace.solution / "ota.modules.yaml", "radio-1.0.0", "radio-1.0.1")
    workspace.made("OTA_APP_VERSION=app-1.0.1", "OTA_BASE_RELEASE=releases/1.json")
    assert entries(workspace)["radio"]["version"] == "radio-1.0.1"

    # Without modules none of their files stays.
    workspace.made("OTA_APP_VERSION=app-1.0.1", "OTA_MODULES=")
    assert [name for name in outputs(workspace) if "module" in name] == []
    assert entries(workspace) == {}


def test_bad_list_of_modules_ends_the_build(released):
    """What else is wrong in a list has its unit tests."""
    released.edit(released.solution / "ota.modules.yaml", "name: meter", "name: valve")
    refused(released, says=["ota.modules.yaml:11:11: the module name valve is taken", "ota.modules.yaml:7:11"])


def test_bad_folder_of_a_module_ends_the_build(released):
    (released.solution / "sub devices" / "meter" / "link").symlink_to(released.package)
    refused(released, says=["sub devices/meter/link: this is a link"])


def test_magic_by_setting(built_workspace):
    workspace = built_workspace
    result = workspace.made("OTA_IMAGE_APP=y")
    assert workspace.image.read_bytes()[-28:-24] == bytes.fromhex("abababab")
    assert json.loads(workspace.manifest.read_bytes())["image_magic"] == "APP"
    assert "APP, signed by key" in result.output
    workspace.made(env={"PYTHONIOENCODING": "cp1252"})  # a console that lacks the path's characters ends no build
    assert workspace.image.read_bytes()[-28:-24] == bytes.fromhex("efefefef")
    before = workspace.snapshot()
    (workspace.solution / "base.json").write_bytes(before["ota_rtos_ota.json"])
    result = workspace.make("OTA_IMAGE_MCU=y", "OTA_APP_VERSION=app-1.0.1", "OTA_BASE_RELEASE=base.json")
    assert result.status != 0
    assert "this image has the magic MCU, and the base release app-1.0.0 is ALL" in result.output
    assert workspace.snapshot() == before
