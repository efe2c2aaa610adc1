"""OTA_DIFF on the real toolchain: made from the kept release, proven, remade alone, and not made where it can't be right."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from aos_ota_plugin.images import diff
from aos_ota_plugin.keys.signer import load_signer

pytestmark = pytest.mark.aos

DIFF = "ota_rtos_ota.diff.bin"
NEW = ("OTA_APP_VERSION=app-1.0.2", "OTA_DIFF=y", "OTA_COMPRESS_XZ=y")
MAKING = "aos_ota_plugin: making "


def keep_two_releases(workspace):
    for version in ("app-1.0.0", "app-1.0.1"):
        if version != "app-1.0.0":  # built
            workspace.made(f"OTA_APP_VERSION={version}")
        folder = workspace.solution / "现场版本" / version
        folder.mkdir(parents=True)
        for name in ("ota_rtos_ota.bin", "ota_rtos_ota.json"):
            shutil.copyfile(workspace.images / name, folder / name)
        shutil.copyfile(workspace.images / "ota_rtos.bin", folder / "payload")
    # One that has nothing in common with this firmware.
    foreign = workspace.solution / "foreign.bin"
    foreign.write_bytes(bytes(range(256)) * 8)
    image = workspace.solution / "现场版本" / "foreign" / "ota_rtos_ota.bin"
    image.parent.mkdir()
    command = (str(workspace.aos.with_name("aos-ota")), "sign", str(foreign), "--key", str(workspace.key))
    signed = workspace.run(*command, "--version", "app-0.9.0", "-o", str(image))
    assert signed.status == 0, signed.output


def build_the_next(workspace):
    workspace.made(*NEW, Kept.base("app-1.0.0"))


class Kept:
    """A workspace with the kept releases app-1.0.0 and app-1.0.1, each manifest with its image only."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.images = workspace.images
        self.diff = workspace.images / DIFF
        self.payloads = {
            version: (self.folder(version) / "payload").read_bytes() for version in ("app-1.0.0", "app-1.0.1")
        }

    def payload(self):
        return (self.images / "ota_rtos.bin").read_bytes()

    def folder(self, version) -> Path:
        return self.workspace.solution / "现场版本" / version

    @staticmethod
    def base(version):
        return f"OTA_BASE_RELEASE=现场版本/{version}/ota_rtos_ota.json"

    def look(self):
        return {
            path.name: (path.stat().st_mtime_ns, path.read_bytes())
            for path in self.images.iterdir()
            if path.name.startswith("ota_rtos_ota.")
        }

    def made(self, *arguments):
        """Build; the outputs that were written, those that are gone, and what was printed."""
        before = self.look()
        result = self.workspace.made(*arguments)
        after = self.look()
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}, result


@pytest.fixture
def kept(restore_state):
    return Kept(restore_state("two releases kept", keep_two_releases))


@pytest.fixture
def built(restore_state):
    """app-1.0.2 with a diff from app-1.0.0 and an xz image."""

    def kept():
        return restore_state("two releases kept", keep_two_releases)

    return Kept(restore_state("with a diff", build_the_next, above=kept))


def test_signed_diff_beside_the_full_image(kept):
    kept.workspace.made("OTA_APP_VERSION=app-1.0.2")
    written, result = kept.made(*NEW, kept.base("app-1.0.0"))
    assert written == {DIFF, "ota_rtos_ota.bin.xz", "ota_rtos_ota.json"}
    assert f"{MAKING}{DIFF}\n" in result.output
    assert "bytes smaller" in result.output
    assert "only for devices that run app-1.0.0" in result.output
    manifest = json.loads(kept.workspace.manifest.read_bytes())
    assert [image["kind"] for image in manifest["images"]] == ["full", "xz", "diff"]
    assert manifest["base"]["version"] == "app-1.0.0"
    assert {"diff: base", "diff: applied in place", "diff: device limits", "diff, device: signature"} <= {
        proof["rule"] for proof in manifest["proofs"]
    }
    assert diff.apply(kept.payloads["app-1.0.0"], kept.diff.read_bytes()) == kept.payload()
    command = str(kept.workspace.aos.with_name("aos-ota"))
    verify = kept.workspace.run(command, "verify", str(kept.diff), "--elf", str(kept.workspace.elf))
    assert verify.status == 0, verify.output
    made = kept.workspace.run(
        command,
        "apply",
        str(kept.folder("app-1.0.0") / "ota_rtos_ota.json"),
        str(kept.workspace.manifest),
        "-o",
        str(kept.workspace.solution / "made.bin"),
    )
    assert made.status == 0, made.output
    assert (kept.workspace.solution / "made.bin").read_bytes() == kept.payload()


def test_remade_where_it_has_to_be_and_nowhere_else(built):
    """Without a change, from another base, after unrelated changes, damaged, switched off, for another version, cleaned."""
    before = built.diff.read_bytes()
    written, result = built.made(*NEW, built.base("app-1.0.0"))
    assert written == set()
    assert result.count() == {}, result.output
    assert MAKING not in result.output

    written, result = built.made(*NEW, built.base("app-1.0.1"))
    assert written == {DIFF, "ota_rtos_ota.json"}
    assert "CC" not in result.count()
    assert "LINK" not in result.count()
    assert [line for line in result.output.splitlines() if line.startswith(MAKING)] == [f"{MAKING}{DIFF}"]
    assert diff.apply(built.payloads["app-1.0.1"], built.diff.read_bytes()) == built.payload()
    # And back: the same bytes as before.
    built.made(*NEW, built.base("app-1.0.0"))
    assert built.diff.read_bytes() == before

    written, result = built.made(*NEW, built.base("app-1.0.0"), "OTA_PARTITION_SIZE=0x500000", "OTA_ALLOW_NEW_KEY=y")
    assert written <= {"ota_rtos_ota.json"}
    assert MAKING not in result.output
    # The compressed image comes and goes without the diff.
    written, result = built.made("OTA_APP_VERSION=app-1.0.2", "OTA_DIFF=y", built.base("app-1.0.0"))
    assert written == {"ota_rtos_ota.bin.xz", "ota_rtos_ota.json"}
    assert MAKING not in result.output

    built.diff.write_bytes(before[:-1] + b"x")
    written, result = built.made("OTA_APP_VERSION=app-1.0.2", "OTA_DIFF=y", built.base("app-1.0.0"))
    assert written == {DIFF}
    assert built.diff.read_bytes() == before

    written, _ = built.made("OTA_APP_VERSION=app-1.0.2", built.base("app-1.0.0"))
    assert written == {DIFF, "ota_rtos_ota.json"}
    assert not built.diff.exists()

    written, _ = built.made("OTA_APP_VERSION=app-1.0.3", *NEW[1:], built.base("app-1.0.0"))
    assert written == {DIFF, "ota_rtos_ota.bin", "ota_rtos_ota.bin.xz", "ota_rtos_ota.json"}
    assert diff.apply(built.payloads["app-1.0.0"], built.diff.read_bytes()) == built.payload()
    assert built.workspace.make("clean").status == 0
    assert built.look() == {}


def test_unsigned_without_a_trailer_where_the_platform_signs(kept):
    workspace = kept.workspace
    public = workspace.solution / "public.pem"
    public.write_text(load_signer(workspace.key.read_bytes(), file="key", passphrase=None).public_key.to_pem())
    mode = ("OTA_CONFIG_CLOUD_RSA=y", "OTA_PUBLIC_KEY=public.pem")  # without any key: tests/release/test_diffs.py
    workspace.made("OTA_APP_VERSION=app-1.0.1", *mode)
    folder = kept.folder("cloud")
    folder.mkdir()
    # The payload itself may be what is kept.
    for name in ("ota_rtos.bin", "ota_rtos_ota.json"):
        shutil.copyfile(workspace.images / name, folder / name)
    workspace.made("OTA_APP_VERSION=app-1.0.2", "OTA_DIFF=y", kept.base(folder.name), *mode)
    patch = kept.diff.read_bytes()
    assert diff.parse(patch)[-1].tail_size == 0
    assert diff.apply((folder / "ota_rtos.bin").read_bytes(), patch) == kept.payload()


FOREIGN = Kept.base("foreign")


def test_says_when_the_diff_does_not_pay(kept):
    result = kept.workspace.made(*NEW, FOREIGN)
    assert "is no smaller than ota_rtos_ota.bin.xz with" in result.output


# --- fails closed


def refused(kept, *arguments, says, compiles):
    """The build fails with a reason and a fix, leaves every output alone, and compiles nothing where it can know before."""
    before = kept.look()
    assert before
    result = kept.workspace.make(*arguments)
    assert result.status != 0, result.output[-3000:]
    shown = result.output[result.output.index("aos_ota_plugin: error:") :]
    for part in (*says, "\n  fix: "):
        assert part in shown, shown
    assert "Traceback" not in result.output
    assert ("CC" in result.count()) is compiles, result.output
    assert kept.look() == before
    assert not [path for path in kept.images.iterdir() if path.name.endswith(".tmp")]


# What else is no base, no room or no key for a diff is in tests/release (payloads, diffs, key rotation) and tests/settings.


def test_missing_base_payload(built):
    """Seen at once, also with nothing else to do."""
    (built.folder("app-1.0.0") / "ota_rtos_ota.bin").unlink()
    refused(
        built,
        *NEW,
        built.base("app-1.0.0"),
        compiles=False,
        says=[
            "app-1.0.0/ota_rtos_ota.json: the payload of app-1.0.0",
            "ota_rtos_ota.bin is not there",
            "keep each release's ota_rtos_ota.bin beside its ota_rtos_ota.json",
        ],
    )


def test_diff_too_large_for_the_partition(built):
    """Seen when it is made."""
    refused(
        built,
        *("OTA_APP_VERSION=app-1.0.4", *NEW[1:]),
        FOREIGN,
        "OTA_PARTITION_SIZE=0x41000",
        compiles=True,
        says=["the device has room for 4096", "OTA_DIFF=n"],
    )


def test_base_kept_where_the_build_writes(built):
    """It is there now, and gone after this build."""
    manifest = built.images / "app-1.0.0.json"
    shutil.copyfile(built.folder("app-1.0.0") / "ota_rtos_ota.json", manifest)
    refused(
        built,
        *NEW,
        f"OTA_BASE_RELEASE={os.path.relpath(manifest, built.workspace.solution)}",
        says=["ota_rtos_ota.bin would be overwritten"],
        compiles=False,
    )
