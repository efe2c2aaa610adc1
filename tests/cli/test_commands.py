"""The command as a user and a script meet it: exit status, output, errors without a traceback."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
from pathlib import Path

import pytest

from aos_ota_plugin.verbs import verb_paths

KEYS = Path(__file__).parents[1] / "keys" / "data"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "文件 夹"
    path.mkdir()
    return path


@pytest.fixture
def signed(folder, key, run):
    (folder / "ota_rtos.bin").write_bytes(bytes(range(256)) * 100)
    done = run("sign", "ota_rtos.bin", "--key", key, "--version", "app-1.0.1", "-o", "image.bin")
    assert done.returncode == 0, done.stderr
    return folder / "image.bin"


def failed(done, *says, status=1):
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.startswith("aos-ota: error: ")
    assert "\n  fix: " in done.stderr
    for part in says:
        assert part in done.stderr


@pytest.mark.parametrize("verb", verb_paths())
def test_help_has_an_example(run, verb):
    done = run(*verb.split(), "--help")
    assert done.returncode == 0
    assert f"Example:\n    aos-ota {verb}" in done.stdout


def test_unknown_verb_is_wrong_usage(run):
    assert run("frobnicate").returncode == 2
    assert run("sign").returncode == 2
    assert run("sign", "a", "--key", "k", "--version", "v", "-o", "o", "--partition-size", "big").returncode == 2


def test_keygen(run, folder):
    done = run("keygen", "-o", "keys/k.pem", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    private = folder / "keys" / "k.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert report["encrypted"] is False
    public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], capture_output=True, check=True).stdout
    assert (folder / "keys" / "k.pub.pem").read_bytes() == public


def test_keygen_is_private_from_the_first_moment(run, folder):
    """Whatever the umask: the file is created 0600, not changed to it."""
    old = os.umask(0)
    try:
        run("keygen", "-o", "k.pem")
    finally:
        os.umask(old)
    assert stat.S_IMODE((folder / "k.pem").stat().st_mode) == 0o600


def test_keygen_never_overwrites(run, folder):
    (folder / "k.pem").write_text("mine")
    failed(run("keygen", "-o", "k.pem"), "k.pem is there already")
    assert (folder / "k.pem").read_text() == "mine"
    (folder / "l.pub.pem").write_text("mine")
    failed(run("keygen", "-o", "l.pem"), "l.pub.pem is there already")
    assert not (folder / "l.pem").exists()
    (folder / "m.pem").symlink_to(folder / "nowhere")
    failed(run("keygen", "-o", "m.pem"), "m.pem is there already")


def test_keygen_with_a_passphrase(run, folder):
    done = run("keygen", "-o", "k.pem", AOS_OTA_KEY_PASSPHRASE="correct horse")
    assert done.returncode == 0
    assert "encrypted" in done.stdout
    assert "correct horse" not in done.stdout
    assert b"ENCRYPTED PRIVATE KEY" in (folder / "k.pem").read_bytes()
    failed(run("keygen", "-o", "e.pem", AOS_OTA_KEY_PASSPHRASE=""), "empty")
    assert not (folder / "e.pem").exists()


def test_sign_writes_image_and_manifest(signed, folder):
    manifest = json.loads((folder / "image.json").read_text(encoding="utf-8"))
    assert manifest["version"] == "app-1.0.1"
    assert manifest["images"][0]["size"] == signed.stat().st_size == 25600 + 4 + 392 + 28


def test_sign_prints_the_manifest_for_scripts(run, key, folder, signed):
    done = run("sign", "ota_rtos.bin", "--key", key, "--version", "app-1.0.1", "-o", "image.bin", "--json")
    assert json.loads(done.stdout) == json.loads((folder / "image.json").read_text(encoding="utf-8"))


REFUSED_TO_SIGN = {
    "no payload": (["nothing.bin"], {}, ["cannot read the payload nothing.bin"]),
    "bad version": (["ota_rtos.bin", "--version", "app 1"], {}, ["--version contains ' '"]),
    "public key for a private one": (["ota_rtos.bin", "--key", KEYS / "public.pem"], {}, ["public.pem", "public key"]),
    "no key": (["ota_rtos.bin", "--key", "nokey.pem"], {}, ["cannot read the signing key nokey.pem"]),
    "too large": (["ota_rtos.bin", "--partition-size", "0x1000"], {}, ["OTA_INIT_FAIL"]),
    "output over the payload": (["ota_rtos.bin", "-o", "ota_rtos.bin"], {}, ["would be overwritten"]),
    "manifest over the key": (
        ["ota_rtos.bin", "-o", "key.bin", "--base-release", "key.json"],
        {},
        ["would be overwritten"],
    ),
    "no ELF": (["ota_rtos.bin", "--elf", "ota_rtos.bin"], {}, ["ota_rtos.bin: this is not an ELF file"]),
    "base of another key": (["ota_rtos.bin", "--base-release", "base.json"], {}, ["trust key"]),
}


@pytest.mark.parametrize("name", REFUSED_TO_SIGN)
def test_refused_to_sign(run, key, signed, folder, name):
    arguments, environment, says = REFUSED_TO_SIGN[name]
    document = json.loads((folder / "image.json").read_text(encoding="utf-8"))
    (folder / "base.json").write_text(json.dumps({**document, "version": "app-1.0.0", "key_fingerprint": "0" * 64}))
    (folder / "sub").mkdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    defaults = {"--key": key, "--version": "app-1.0.2", "-o": "image.bin"}
    given = [str(argument) for argument in arguments]
    for option, value in defaults.items():
        if option not in given:
            given += [option, str(value)]
    failed(run("sign", *given, **environment), *says)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_key_that_others_can_read(run, key, signed):
    key.chmod(0o640)
    failed(run("sign", "ota_rtos.bin", "--key", key, "--version", "app-1.0.2", "-o", "other.bin"), "chmod 600")


def test_verify_accepts(run, signed):
    done = run(
        "verify",
        signed,
        "--public-key",
        KEYS / "public.pem",
        "--current-version",
        "app-1.0.0",
        "--version",
        "app-1.0.1",
    )
    assert done.returncode == 0
    assert f"{signed}: accepted" in done.stdout


def damaged(signed, offset):
    data = bytearray(signed.read_bytes())
    data[offset] ^= 1
    path = signed.with_name("damaged.bin")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("offset", "verdict"),
    [
        (0, "OTA_VERIFY_SHA2_FAIL (-11)"),
        (-28 - 392 + 104, "OTA_VERIFY_SHA2_FAIL (-11)"),
        (-29, "OTA_VERIFY_RSA_FAIL (-12)"),
        (-28, "OTA_VERIFY_IMAGE_FAIL (-13)"),
        (-28 - 392, "OTA_DOWNLOAD_HEAD_FAIL (-6)"),
    ],
    ids=["payload", "hash", "signature", "image_magic", "encrypto_magic"],
)
def test_verify_names_the_devices_error(run, signed, offset, verdict):
    done = run("verify", damaged(signed, offset), "--public-key", KEYS / "public.pem")
    assert done.returncode == 1
    assert f"refused: {verdict}" in done.stdout


def test_verify_names_the_key_that_signed_among_many(run, signed):
    done = run("verify", signed, "--public-key", KEYS / "other-public.pem", "--keys", KEYS, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["verdict"], report["code"]) == ("OTA_VERIFY_RSA_FAIL", -12)
    expected = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", KEYS / "public.pem", "-outform", "DER"], capture_output=True, check=True
    ).stdout
    import hashlib

    assert report["signed_by"] == hashlib.sha256(expected).hexdigest()
    assert report["device_key"] != report["signed_by"]


def test_verify_of_what_the_platform_returned(run, folder, signed):
    """The platform signs the MD5 of the whole file; openssl stands in for it."""
    import base64
    import hashlib

    image = folder / "cloud.bin"
    body = bytes(range(256)) * 100 + b"\xff" * 4
    import binascii
    import struct

    image.write_bytes(
        body
        + struct.pack("<II16sBBH", 0xEFEFEFEF, len(body), hashlib.md5(body).digest(), 1, 0, binascii.crc_hqx(body, 0))
    )
    digest = hashlib.md5(image.read_bytes()).digest()
    (folder / "digest").write_bytes(digest)
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", KEYS / "private.pem", folder / "digest"],
        capture_output=True,
        check=True,
    ).stdout
    good = run(
        "verify", image, "--public-key", KEYS / "public.pem", "--digestsign", base64.b64encode(signature).decode()
    )
    assert good.returncode == 0, good.stdout
    bad = run(
        "verify", image, "--public-key", KEYS / "other-public.pem", "--digestsign", base64.b64encode(signature).decode()
    )
    assert bad.returncode == 1
    assert "OTA_VERIFY_RSA_FAIL" in bad.stdout
    skipped = run("verify", image, "--public-key", KEYS / "other-public.pem", "--cloud")
    assert skipped.returncode == 1
    assert "signature: NOT CHECKED" in skipped.stdout
    allowed = run("verify", image, "--public-key", KEYS / "other-public.pem", "--cloud", "--allow-unchecked", "--json")
    assert (allowed.returncode, json.loads(allowed.stdout)["signature_checked"]) == (0, False)


def test_verify_wants_one_key(run, signed):
    assert run("verify", signed).returncode == 2
    assert run("verify", signed, "--elf", "a", "--public-key", "b").returncode == 2
    failed(run("verify", signed, "--public-key", "nothing.pem"), "cannot read the public key nothing.pem", status=2)
    failed(run("verify", signed, "--elf", signed), "image.bin: this is not an ELF file", status=2)
    failed(
        run("verify", "nothing.bin", "--public-key", KEYS / "public.pem"), "cannot read the image nothing.bin", status=2
    )


def test_info_shows_every_field_with_its_offset(run, signed):
    done = run("info", signed)
    assert done.returncode == 0
    rows = {line.split()[2]: line.split()[:2] for line in done.stdout.splitlines() if line.startswith("  0x")}
    assert rows["payload"] == ["0x00000000", "25600"]
    assert rows["encrypto_magic"] == [f"0x{25604:08x}", "4"]
    assert rows["signature"] == [f"0x{25604 + 136:08x}", "256"]
    assert rows["image_md5"] == [f"0x{25604 + 392 + 8:08x}", "16"]
    document = json.loads(run("info", signed, "--json").stdout)
    assert sum(field["size"] for field in document["fields"]) == document["size"] == signed.stat().st_size


def test_info_of_something_else(run, folder):
    (folder / "ota_rtos.bin").write_bytes(b"\0" * 1000)
    failed(run("info", "ota_rtos.bin"), "ota_rtos.bin: this file does not end in an ota_image_info_t")


def test_config_outside_a_workspace(run):
    failed(run("config"), "not inside an AliOS Things workspace")
    failed(run("init"), "not inside an AliOS Things workspace")
    assert run("config", "OTA_APP_VERSION").returncode == 2


def test_menu_needs_a_terminal(run):
    failed(run("menuconfig"), "terminal")


def test_demo_keeps_its_hands_off_other_folders(run, folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("x")
    done = run("demo", "mine")
    assert done.returncode == 1
    assert sorted(path.name for path in (folder / "mine").iterdir()) == ["thesis.txt"]


def test_sign_makes_a_compressed_image_too(run, key, signed, folder):
    # Half of it does not compress: an image under 840 bytes would be refused by the device's header reader.
    (folder / "ota_rtos.bin").write_bytes(random.Random(1).randbytes(20_000) + bytes(20_000))
    done = run("sign", "ota_rtos.bin", "--key", key, "--version", "app-1.0.1", "-o", "image.bin", "--also", "xz")
    assert done.returncode == 0, done.stderr
    compressed = folder / "image.bin.xz"
    assert [image["file"] for image in json.loads((folder / "image.json").read_text(encoding="utf-8"))["images"]] == [
        "image.bin",
        "image.bin.xz",
    ]
    decoded = subprocess.run(
        ["xz", "-dc"], input=compressed.read_bytes()[: -28 - 392 - 4], capture_output=True, check=True
    )
    assert decoded.stdout == (folder / "ota_rtos.bin").read_bytes()
    verify = run("verify", compressed, "--public-key", KEYS / "public.pem")
    assert verify.returncode == 0, verify.stdout


@pytest.mark.parametrize("data", [b"", b"x"], ids=["empty", "one byte"])
def test_info_of_next_to_nothing(run, folder, data):
    (folder / "short.bin").write_bytes(data)
    failed(run("info", "short.bin"), f"short.bin: a file of {len(data)} bytes is too short for an OTA image")


def test_sign_with_a_magic(run, folder, key):
    (folder / "mcu.bin").write_bytes(bytes(range(256)) * 10)
    done = run("sign", "mcu.bin", "--key", key, "--version", "mcu-1", "-o", "m.bin", "--magic", "mcu")
    assert done.returncode == 0, done.stderr
    assert "image_magic MCU" in done.stdout
    assert (folder / "m.bin").read_bytes()[-28:-24] == bytes.fromhex("cdefcdef")
    assert json.loads((folder / "m.json").read_bytes())["image_magic"] == "MCU"
    done = run("sign", "mcu.bin", "--key", key, "--version", "mcu-2", "-o", "n.bin", "--base-release", "m.json")
    failed(done, "this image has the magic ALL, and the base release mcu-1 is MCU")
    assert not (folder / "n.bin").exists()
    assert run("sign", "mcu.bin", "--key", key, "--version", "1", "-o", "n.bin", "--magic", "boot").returncode == 2


@pytest.fixture
def release(signed, folder):
    """A signed release with one module in its manifest, as a build leaves it."""
    from hashlib import md5, sha256

    from aos_ota_plugin.release.artifact import Artifact
    from aos_ota_plugin.release.manifest import parse_manifest
    from aos_ota_plugin.release.module import Module

    path = folder / "image.json"
    data = b"script"
    (folder / "ota_module_js.bin").write_bytes(data)
    module = Module(
        "js", "js-1", Artifact("ota_module_js.bin", "file", 6, md5(data).hexdigest(), sha256(data).hexdigest()), "/js"
    )
    path.write_bytes(parse_manifest(path.read_bytes(), file="m")._replace(modules=(module,)).to_json())
    return path


def test_push_message(run, folder, release, key, signed):
    done = run("push-message", release, "--url", "http://host/i.bin")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)["data"]
    assert (data["size"], data["version"], data["url"]) == (signed.stat().st_size, "app-1.0.1", "http://host/i.bin")
    done = run("push-message", "image.json", "--url", "http://host/js", "--module", "js", "--key", key)
    assert done.returncode == 0
    assert done.stderr.startswith("warning: 6 bytes: for the progress report of a file under 64")
    assert json.loads(done.stdout)["data"]["module"] == "js"
    assert len(json.loads(done.stdout)["data"]["digestsign"]) == 344


def test_verify_of_a_release_with_a_module_that_its_push_signs(run, folder, release, key, signed):
    """It is shown as not judged; the images are judged all the same."""
    done = run("verify", release, "--public-key", KEYS / "public.pem")
    assert (done.returncode, done.stderr) == (0, "")
    assert "image.bin: accepted" in done.stdout
    assert "ota_module_js.bin: not judged: in local mode the push message signs a module's file\n" in done.stdout
    report = json.loads(run("verify", release, "--public-key", KEYS / "public.pem", "--json").stdout)
    assert [file["accepted"] for file in report["files"]][-1] is None


def test_push_message_refuses(run, folder, release, key, signed):
    url = ("--url", "http://h/x")
    failed(run("push-message", "none.json", *url), "cannot read the manifest none.json")
    failed(run("push-message", release, *url, "--module", "js"), "check a signature of module js", "--key")
    failed(run("push-message", release, *url, "--module", "gone"), "no module 'gone'", "choose among: js")
    failed(run("push-message", release, "--url", "http://" + "x" * 249), "the url has 256 characters")
    failed(run("push-message", release, *url, "--file", "x"), "no image 'x'")
    assert run("push-message", release).returncode == 2
    (folder / "ota_module_js.bin").write_bytes(b"SCRIPT")
    failed(
        run("push-message", release, *url, "--module", "js", "--key", key),
        "ota_module_js.bin: this is not the file that the manifest",
    )
    signed.unlink()
    failed(run("push-message", release, *url), "cannot read the file that the message offers")


@pytest.mark.parametrize(
    "name, says",
    [
        ("image.bin", "image.bin: this is an OTA image already"),
        ("image.bin.xz", "image.bin.xz: this is an xz stream"),
        ("diff.bin", "diff.bin: this is a diff"),
    ],
)
def test_only_a_payload_is_signed(run, folder, key, name, says):
    """Signed once more, an image would start with its trailer in it, and a diff would brick the device."""
    (folder / "p.bin").write_bytes(random.Random(3).randbytes(5000))
    assert (
        run("sign", "p.bin", "--key", key, "--version", "app-1.0.0", "-o", "image.bin", "--also", "xz").returncode == 0
    )
    assert run("diff", "p.bin", "image.bin", "-o", "diff.bin").returncode == 0
    failed(run("sign", name, "--key", key, "--version", "app-1.0.1", "-o", "twice.bin"), says)
    assert not (folder / "twice.bin").exists()


def test_files_too_large_for_anything_are_not_read(run, folder, key):
    """A sparse file of 8 GiB: an error at once, and no memory taken."""
    with open(folder / "huge", "wb") as stream:
        stream.truncate(8 << 30)
    (folder / "p.bin").write_bytes(bytes(1000))
    for arguments in (
        ["sign", "huge", "--key", key],
        ["sign", "p.bin", "--key", "huge"],
        ["sign", "p.bin", "--key", key, "--elf", "huge"],
        ["sign", "p.bin", "--key", key, "--base-release", "huge"],
    ):
        failed(run(*arguments, "--version", "app-1.0.1", "-o", "o.bin"), "has more than")
    failed(run("report", "huge"), "has more than")
    failed(run("pack", "files", ".", "-o", "../out.pack"), "huge: cannot be read: it has more than")
    assert not (folder / "o.bin").exists()


@pytest.mark.parametrize("size", ["0", "-1", "0x1000000000", "99999999999999999999", "many"])
def test_a_partition_has_a_size_that_flash_has(run, folder, key, size):
    (folder / "p.bin").write_bytes(bytes(1000))
    done = run("sign", "p.bin", "--key", key, "--version", "a-1", "-o", "o.bin", "--partition-size", size)
    assert done.returncode == 2
    assert "is not a number of bytes" in done.stderr


def test_a_device_node_stays_one(run, folder, key):
    (folder / "p.bin").write_bytes(b"firmware" * 100)
    os.mkfifo(folder / "pipe")
    failed(run("sign", "p.bin", "--key", key, "--version", "a-1", "-o", "pipe"), "a device or a pipe")
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
