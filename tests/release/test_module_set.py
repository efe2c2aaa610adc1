"""Modules from the list on the disk to files, manifest entries and push messages."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from aos_ota_plugin.errors import FormatError, OtaError, ProofError, SettingsError, SigningKeyError
from aos_ota_plugin.images.pack import PackFile, build, parse
from aos_ota_plugin.pipeline.module_sources import check_sources, load_sources, source_files
from aos_ota_plugin.protocol.push import parse_push
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.manifest import parse_manifest
from aos_ota_plugin.release.module_set import make_modules
from aos_ota_plugin.release.proofs import excuse_lines
from aos_ota_plugin.release.push import choose_file, push_message, warnings
from aos_ota_plugin.release.transfer import transfer_report
from aos_ota_plugin.settings.raw import Origin

KEYS = Path(__file__).parents[1] / "keys" / "data"

LIST = """\
modules:
  - name: panel
    version: panel-1.0.1
    folder: 子设备 panel
    store_path: /data/panel
    unpacked: true
  - name: js
    version: js-1.0.1
    file: app.bin
    store_path: /data/js/app.bin
  - name: radio
    version: radio-1.0.1
    file: radio.bin
    magic: mcu
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "工作 区"
    (root / "子设备 panel" / "lib").mkdir(parents=True)
    (root / "子设备 panel" / "main.bin").write_bytes(b"main")
    (root / "子设备 panel" / "lib" / "a").write_bytes(b"")
    (root / "app.bin").write_bytes(b"script")
    (root / "radio.bin").write_bytes(bytes(range(256)) * 4)
    (root / "ota.modules.yaml").write_text(LIST, encoding="utf-8")
    return root


def settings(folder, name="ota.modules.yaml"):
    return SimpleNamespace(modules=str(folder / name), origins={"OTA_MODULES": Origin("test")})


def made(given, folder):
    return make_modules(given.keys, given.base, given.options, load_sources(settings(folder)))


def test_files_and_entries(given, folder, signer):
    done = made(given, folder)
    assert list(done.files) == ["ota_module_panel.bin", "ota_module_js.bin", "ota_module_radio.bin"]
    assert parse(done.files["ota_module_panel.bin"]) == (PackFile("lib/a", b""), PackFile("main.bin", b"main"))
    assert done.files["ota_module_js.bin"] == b"script"
    radio, payload = done.files["ota_module_radio.bin"], bytes(range(256)) * 4
    digest = hashlib.sha256(payload + b"\xff" * 4).digest()
    assert radio[: -28 - 256] == payload + b"\xff" * 4 + b"\xdd\xcc\xbb\xaa\0\1\1" + bytes(97) + digest
    public = RSAPublicNumbers(65537, int.from_bytes(signer.public_key.n_bytes, "big")).public_key()
    public.verify(radio[-28 - 256 : -28], digest, PKCS1v15(), SHA256())
    assert radio[-28:-24] == bytes.fromhex("cdefcdef")
    assert [(one.image.kind, one.version, one.store_path, one.unpacked, one.image_magic) for one in done.modules] == [
        ("pack", "panel-1.0.1", "/data/panel", True, None),
        ("file", "js-1.0.1", "/data/js/app.bin", False, None),
        ("full", "radio-1.0.1", None, False, "MCU"),
    ]
    for module in done.modules:
        data = done.files[module.image.file]
        assert (module.image.size, module.image.md5, module.image.sha256) == (
            len(data),
            hashlib.md5(data).hexdigest(),
            hashlib.sha256(data).hexdigest(),
        )
    manifest = make_release(*given).manifest._replace(modules=done.modules)
    assert parse_manifest(manifest.to_json(), file="m") == manifest
    assert json.loads(manifest.to_json())["modules"][0]["image"]["file"] == "ota_module_panel.bin"
    assert made(given, folder) == done


def test_a_list_as_windows_editors_save_it(given, folder):
    expected = made(given, folder)
    (folder / "ota.modules.yaml").write_bytes(LIST.replace("\n", "\r\n").encode("utf-16"))
    assert made(given, folder) == expected


def test_an_image_that_devices_would_refuse(given, folder):
    (folder / "radio.bin").write_bytes(bytes(100))
    with pytest.raises(
        ProofError,
        match=r"ota\.modules\.yaml:13:11: module radio: a device would refuse this image with OTA_DOWNLOAD_RECV_FAIL",
    ):
        made(given, folder)
    (folder / "radio.bin").write_bytes(bytes(2000))
    with pytest.raises(ProofError, match="module radio: a device would refuse this image with OTA_INIT_FAIL"):
        made(given.but(partition_size=2000), folder)


def test_a_module_is_no_private_key_and_firmware_is_firmware(given, folder):
    (folder / "radio.bin").write_bytes(b"\x7fELF" + bytes(range(256)) * 8)
    assert len(made(given, folder).modules) == 3  # a second chip may take it
    edit(folder, "magic: mcu", "magic: app")
    with pytest.raises(FormatError, match=r"yaml:13:11: module radio: this is an ELF file, not firmware"):
        made(given, folder)
    for file in (folder / "app.bin", folder / "子设备 panel" / "main.bin"):
        before = file.read_bytes()
        file.write_bytes((KEYS / "ec-private.pem").read_bytes())
        with pytest.raises(FormatError, match=rf"{file.name}: this is a private key"):
            made(given, folder)
        file.write_bytes(before)


def edit(folder, old, new):
    text = (folder / "ota.modules.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / "ota.modules.yaml").write_text(text.replace(old, new), encoding="utf-8")


def test_versions_after_the_base_release(given, folder):
    base = make_release(*given.but(elf=None, payload=b"opaque" * 99, version="app-1.0.0")).manifest._replace(
        modules=made(given, folder).modules
    )
    next_release = given.but(base=base)
    assert made(next_release, folder).modules == base.modules  # untouched ones keep their versions
    (folder / "app.bin").write_bytes(b"another script")
    with pytest.raises(ProofError) as caught:
        made(next_release, folder)
    assert "ota.modules.yaml:8:14: module js: its file is not the one that the base release has under js-1.0.1" in str(
        caught.value
    )
    assert "use js-1.0.2" in caught.value.remedy
    edit(folder, "js-1.0.1", "js-1.0.10")  # byte by byte it begins alike, and is longer
    assert made(next_release, folder).modules[1].version == "js-1.0.10"
    edit(folder, "js-1.0.10", "js-1.0.0")
    with pytest.raises(ProofError, match="module js: devices on js-1.0.1 refuse js-1.0.0"):
        made(next_release, folder)
    edit(folder, "js-1.0.0", "js-1.0")
    with pytest.raises(ProofError, match="it is only the beginning of js-1.0.1"):
        made(next_release, folder)
    # A module that the base release does not have may begin anywhere.
    assert len(made(given.but(base=base._replace(modules=base.modules[:1])), folder).modules) == 3


def remove_folder(folder):
    for name in ("lib/a", "main.bin"):
        (folder / "子设备 panel" / name).unlink()
    (folder / "子设备 panel" / "lib").rmdir()
    (folder / "子设备 panel").rmdir()


def link_file(folder):
    (folder / "app.bin").rename(folder / "real.bin")
    (folder / "app.bin").symlink_to("real.bin")


def link_folder(folder):
    (folder / "子设备 panel").rename(folder / "real")
    (folder / "子设备 panel").symlink_to("real")


@pytest.mark.parametrize(
    "break_it, error, place, says",
    [
        (remove_folder, SettingsError, "ota.modules.yaml:4:13", "the folder of module panel"),
        (link_folder, SettingsError, "ota.modules.yaml:4:13", "is a link"),
        (
            lambda folder: edit(folder, "folder: 子设备 panel", "folder: app.bin"),
            SettingsError,
            "ota.modules.yaml:4:13",
            "is a file",
        ),
        (
            lambda folder: (folder / "app.bin").unlink(),
            SettingsError,
            "ota.modules.yaml:9:11",
            "cannot be read: No such file",
        ),
        (link_file, SettingsError, "ota.modules.yaml:9:11", "is a link"),
        (
            lambda folder: edit(folder, "file: app.bin", "file: 子设备 panel"),
            SettingsError,
            "ota.modules.yaml:9:11",
            "is a folder",
        ),
        (lambda folder: os.mkfifo(folder / "子设备 panel" / "pipe"), FormatError, "pipe", "this is a pipe"),
        (lambda folder: (folder / "子设备 panel" / "odd").symlink_to("main.bin"), FormatError, "odd", "this is a link"),
        (
            lambda folder: (folder / "子设备 panel" / ("n" * 63)).write_bytes(b""),
            FormatError,
            "子设备 panel",
            "has room for 62",
        ),
        (
            lambda folder: (folder / "子设备 panel" / "Main.bin").write_bytes(b""),
            FormatError,
            "子设备 panel",
            "are the same file",
        ),
        (
            lambda folder: [(folder / "子设备 panel" / name).write_bytes(b"") for name in ("\u00e9", "e\u0301")],
            FormatError,
            "子设备 panel",
            "are the same file",
        ),
        (
            lambda folder: open(os.fsencode(folder / "子设备 panel") + b"/\xff", "wb").close(),
            FormatError,
            "子设备 panel",
            "cannot be written in UTF-8",
        ),
        (
            lambda folder: edit(folder, "version: panel-1.0.1", "version: 1.1"),
            SettingsError,
            "ota.modules.yaml:3:14",
            "YAML reads 1.1",
        ),
        (
            lambda folder: (folder / "ota.modules.yaml").write_bytes(b"\xff"),
            SettingsError,
            "ota.modules.yaml",
            "is not UTF-8",
        ),
        (lambda folder: (folder / "ota.modules.yaml").unlink(), SettingsError, "", "cannot read the list of modules"),
    ],
)
def test_what_is_seen_before_anything_is_compiled(folder, break_it, error, place, says):
    check_sources(settings(folder))
    break_it(folder)
    for look in (check_sources, load_sources):
        with pytest.raises(error) as caught:
            look(settings(folder))
        assert says in str(caught.value)
        assert place in str(caught.value.place or "")
        assert caught.value.remedy


def test_what_is_seen_in_the_content(folder):
    (folder / "app.bin").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"9:11: the file of module js, .*, is empty"):
        load_sources(settings(folder))
    (folder / "app.bin").write_bytes(b"script")
    edit(folder, "    store_path: /data/js/app.bin\n", "    store_path: /data/js\n    unpacked: true\n")
    with pytest.raises(
        FormatError, match=r"9:11: module js is to be unpacked on the device, and .* is no pack: a file of 6 bytes"
    ):
        load_sources(settings(folder))
    (folder / "app.bin").write_bytes(build([PackFile("x", b"1")]))
    assert load_sources(settings(folder))[1].declared.unpacked


def test_every_source_is_named(folder):
    assert [os.path.relpath(path, folder) for path in source_files(settings(folder))] == [
        "ota.modules.yaml",
        os.path.join("子设备 panel", "lib", "a"),
        os.path.join("子设备 panel", "main.bin"),
        "app.bin",
        "radio.bin",
    ]
    assert source_files(SimpleNamespace(modules=None)) == ()


# --- push messages


@pytest.fixture
def manifest(given, folder):
    return make_release(*given).manifest._replace(modules=made(given, folder).modules)


URL = "https://host/f.bin?sign=1"


def test_short_files_of_modules_are_warned_of(manifest):
    short = [module.name for module in manifest.modules if module.image.size < 64]
    assert [line.partition(": ")[2].partition(": ")[0] for line in excuse_lines(manifest)] == [
        f"module {name}" for name in short
    ]
    assert short


def test_push_of_the_firmware(manifest):
    message = push_message(manifest, choose_file(manifest), URL)
    assert parse_push(message.to_json()) == message
    full = manifest.images[0]
    assert json.loads(message.to_json())["data"] == {
        "size": full.size,
        "version": "app-1.0.1",
        "url": URL,
        "signMethod": "SHA256",
        "sign": full.sha256,
        "md5": full.md5,
    }
    assert warnings(manifest, message) == ()
    assert "63 bytes: for the progress report" in warnings(manifest, replace(message, size=63))[0]
    assert choose_file(manifest, module="default", file=full.file) == full


def test_push_of_a_module_is_signed(manifest, signer):
    panel = manifest.modules[0]
    message = push_message(manifest, choose_file(manifest, module="panel"), URL, signer=signer)
    data = json.loads(message.to_json())["data"]
    assert (data["module"], data["version"], data["sign"]) == ("panel", "panel-1.0.1", panel.image.sha256)
    public = RSAPublicNumbers(65537, int.from_bytes(signer.public_key.n_bytes, "big")).public_key()
    public.verify(base64.b64decode(data["digestsign"]), bytes.fromhex(panel.image.sha256), PKCS1v15(), SHA256())


def test_manifest_says_what_the_push_will(manifest, signer):
    """The message and the manifest's part of it agree, field by field."""
    listed = {module["name"]: module["push"] for module in json.loads(manifest.to_json())["modules"]}
    assert listed.keys() == {module.name for module in manifest.modules}
    for module in manifest.modules:
        message = push_message(manifest, module.image, "https://host/x", signer=signer)
        data = json.loads(message.to_json())["data"]
        assert {key: data[key] for key in listed[module.name]} == listed[module.name]
        assert data.keys() - listed[module.name].keys() <= {"url", "digestsign"}


def test_push_of_a_wrapped_module_needs_no_key(manifest, signer):
    for key in (None, signer):
        message = push_message(manifest, choose_file(manifest, module="radio"), URL, signer=key)
        assert (message.module, message.digestsign) == ("radio", None)


def test_push_without_the_right_key(manifest, other, signer):
    panel = choose_file(manifest, module="panel")
    with pytest.raises(SigningKeyError, match="check a signature of module panel") as caught:
        push_message(manifest, panel, URL)
    assert "--key" in caught.value.remedy
    with pytest.raises(SigningKeyError, match="the devices of this release trust"):
        push_message(manifest, panel, URL, signer=other)
    with pytest.raises(SigningKeyError, match="trust no key"):
        push_message(manifest._replace(security="none", key_fingerprint=None), panel, URL, signer=signer)


def test_push_in_cloud_mode(manifest, signer):
    cloud = manifest._replace(security="cloud")
    message = push_message(cloud, choose_file(cloud, module="js"), URL)
    assert message.digestsign is None
    assert "there is no digestsign" in warnings(cloud, message)[0]
    message = push_message(cloud, choose_file(cloud), URL, signer=signer)
    assert len(base64.b64decode(message.digestsign)) == 256
    assert warnings(cloud, replace(message, digestsign=base64.b64encode(b"\1" * 256).decode())) == ()
    zero = replace(message, digestsign=base64.b64encode(bytes(256)).decode())
    assert "begins with a zero byte" in warnings(cloud, zero)[0]


def test_push_of_what_is_not_there(manifest):
    for wanted, says in (
        ({"module": "none"}, "no module 'none'"),
        ({"file": "none"}, "no image 'none'"),
        ({"module": "js", "file": "none"}, "no file of this module 'none'"),
    ):
        with pytest.raises(SettingsError, match=says) as caught:
            choose_file(manifest, **wanted)
        assert caught.value.remedy.startswith("choose among: ")
    assert choose_file(manifest, module="js", file="ota_module_js.bin").kind == "file"
    for url in ("ftp://x", "http://" + "x" * 249):
        with pytest.raises(OtaError, match="url"):
            push_message(manifest, choose_file(manifest), url)


def test_report_lists_modules(manifest):
    report = transfer_report(manifest)
    assert [(row.file, row.kind) for row in report.rows] == [
        ("ota_rtos_ota.bin", "full"),
        ("ota_module_panel.bin", "pack"),
        ("ota_module_js.bin", "file"),
        ("ota_module_radio.bin", "full"),
        ("ota_rtos.bin", "payload"),
    ]
    assert report.rows[1].seconds[0] == 1
    assert report.recommended == "ota_rtos_ota.bin"
    assert report.notes[0].startswith(
        "ota_module_panel.bin: module panel panel-1.0.1, an update of its own; it has no signature"
    )
    assert report.notes[2] == "ota_module_radio.bin: module radio radio-1.0.1, an update of its own"
