"""`info` and `verify` over every kind of file, as a user meets them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
import struct
import sys
from pathlib import Path

import pytest

from aos_ota_plugin.images import diff, full, xz
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.pack import PackFile, build
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.protocol.push import PushMessage

sys.path.insert(0, str(Path(__file__).parents[1] / "images"))
from nbdiff_reference import firmware, updated, xz_c

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="no xz")

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIGNER = load_signer((KEYS / "private.pem").read_bytes(), file="private.pem", passphrase=None)
OLD = firmware(0x5000, seed=4)
NEW = updated(OLD, edits=5)[:0x4800]
DIFF = diff.build(diff.create(OLD, NEW), sign=SIGNER.sign_hash)
PACK = build([PackFile("main.js", b"print(1)")])
LONG_PACK = build([PackFile("main.js", b"print(1)" * 99)])
KEY = ("--public-key", KEYS / "public.pem")


def evil_pack():
    name, data = b"../../etc/passwd", b"x" * 500
    body = struct.pack("<II", 24 + len(name), len(data)) + hashlib.md5(data).digest() + name + data
    return struct.pack("<HHI", 1, 1, 8 + len(body)) + body


def push_for(data, *, signed=True, module=None, version="1.0.1"):
    digest = hashlib.sha256(data).digest()
    signature = base64.b64encode(SIGNER.sign_hash(digest)).decode() if signed else None
    return PushMessage(
        len(data), version, "http://ota.example/f", "SHA256", digest.hex(), None, signature, module
    ).to_json()


FILES = {
    "full.bin": full.build(NEW, sign=SIGNER.sign_hash),
    "xz.bin": xz.build(NEW, sign=SIGNER.sign_hash),
    "diff.bin": DIFF,
    "mcu.bin": full.build(NEW, sign=SIGNER.sign_hash, magic=ImageMagic.MCU),
    "old.bin": OLD,
    "wrong.bin": NEW,
    "xz64.bin": full.build(xz_c(NEW, "--check=crc64", "--lzma2=dict=32KiB"), sign=SIGNER.sign_hash),
    "evil.bin": full.build(evil_pack(), sign=SIGNER.sign_hash),
    "packed.bin": full.build(LONG_PACK, sign=SIGNER.sign_hash),
    "module.pack": PACK,
    "evil.pack": evil_pack(),
    "script.js": b"print(2)",
    "push.json": push_for(PACK, module="panel"),
    "unsigned.json": push_for(PACK, signed=False, module="panel"),
    "evil.json": push_for(evil_pack(), module="panel"),
    "script.json": push_for(b"print(2)", module="scripts"),
}
DIGESTSIGN = base64.b64encode(SIGNER.sign_hash(hashlib.sha256(PACK).digest())).decode()


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "文件 夹"
    path.mkdir()
    for name, data in FILES.items():
        (path / name).write_bytes(data)
    return path


def failed(done, *says, status=1):
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("aos-ota: error: ")
    assert "\n  fix: " in done.stderr
    for part in says:
        assert part in done.stderr


def test_info_goes_all_the_way_in(run):
    lines = run("info", "xz.bin").stdout.splitlines()
    assert lines[0] == f"xz.bin: xz image, {len(FILES['xz.bin'])} bytes"
    assert any(line.startswith("  xz stream, ") for line in lines)
    assert (
        f"    payload, {len(NEW)} bytes at 0x00000000 (offsets below count from the start of what was decoded)" in lines
    )
    assert any(
        "the trailer" in line and line.split()[2] == "covered" for line in run("info", "diff.bin").stdout.splitlines()
    )
    document = json.loads(run("info", "evil.pack", "--json").stdout)
    assert (document["kind"], document["parts"][0]["name"], document["signed"]) == (
        "data pack",
        "../../etc/passwd",
        False,
    )
    assert "    WRONG: the name" in run("info", "evil.pack").stdout
    assert json.loads(run("info", "diff.bin", "--json").stdout)["signed"] is True


def test_info_of_the_flashing_file(run, folder):
    failed(
        run("info", "old.bin"),
        "does not end in an ota_image_info_t",
        "of the flashing file ota_rtos.bin, the ota_rtos_ota.bin beside it",
    )
    key = folder / "key.pem"
    key.write_bytes((KEYS / "private.pem").read_bytes())
    key.chmod(0o600)
    (folder / "ota_rtos.bin").write_bytes(random.Random(1).randbytes(2000))
    assert run("sign", "ota_rtos.bin", "--key", key, "--version", "app-1.0.1", "-o", "ota_rtos_ota.bin").returncode == 0
    failed(
        run("info", "ota_rtos.bin"),
        "ota_rtos.bin: this is the payload of release app-1.0.1",
        "the OTA files made of it: ota_rtos_ota.bin",
    )


def test_info_of_what_is_too_large_or_not_there(run, folder):
    with open(folder / "large", "wb") as stream:
        stream.truncate(1 << 30)
    failed(run("info", "large"), "has more than 134217728 bytes")
    failed(run("verify", "large", *KEY), "has more than 134217728 bytes", status=2)
    failed(run("info", "nothing"), "cannot read the file nothing")


ACCEPTED = {
    "full": (("full.bin",), "image_info"),
    "compressed": (("xz.bin", "--partition-size", "0x80000"), "xz result"),
    "pack inside an image": (("packed.bin",), "every file stays inside the folder"),
    "diff": (("diff.bin", "--base", "old.bin", "--partition-size", "0x80000"), "in place: 2 sections applied"),
    "diff alone": (("diff.bin",), " -  in place: not judged: the payload that the device runs is not known"),
    "for the second chip": (("mcu.bin",), " -  second chip: not judged"),
    "pack": (("module.pack", "--push", "push.json"), "the RSA signature verifies"),
    "pack with its digestsign": (
        ("module.pack", "--sign-method", "SHA256", "--digestsign", DIGESTSIGN),
        "the RSA signature verifies",
    ),
    "file of a module": (("script.js", "--push", "script.json"), "the RSA signature verifies"),
    "pack in cloud mode": (
        ("module.pack", "--cloud", "--push", "unsigned.json", "--allow-unchecked"),
        "signature: NOT CHECKED: the device installs this",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_verify_accepts(run, name):
    arguments, says = ACCEPTED[name]
    done = run("verify", *arguments, *KEY)
    assert (done.returncode, done.stderr) == (0, "")
    unchecked = ", its signature NOT CHECKED" if "--allow-unchecked" in arguments else ""
    assert done.stdout.startswith(f"{arguments[0]}: accepted{unchecked}\n")
    assert says in done.stdout


REFUSED = {
    "check that the boot stage does not know": (("xz64.bin",), "OTA_XZ_UNCOMP_FAIL", -12, "boot stage"),
    "too large once decoded": (("xz.bin", "--partition-size", "0x4000"), "OTA_XZ_UNCOMP_FAIL", -12, "boot stage"),
    "diff for another base": (
        ("diff.bin", "--base", "wrong.bin", "--partition-size", "0x80000"),
        "OTA_NB_CRC_COMP_FAIL",
        -9,
        "boot stage",
    ),
    "diff without room": (("diff.bin", "--partition-size", "0x40000"), "OTA_NB_READ_EXTRA_FAIL", -7, "boot stage"),
    "diff without any room": (("diff.bin", "--partition-size", "0x10"), "OTA_INIT_FAIL", -1, "agent"),
    "pack without a signature": (("module.pack", "--push", "unsigned.json"), "OTA_VERIFY_RSA_FAIL", -12, "agent"),
    "another file than the push's": (("evil.pack", "--push", "push.json"), "OTA_VERIFY_SHA2_FAIL", -11, "agent"),
    "names that escape, without a push": (("evil.pack",), "OTA_UPGRADE_PARAM_FAIL", -15, "agent"),
    "names that escape in an image": (("evil.bin",), "OTA_UPGRADE_PARAM_FAIL", -15, "agent"),
    "names that escape, signed": (("evil.pack", "--push", "evil.json"), "OTA_UPGRADE_PARAM_FAIL", -15, "agent"),
    "file of a module taken for an image": (("script.js",), "OTA_DOWNLOAD_HEAD_FAIL", -6, "agent"),
    "plain payload": (("old.bin",), "OTA_DOWNLOAD_HEAD_FAIL", -6, "agent"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_verify_refuses(run, name):
    arguments, verdict, code, stage = REFUSED[name]
    done = run("verify", *arguments, *KEY, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert (report["accepted"], report["verdict"], report["code"], report["refused_by"]) == (
        False,
        verdict,
        code,
        stage,
    )
    text = run("verify", *arguments, *KEY).stdout.splitlines()[0]
    assert text.startswith(f"{arguments[0]}: refused: {verdict} ({code})")
    assert text.endswith("by the second boot stage, after the agent has accepted it") == (stage == "boot stage")


def test_verify_takes_version_and_size_from_the_push(run, folder):
    image = FILES["full.bin"]
    (folder / "p.json").write_bytes(push_for(image, version="app-1.0.1"))
    assert run("verify", "full.bin", *KEY, "--push", "p.json", "--current-version", "app-1.0.0").returncode == 0
    older = run("verify", "full.bin", *KEY, "--push", "p.json", "--current-version", "app-1.0.2")
    assert (older.returncode, "OTA_TRANSPORT_VER_FAIL" in older.stdout) == (1, True)
    (folder / "p.json").write_bytes(push_for(image + b"x"))
    assert "OTA_DOWNLOAD_HEAD_FAIL" in run("verify", "full.bin", *KEY, "--push", "p.json").stdout


def test_module_file_in_local_mode_without_its_push_is_not_called_accepted(run):
    failed(
        run("verify", "module.pack", *KEY),
        "module.pack: in local mode the push message signs a module's file",
        "--push",
        status=2,
    )
    failed(run("verify", "script.js", "--module", *KEY), "script.js: in local mode the push message signs", status=2)


def test_verify_with_bad_inputs(run, folder):
    (folder / "bad.json").write_bytes(b"{}")
    bad = run("verify", "full.bin", *KEY, "--push", "bad.json")
    assert bad.returncode == 1
    assert bad.stdout.startswith("full.bin: refused: OTA_TRANSPORT_PAR_FAIL (-3)\n  NO  push: it has no message\n")
    failed(run("verify", "full.bin", *KEY, "--push", "none.json"), "cannot read the push message none.json", status=2)
    failed(
        run("verify", "diff.bin", *KEY, "--base", "diff.bin"),
        "diff.bin: this is a diff image, and holds no whole payload",
        status=2,
    )
    failed(run("verify", "diff.bin", *KEY, "--base", "none"), "cannot read the base none", status=2)
    assert run("verify", "full.bin", *KEY, "--push", "push.json", "--digestsign", "AAAA").returncode == 2


def test_verify_answers_to_a_push_as_the_device_does(run, folder):
    """What the device takes, cuts or follows into a null pointer is said, not refused as no message of ours."""
    push = json.loads(push_for(FILES["full.bin"], version="1.0.1"))
    (folder / "odd.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(push).replace('"url"', '"URL"').encode() + b" more")
    assert run("verify", "full.bin", *KEY, "--push", "odd.json").returncode == 0
    (folder / "utf16.json").write_text(json.dumps(push), encoding="utf-16")
    assert run("verify", "full.bin", *KEY, "--push", "utf16.json").returncode == 0
    push["data"]["digestsign"] = None
    (folder / "null.json").write_text(json.dumps(push), encoding="utf-8")
    crash = run("verify", "full.bin", *KEY, "--push", "null.json", "--json")
    report = json.loads(crash.stdout)
    assert (crash.returncode, report["verdict"], report["code"]) == (1, "DEVICE_FAULT", None)
    assert run("verify", "full.bin", *KEY, "--push", "null.json").stdout.startswith(
        "full.bin: DEVICE_FAULT: the device would crash, or write outside a buffer\n"
    )
    push["data"].update(digestsign="AAAA", size=len(FILES["full.bin"]) - 1)
    (folder / "short.json").write_text(json.dumps(push), encoding="utf-8")
    assert "heap overflow" in run("verify", "full.bin", *KEY, "--push", "short.json").stdout
    assert run("verify", "full.bin", *KEY, "--push", "short.json", "--version", "1.0.1").returncode == 2


def test_verify_with_a_key_that_nobody_pasted(run, folder):
    source = (
        "static unsigned char ota_pubn_buf[256] = {0x00};\nstatic unsigned char ota_pube_buf[3] = {0x01, 0x00, 0x01};\n"
    )
    (folder / "ota_hal_digest.c").write_text(source, encoding="ascii")
    done = run("verify", "full.bin", "--public-key", "ota_hal_digest.c")
    assert (done.returncode, done.stderr) == (1, "")
    assert "no public key is embedded in the firmware: every signature is refused" in done.stdout


def test_verify_takes_what_is_not_given_from_the_manifest(run, folder):
    key = folder / "key.pem"
    key.write_bytes((KEYS / "private.pem").read_bytes())
    key.chmod(0o600)
    signing = ("--key", key, "--partition-size", "0x80000")
    assert run("sign", "old.bin", *signing, "--version", "app-1.0.1", "-o", "a/ota_rtos_ota.bin").returncode == 0
    base = ("--base-release", "a/ota_rtos_ota.json")
    made = run(
        "sign", "wrong.bin", *signing, *base, "--also", "xz", "--version", "app-1.0.2", "-o", "b/ota_rtos_ota.bin"
    )
    assert made.returncode == 0, made.stderr
    done = run("verify", "b/ota_rtos_ota.bin", *KEY)
    assert done.returncode == 0
    manifest = os.path.join("b", "ota_rtos_ota.json")
    taken = f"  from {manifest}: version app-1.0.2, base version app-1.0.1, bytes of the OTA partition 524288\n"
    assert taken in done.stdout
    assert "ok  version: app-1.0.2 is newer than app-1.0.1" in done.stdout
    small = run("verify", "b/ota_rtos_ota.bin", *KEY, "--partition-size", "0x1000")
    assert "OTA_INIT_FAIL" in small.stdout
    for release in ("b", "b/ota_rtos_ota.json"):
        report = json.loads(run("verify", release, *KEY, "--json").stdout)
        assert (report["accepted"], len(report["files"])) == (True, 2)
    refused = run("verify", "b", *KEY, "--current-version", "app-1.0.3")
    assert (refused.returncode, refused.stdout.count("OTA_TRANSPORT_VER_FAIL")) == (1, 2)
    assert run("verify", "a", "--public-key", KEYS / "other-public.pem").returncode == 1
    (folder / "b" / "ota_rtos_ota.bin").write_bytes(FILES["mcu.bin"])
    assert "from " not in run("verify", "b/ota_rtos_ota.bin", *KEY).stdout
    (folder / "empty").mkdir()
    failed(run("verify", "empty", *KEY), "cannot read the manifest", status=2)
