"""Files of 1 GiB in the place of every file that a command reads: refused before they are read, whatever they claim to be."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from forked_command import run_command
from waiting import HANGS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sparse files and limits of memory")

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIZE = 1 << 30
MEMORY = 700 << 20
SIGN = "sign p.bin --key key.pem --version app-1.0.1 -o out/i.bin "
# command; which of its files is so large
READ = {
    "package.yaml": ("config -C solutions/s", "solutions/s/package.yaml"),
    "another package.yaml": ("config -C solutions/s", "components/ota/package.yaml"),
    ".config": ("config", ".config"),
    "ota.config": ("config -C solutions/s", "solutions/s/ota.config"),
    "ota.secrets.yaml": ("config -C solutions/s", "solutions/s/ota.secrets.yaml"),
    "package.yaml, to be set up": ("init solutions/s --component", "solutions/s/package.yaml"),
    "private key": (SIGN, "key.pem"),
    "private key of pack": ("pack images --app p.bin --table table.c --key key.pem -o out", "key.pem"),
    "public key": ("diff p.bin p.bin --key key.pem --public-key public.pem -o out.bin", "public.pem"),
    "public key, to verify": ("verify p.bin --public-key public.pem", "public.pem"),
    "payload": (SIGN, "p.bin"),
    "ELF": (SIGN + "--elf app.elf", "app.elf"),
    "base release": (SIGN + "--base-release base.json", "base.json"),
    "signature": (
        "sign-attach p.bin --public-key public.pem --signature s.bin --version app-1.0.1 -o out/i.bin",
        "s.bin",
    ),
    "manifest": ("report base.json", "base.json"),
    "manifest of a message": ("push-message base.json --url https://h/x", "base.json"),
    "partition table": ("pack images --app p.bin --table table.c --unsigned -o out", "table.c"),
    "partition table in YAML": ("pack images --app p.bin --table t.yaml --unsigned -o out", "t.yaml"),
    "flasher's list": ("flash list.yaml out.bin", "list.yaml"),
    "flash": ("flash t.yaml flash.bin --show", "flash.bin"),
    "any file": ("info x.bin", "x.bin"),
    "any image": ("verify x.bin --public-key public.pem", "x.bin"),
    "message": ("verify p.bin --push m.json --public-key public.pem", "m.json"),
    "pack": ("pack unpack x.pack -d out", "x.pack"),
    "file of a pack": ("pack files files -o out.pack", "files/a"),
    "old payload": ("diff x.bin p.bin -o out.bin", "x.bin"),
    "diff": ("apply p.bin x.bin -o out.bin", "x.bin"),
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "文件 夹"
    for name in ("solutions/s", "components/ota", "hardware/board/b", "hardware/chip/k", "files"):
        (path / name).mkdir(parents=True)
    (path / ".aos").write_bytes(b"")
    (path / ".config").write_bytes(b"solution: s\nboard: b\n")
    (path / "solutions/s/package.yaml").write_bytes(
        b"name: s\ndescription: d\ntype: solution\nsolution: {board_name: b}\ndepends:\n  - ota: master\n  - b: master\ndef_config:\n"
        b"  OTA_APP_VERSION: app-1.0.0\n  OTA_SIGNING_KEY: k.pem\n"
    )
    (path / "components/ota/package.yaml").write_bytes(b"name: ota\ndescription: d\ntype: common\n")
    (path / "hardware/board/b/package.yaml").write_bytes(
        b"name: b\ndescription: d\ntype: board\nhw_info: {chip_name: k}\ndepends: [k]\n"
    )
    (path / "hardware/chip/k/package.yaml").write_bytes(
        b"name: k\ndescription: d\ntype: chip\nhw_info: {cpu_name: m, ld_script: a.ld}\n"
    )
    (path / "p.bin").write_bytes(random.Random(1).randbytes(5000))
    (path / "key.pem").write_bytes((KEYS / "private.pem").read_bytes())
    (path / "key.pem").chmod(0o600)
    (path / "public.pem").write_bytes((KEYS / "public.pem").read_bytes())
    (path / "table.c").write_bytes(
        b"[HAL_PARTITION_APPLICATION] = { .partition_start_addr = 0x2000, .partition_length = 0x8000, }"
    )
    (path / "t.yaml").write_bytes(b"FILE_LIST:\n  - ota_rtos.bin: {ADDR: 0x2A000, SIZE: 0x578000}\n")
    return path


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize("name", READ)
def test_one_gibibyte(folder, bin_folder, name):
    line, large = READ[name]
    with open(folder / large, "ab") as stream:
        stream.truncate(SIZE)
    (folder / large).chmod(0o600)
    before = sorted(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "aos_ota_plugin", *line.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
        timeout=HANGS,
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.returncode == (2 if line.startswith("verify ") else 1), done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("aos-ota: error: ")
    assert "more than " in done.stderr
    assert " bytes" in done.stderr
    assert os.path.basename(large) in done.stderr
    assert "\n  fix: " in done.stderr
    assert sorted(folder.rglob("*")) == before


# --- pipes and devices, which have no size and no end; a pipe that stands on the command line is read as one


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "/dev/full", "dangling", "loop", "folder"])
@pytest.mark.parametrize("name", ["package.yaml", ".config", "ota.config", "ota.secrets.yaml"])
def test_what_is_no_file(folder, name, kind):
    line, file = READ[name]
    path = folder / file
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"dangling": "nowhere", "loop": path.name}.get(kind, kind))
    done = subprocess.run(
        [sys.executable, "-m", "aos_ota_plugin", *line.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
        timeout=HANGS,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("aos-ota: error: ")
    assert "\n  fix: " in done.stderr


MORE = {
    "key ring": (SIGN + "--key-ring x.yaml", "x.yaml"),
    "chip": (SIGN + "--chip x.yaml", "x.yaml"),
    "second public key": (
        "sign-approved p.bin --key key.pem --version app-1.0.1 -o i.bin --second-approval a.json --second-public-key x.pem",
        "x.pem",
    ),
    "approval": (
        "sign-approved p.bin --key key.pem --version app-1.0.1 -o i.bin --second-approval x --second-public-key public.pem",
        "x",
    ),
    "payload to approve": ("approve x.bin --key key.pem -o a.json", "x.bin"),
    "key of an approval": ("approve p.bin --key x.pem -o a.json", "x.pem"),
    "request": ("sign-request x.bin --public-key public.pem --version app-1.0.1 -o r.json", "x.bin"),
    "new payload": ("diff p.bin x.bin -o out.bin", "x.bin"),
    "old payload of a device": ("apply x.bin p.bin -o out.bin", "x.bin"),
    "file to send": ("send x.bin --port nowhere", "x.bin"),
    "any file to send": ("send x.bin --port nowhere --any-file", "x.bin"),
    "manifest of a key": ("keys x.json", "x.json"),
    "kept release": ("verify-release x --without-statement", "x"),
    "key of a kept release": ("verify-release . --public-key x.pem", "x.pem"),
    "part": ("pack images --fs x.bin@0x2000 --table table.c --unsigned -o out", "x.bin"),
    "MCU": ("pack images --mcu x.bin --table table.c --unsigned -o out", "x.bin"),
    "pipe among packed files": ("pack files files -o out.pack", "files/a"),
}


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero"])
# A folder whose package.yaml is no file is no component, to aos-tools either.
@pytest.mark.parametrize("name", sorted({*READ, *MORE} - {"another package.yaml"}))
def test_a_pipe_in_the_place_of_any_file(folder, bin_folder, tmp_path, name, kind):
    """Nobody writes to it; a command that opened it would never end."""
    line, file = {**READ, **MORE}[name]
    path = folder / file
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.symlink_to(kind)
    before = sorted(folder.rglob("*"))
    paths = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = run_command(line.split(), cwd=folder, folder=tmp_path, extra={"PATH": paths})
    assert done.returncode == (2 if line.startswith("verify ") else 1), done.stdout
    assert done.stderr.startswith("aos-ota: error: ")
    assert "\n  fix: " in done.stderr
    assert sorted(folder.rglob("*")) == before
