"""Every command that writes, with every call that changes the disk going wrong in turn: killed there, or refused there.

Afterwards each file has its old content or its new one, and all of them together are the old set or the new one, once the next
command has begun. A fault is an error with a remedy, exit status 1 and no traceback. The next run puts everything right, and
nothing that was half written is left.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Dict

import pytest
from fault_layer import FAULTS
from fault_scene import NEXT, PAYLOAD, SOME, Command, Scene, go_wrong

from aos_ota_plugin.cli import receive
from aos_ota_plugin.transport.blocks import Announced, announcement, block
from aos_ota_plugin.workspace.component_files import component_files, package_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


def solution(folder: Path) -> None:
    """A workspace with one solution, for `init`."""
    (folder / ".aos").write_bytes(b"")
    (folder / "solutions" / "s").mkdir(parents=True)
    (folder / "solutions" / "s" / "package.yaml").write_bytes(
        b"name: s\ndescription: d\ntype: solution\nhw_info:\ndepends:\n  - ota: master\n"
    )


def workspace(folder: Path) -> None:
    """The demo's packages without their sources."""
    demo = package_folder() / "demo" / "workspace"
    for path in (demo / ".aos", *demo.rglob("package.yaml")):
        (folder / path.relative_to(demo)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.relative_to(demo))
    (folder / "components" / "aos_ota_plugin").mkdir()
    (folder / "components" / "aos_ota_plugin" / "package.yaml").write_bytes(component_files()["package.yaml"])


SIGN = "sign {} --key key.pem --version {} -o out/image.bin"
COMMANDS: Dict[str, Command] = {
    "keygen": Command("keygen -o keys/k.pem", again="is there already", random=True),
    "sign": Command(SIGN.format("new.bin", "app-1.0.1"), before=(SIGN.format("old.bin", "app-1.0.0"),)),
    "sign, for the first time": Command(SIGN.format("new.bin", "app-1.0.1") + " --also xz"),
    "sign, xz and diff": Command(
        SIGN.format("new.bin", "app-1.0.2") + " --also xz --also diff --base-release base/image.json",
        before=(
            SIGN.format("old.bin", "app-1.0.0").replace("out/", "base/"),
            SIGN.format("old.bin", "app-1.0.1") + " --also xz",
        ),
    ),
    "sign-request": Command(
        "sign-request new.bin --public-key key.pub.pem --version app-1.0.1 -o out/request.json",
        before=("sign-request old.bin --public-key key.pub.pem --version app-1.0.0 -o out/request.json",),
    ),
    "pack images": Command(
        "pack images --app new.bin --fs old.bin --table table.c --key key.pem -o out",
        before=("pack images --app old.bin --fs old.bin --table table.c --unsigned -o out",),
    ),
    "pack files": Command("pack files files -o out/files.pack", before=("pack files files/sub -o out/files.pack",)),
    "pack unpack": Command(
        "pack unpack files.pack -d out", before=("pack files files -o files.pack",), again="is there already"
    ),
    "diff": Command("diff old.bin new.bin -o out/patch.bin", before=("diff new.bin old.bin -o out/patch.bin",)),
    "apply": Command("apply old.bin patch.bin -o out/new.bin", before=("diff old.bin new.bin -o patch.bin",)),
    "flash": Command("flash write_flash_gui/dld_cfg.yaml out/flash.bin"),
    "approve": Command(
        "approve new.bin --key key.pem -o out/approval.json",
        before=("approve old.bin --key key.pem -o out/approval.json",),
    ),
    "sbom": Command(
        "sbom -C solutions/ota_demo -o out/list.json OTA_APP_VERSION=app-1.0.1",
        set_up=workspace,
        before=("sbom -C solutions/ota_demo -o out/list.json OTA_APP_VERSION=app-1.0.0",),
    ),
    "receive": Command("receive --port played -d out", again="is there already"),
    "init, component": Command("init solutions/s --component", set_up=solution, each=True),
    "init, site_scons": Command("init solutions/s", set_up=solution, each=True),
}


class Played:
    """A serial port at whose other end two files are sent."""

    def __init__(self, *_: object, **__: object) -> None:
        self._parts = [
            announcement(Announced("a.bin", 100)),
            block(1, PAYLOAD[:1024]),
            b"\x04",
            b"\x04",
            announcement(Announced("b.bin", 1024)),
            block(1, NEXT[1024:2048]),
            b"\x04",
            b"\x04",
            announcement(None),
        ]

    def __enter__(self) -> Played:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, _seconds: float) -> bytes:
        return self._parts.pop(0) if self._parts else b""

    def write(self, _data: bytes) -> None:
        pass


ONE_EACH = [(name, FAULTS[place % len(FAULTS)]) for place, name in enumerate(COMMANDS)]
"""One fault a command, at some calls, which every run of the tests looks at; `make faults` takes all."""


@pytest.mark.parametrize(("name", "fault"), ONE_EACH)
def test_some_calls_go_wrong(tmp_path, monkeypatch, name, fault):
    monkeypatch.setattr(receive, "SerialPort", Played)
    go_wrong(Scene(COMMANDS[name], tmp_path, monkeypatch), fault, calls=SOME)


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_any_call_goes_wrong(tmp_path, monkeypatch, name, fault):
    monkeypatch.setattr(receive, "SerialPort", Played)
    go_wrong(Scene(COMMANDS[name], tmp_path, monkeypatch), fault)
