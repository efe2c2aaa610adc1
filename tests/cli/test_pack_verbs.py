"""`pack files`, `pack unpack`, `pack images` and `report`, as files on a disk meet them."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli import pack_files, pack_images, pack_unpack, report
from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, judge
from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.files.transaction import create_below
from aos_ota_plugin.images.full import parse as parse_image
from aos_ota_plugin.images.pack import PackFile, build
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.load import load_private_key
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest

KEYS = Path(__file__).parents[1] / "keys" / "data"
TABLE = """
[HAL_PARTITION_APPLICATION] = { .partition_start_addr = 0x2000, .partition_length = 0x8000 },
[HAL_PARTITION_OTA_TEMP] = { .partition_start_addr = 0xA000, .partition_length = 0x8000 },
[HAL_PARTITION_LITTLEFS] = { .partition_start_addr = 0x12000, .partition_length = 0x8000 },
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    path = tmp_path / "文件 夹"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def key(folder):
    (folder / "key.pem").write_bytes((KEYS / "private.pem").read_bytes())
    (folder / "key.pem").chmod(0o600)
    return "key.pem"


def run(verb, *arguments):
    result = CliRunner().invoke(verb.command, [str(argument) for argument in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(verb, *arguments):
    with pytest.raises(OtaError) as caught:
        run(verb, *arguments)
    assert caught.value.remedy
    return str(caught.value)


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_packed_and_unpacked_is_the_same(folder):
    for name, data in {"main.js": b"1", "lib/a.js": b"", "lib/deep/中.bin": bytes(5000)}.items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / name).write_bytes(data)
    done = run(pack_files, "in", "-o", "out.pack")
    assert done.stdout.splitlines() == [
        f"out.pack  {(folder / 'out.pack').stat().st_size} bytes  3 files",
        "devices make no folders; these have to be there: lib, lib/deep",
    ]
    assert done.stderr == ""
    (folder / "short").mkdir()
    (folder / "short" / "a.js").write_bytes(b"1")
    assert "short.pack: 37 bytes: for the progress report of a file under 64" in run(
        pack_files, "short", "-o", "short.pack"
    ).stderr.replace("\n", " ")
    run(pack_files, "in", "-o", "again.pack")
    assert (folder / "again.pack").read_bytes() == (folder / "out.pack").read_bytes()
    done = run(pack_unpack, "out.pack", "-d", "new/out", "--json")
    assert [file["name"] for file in json.loads(done.stdout)["files"]] == ["lib/a.js", "lib/deep/中.bin", "main.js"]
    assert tree(folder / "new" / "out") == tree(folder / "in")


def odd_link(path):
    path.symlink_to(__file__)


def odd_folder_link(path):
    path.symlink_to(Path(__file__).parent)


def odd_socket(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    "make, kind", [(odd_link, "a link"), (odd_folder_link, "a link"), (os.mkfifo, "a pipe"), (odd_socket, "a socket")]
)
def test_odd_files_are_refused(folder, make, kind):
    (folder / "in" / "sub").mkdir(parents=True)
    (folder / "in" / "a").write_bytes(b"1")
    make(folder / "in" / "sub" / "odd")
    message = refused(pack_files, "in", "-o", "out.pack")
    assert message.startswith(f"{Path('in', 'sub', 'odd')}: this is {kind}, and a pack holds only files")
    assert not (folder / "out.pack").exists()


def test_other_bad_folders(folder):
    assert "cannot be read: No such file" in refused(pack_files, "none", "-o", "out.pack")
    (folder / "in").mkdir()
    assert "in: there is no file in this folder" in refused(pack_files, "in", "-o", "out.pack")
    (folder / "in" / "n").write_bytes(b"1")
    assert "would lie inside in" in refused(pack_files, "in", "-o", "in/out.pack")
    (folder / "in" / ("n" * 63)).write_bytes(b"1")
    assert "in: the name" in refused(pack_files, "in", "-o", "out.pack")
    assert sorted(os.listdir(folder)) == ["in"]


@pytest.mark.parametrize(
    "prepare, message",
    [
        (lambda out: (out / "b").write_bytes(b"old"), "is there already"),
        (lambda out: (out / "b").symlink_to("nowhere"), "is there already"),
        (lambda out: (out / "sub").symlink_to(out.parent), "is there and is no folder"),
        (lambda out: (out / "sub").write_bytes(b"old"), "is there and is no folder"),
        (lambda out: (out / "sub" / "c").mkdir(parents=True), "is there already"),
    ],
)
def test_unpack_writes_all_or_nothing(folder, prepare, message):
    (folder / "p").write_bytes(build([PackFile(name, b"new") for name in ("a", "b", "sub/c")]))
    out = folder / "out"
    out.mkdir()
    prepare(out)
    before = tree(folder)
    assert message in refused(pack_unpack, "p", "-d", "out")
    assert tree(folder) == before


def test_unpack_refuses_a_damaged_pack(folder):
    pack = build([PackFile("a", b"data")])
    (folder / "p").write_bytes(pack[:-1] + b"x")
    assert refused(pack_unpack, "p", "-d", "out").startswith("p: the MD5 of 'a' does not match")
    assert not (folder / "out").exists()


def test_a_name_taken_at_the_last_moment_is_not_overwritten(folder, monkeypatch):
    real = os.link

    def late(source, target, **more):
        if target.endswith("b"):
            Path(target).write_bytes(b"somebody else's")
        real(source, target, **more)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(OtaError, match="b is there already"):
        create_below("out", {"a": b"1", "b": b"2"})
    assert tree(folder / "out") == {"b": b"somebody else's"}


def test_without_hard_links(folder, monkeypatch):
    def no_links(*_):
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", no_links)
    assert [os.path.basename(path) for path in create_below("out", {"a": b"1", "b": b"2"})] == ["a", "b"]
    assert tree(folder / "out") == {"a": b"1", "b": b"2"}
    with pytest.raises(OtaError, match="is there already"):
        create_below("out", {"c": b"1", "b": b"2"})
    assert tree(folder / "out") == {"a": b"1", "b": b"2"}


@pytest.fixture
def parts(folder):
    (folder / "table.c").write_text(TABLE, encoding="utf-8")
    for name, data in {"app": b"A" * 500, "kernel": b"K" * 600, "fs": b"F" * 700, "mcu": b"M" * 800}.items():
        (folder / name).write_bytes(data)


def test_pack_refuses_what_no_device_takes(folder, parts, key):
    pack = (pack_images, "--table", "table.c", "--key", key, "-o", "out")
    (folder / "tiny").write_bytes(b"A" * 300)
    assert "would refuse ota_app.bin with OTA_DOWNLOAD_RECV_FAIL" in refused(*pack, "--app", "tiny")
    run(*pack, "--app", "app")
    assert "ota_app.bin: this is an OTA image already" in refused(*pack, "--app", "out/ota_app.bin")


def test_pack_writes_over_none_of_its_inputs(folder, parts, key):
    (folder / "layout.json").write_text(TABLE, encoding="utf-8")
    (folder / "ota_fs.bin").write_bytes(b"F" * 700)
    before = tree(folder)
    for arguments in (["--app", "app", "--table", "layout.json"], ["--fs", "ota_fs.bin", "--table", "table.c"]):
        assert "would be overwritten" in refused(pack_images, *arguments, "--key", key, "-o", ".")
    assert tree(folder) == before


def test_pack_makes_images_that_devices_accept(folder, parts, key):
    done = run(
        pack_images,
        "--app",
        "app@0x3000",
        "--kernel",
        "kernel@HAL_PARTITION_APPLICATION",
        "--fs",
        "fs",
        "--mcu",
        "mcu",
        "--table",
        "table.c",
        "--key",
        key,
        "-o",
        "out",
        "--json",
    )
    layout = json.loads(done.stdout)
    assert json.loads((folder / "out" / "layout.json").read_bytes()) == layout
    assert [(part["magic"], part["address"], part["size"]) for part in layout["parts"]] == [
        ("KERNEL", 0x2000, 600),
        ("APP", 0x3000, 500),
        ("FS", 0x12000, 700),
    ]
    # The partition in between belongs to updates: no file of ours covers it.
    assert layout["flash"] == [
        {"file": "flash_0x00002000.bin", "address": 0x2000},
        {"file": "flash_0x00012000.bin", "address": 0x12000},
    ]
    assert (folder / "out" / "flash_0x00002000.bin").read_bytes() == (b"K" * 600).ljust(0x1000, b"\xff") + b"A" * 500
    assert (folder / "out" / "flash_0x00012000.bin").read_bytes() == b"F" * 700
    device = Device(
        public_key=load_private_key(parse_reference(str(key)), Access()).public_key,
        local_rsa=True,
        partition_size=0x8000,
    )
    expected = {
        "ota_kernel.bin": b"K" * 600,
        "ota_app.bin": b"A" * 500,
        "ota_fs.bin": b"F" * 700,
        "ota_mcu.bin": b"M" * 800,
        "ota_all.bin": (b"K" * 600).ljust(0x1000, b"\xff") + b"A" * 500,
    }
    assert set(os.listdir(folder / "out")) == {*expected, "flash_0x00002000.bin", "flash_0x00012000.bin", "layout.json"}
    for name, payload in expected.items():
        image = (folder / "out" / name).read_bytes()
        assert image.startswith(payload)
        assert parse_image(image).image_info.image_magic.name.lower() == name[4:-4]
        assert judge(device, image).verdict is DeviceVerdict.OTA_SUCCESS


def test_pack_for_cloud_mode_says_where_things_lie(folder, parts):
    done = run(pack_images, "--all", "app", "--table", "table.c", "--unsigned", "-o", "out")
    assert done.stdout.splitlines()[0] == "0x00002000        500 bytes  ALL     in HAL_PARTITION_APPLICATION"
    assert parse_image((folder / "out" / "ota_all.bin").read_bytes()).sign_info is None
    assert (folder / "out" / "flash.bin").read_bytes() == b"A" * 500


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--app", "app@0x3001"), "does not start on a sector"),
        (("--kernel", "kernel"), "KERNEL has no usual place"),
        (("--app", "none"), "cannot read the APP image none"),
        (("--app", "app@010"), "010 is not an address"),
        (("--app", "app", "--ota-size", "500"), "ota_app.bin would have 532 bytes, and the OTA partition holds 500"),
        (("--app", "app", "--all", "fs"), "ALL is the whole firmware"),
    ],
)
def test_pack_refuses(folder, parts, arguments, message):
    assert message in refused(pack_images, *arguments, "--table", "table.c", "--unsigned", "-o", "out")
    assert not (folder / "out").exists()


def test_pack_usage(parts, key):
    for arguments in (["--app", "app"], ["--app", "app", "--unsigned", "--key", key], ["--unsigned"]):
        assert run(pack_images, *arguments, "--table", "table.c", "-o", "out").exit_code == 2


def test_report(folder, key):
    manifest = Manifest(
        "app-1.0.1",
        "local",
        "kv",
        None,
        Artifact("ota_rtos.bin", "payload", 1_000_000, "0" * 32, "0" * 64),
        (Artifact("ota_rtos_ota.bin", "full", 1_000_424, "0" * 32, "0" * 64),),
        (),
    )
    (folder / "m.json").write_bytes(manifest.to_json())
    done = run(report, "m.json")
    assert "send: ota_rtos_ota.bin" in done.stdout
    assert "6 min 41 s" in done.stdout  # NB-IoT: 1000424 / 2500
    assert "NB-IoT: 2500 bytes a second (Cat NB1 in the field, 20 kbit/s net)" in done.stdout
    assert json.loads(run(report, "m.json", "--json").stdout)["files"][0]["seconds"]["NB-IoT"] == 401
