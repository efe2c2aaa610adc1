"""The real ``aos make`` from one key to the next, and what it refuses keys for."""

from __future__ import annotations

import json
import shutil

import pytest
from test_fails_closed import refused, set_in_def_config

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, judge
from aos_ota_plugin.device.elf import read_public_key
from aos_ota_plugin.keys.development import development_private_pem
from aos_ota_plugin.keys.signer import load_signer

pytestmark = [pytest.mark.aos]

SECOND = "OTA_SECOND_PUBLIC_KEY=keys/second.pub.pem"


def public_of(pem):
    return load_signer(pem, file="key", passphrase=None).public_key


def verdict(elf, image):
    """What a device that runs this ELF says to an image."""
    return judge(Device(read_public_key(elf), local_rsa=True), image).verdict


def keep(workspace, version):
    folder = workspace.solution / "releases" / version
    folder.mkdir(parents=True)
    for path in (workspace.image, workspace.manifest):
        shutil.copy(path, folder)
    return workspace.elf.read_bytes(), workspace.image.read_bytes()


def test_a_fleet_goes_from_one_key_to_the_next(built_workspace, dev_key, other_key):
    workspace = built_workspace
    old, new = public_of(dev_key), public_of(other_key)
    workspace.write_key(workspace.solution / "keys" / "next.pem", other_key)
    (workspace.solution / "keys" / "next.pub.pem").write_text(new.to_pem(), encoding="utf-8")
    ring = workspace.solution / "ota.keys.yaml"
    ring.write_text(
        f"current:\n  fingerprint: {old.fingerprint}\nnext:\n  fingerprint: {new.fingerprint}\n"
        "  public_key: keys/next.pub.pem\n  note: 2027 年\n",
        encoding="utf-8",
    )
    set_in_def_config(workspace, "OTA_KEY_RING: ota.keys.yaml")
    workspace.made()
    first_elf, first = keep(workspace, "app-1.0.0")
    base = "OTA_BASE_RELEASE=releases/{}/ota_rtos_ota.json".format

    # The next key cannot sign yet; and no transition without the release that is in the field.
    refused(
        workspace,
        "OTA_APP_VERSION=app-1.1.0",
        "OTA_SIGNING_KEY=keys/next.pem",
        base("app-1.0.0"),
        says=["is the next key", "OTA_EMBED_NEXT_KEY=y"],
    )
    refused(workspace, "OTA_APP_VERSION=app-1.1.0", "OTA_EMBED_NEXT_KEY=y", says=["no base release is set"])

    made = workspace.made("OTA_APP_VERSION=app-1.1.0", "OTA_EMBED_NEXT_KEY=y", base("app-1.0.0"))
    assert f"transition release: devices that install it trust key {new.short_fingerprint}" in made.output
    assert f"signed by key {old.short_fingerprint}" in made.output
    bridge_elf, bridge = keep(workspace, "app-1.1.0")
    assert read_public_key(bridge_elf) == new
    assert "image" not in workspace.made("OTA_APP_VERSION=app-1.1.0", "OTA_EMBED_NEXT_KEY=y", base("app-1.0.0")).count()

    ring.write_text(
        f"current:\n  fingerprint: {new.fingerprint}\nretired:\n- fingerprint: {old.fingerprint}\n", encoding="utf-8"
    )
    refused(workspace, "OTA_APP_VERSION=app-1.2.0", base("app-1.1.0"), says=["ota.keys.yaml:4:3", "is retired"])
    refused(
        workspace,
        "OTA_APP_VERSION=app-1.2.0",
        "OTA_SIGNING_KEY=keys/next.pem",
        base("app-1.0.0"),
        says=["would refuse it (OTA_VERIFY_RSA_FAIL)", "OTA_EMBED_NEXT_KEY=y"],
    )
    made = workspace.made("OTA_APP_VERSION=app-1.2.0", "OTA_SIGNING_KEY=keys/next.pem", base("app-1.1.0"))
    assert "devices that skipped it trust " + old.short_fingerprint in made.output
    last_elf, last = keep(workspace, "app-1.2.0")

    taken = {
        (name, other): verdict(elf, image).name
        for name, elf in (("1.0", first_elf), ("1.1", bridge_elf), ("1.2", last_elf))
        for other, image in (("1.1", bridge), ("1.2", last))
    }
    assert taken == {
        ("1.0", "1.1"): "OTA_SUCCESS",
        ("1.0", "1.2"): "OTA_VERIFY_RSA_FAIL",  # who skipped the transition
        ("1.1", "1.1"): "OTA_VERIFY_RSA_FAIL",
        ("1.1", "1.2"): "OTA_SUCCESS",
        ("1.2", "1.1"): "OTA_VERIFY_RSA_FAIL",
        ("1.2", "1.2"): "OTA_SUCCESS",
    }
    assert verdict(first_elf, first) is DeviceVerdict.OTA_SUCCESS

    shown = workspace.run("aos-ota", "keys", "--json")
    assert shown.status == 0, shown.output
    document = json.loads(shown.output)
    assert [(one["version"], one["signed_by"], one["trusts"], one["step"]) for one in document["releases"]] == [
        ("app-1.0.0", old.fingerprint, old.fingerprint, "first"),
        ("app-1.1.0", old.fingerprint, new.fingerprint, "holds"),
        ("app-1.2.0", new.fingerprint, new.fingerprint, "holds"),
    ]


def test_what_keys_are_refused_for(built_workspace, dev_key, other_key):
    workspace = built_workspace
    second = public_of(other_key)
    keys = workspace.solution / "keys"
    workspace.write_key(keys / "desk.pem", development_private_pem())
    workspace.write_key(keys / "second.pem", other_key)
    (keys / "second.pub.pem").write_text(second.to_pem(), encoding="utf-8")
    workspace.edit(workspace.package, "  OTA_ALLOW_DEVELOPMENT_KEY: y ", "  #")
    workspace.made()

    # Development keys.
    next_version = "OTA_APP_VERSION=app-1.0.1"
    refused(
        workspace,
        next_version,
        "OTA_SIGNING_KEY=keys/desk.pem",
        says=["is a development key", "OTA_ALLOW_DEVELOPMENT_KEY=y"],
    )
    workspace.made(next_version, "OTA_SIGNING_KEY=keys/desk.pem", "OTA_ALLOW_DEVELOPMENT_KEY=y")

    # Four eyes: no image gets its name before the second signer agreed to this very payload.
    version = "OTA_APP_VERSION=app-1.0.2"
    refused(workspace, version, SECOND, says=["the second signer has not agreed", "aos-ota approve"])
    payload = workspace.images / "ota_rtos.bin"
    approval = workspace.solution / "approval.json"
    done = workspace.run("aos-ota", "approve", str(payload), "--key", str(keys / "second.pem"), "-o", str(approval))
    assert done.status == 0, done.output
    refused(
        workspace,
        "OTA_APP_VERSION=app-1.0.3",
        SECOND,
        "OTA_SECOND_APPROVAL=approval.json",
        says=["approval.json", "is for another build"],
    )
    refused(workspace, version, "OTA_SECOND_SIGNER=keys/ota_dev_key.pem", says=["one that devices trust"])
    made = workspace.made(version, SECOND, "OTA_SECOND_APPROVAL=approval.json")
    assert f"approved by the second signer, key {second.short_fingerprint}" in made.output
    by_file = workspace.snapshot()
    manifest = json.loads(workspace.manifest.read_bytes())
    assert second.verify_hash(
        bytes.fromhex(manifest["approval"]["hash"]), bytes.fromhex(manifest["approval"]["signature"])
    )
    asked = ("aos-ota", "keys", str(workspace.images), "--second-public-key")
    assert workspace.run(*asked, str(keys / "second.pub.pem")).status == 0
    (keys / "third.pub.pem").write_text(public_of(dev_key).to_pem(), encoding="utf-8")
    assert workspace.run(*asked, str(keys / "third.pub.pem")).status == 1

    # The second signer within the build makes the same approval.
    workspace.image.unlink()
    workspace.manifest.unlink()
    workspace.made(version, "OTA_SECOND_SIGNER=keys/second.pem")
    assert workspace.snapshot() == by_file

    # A setting of an earlier version is warned of, and does nothing.
    warning = "OTA_WARN_SHARED_KEY is obsolete and ignored: take it out; `aos-ota keys` tells"
    said = workspace.made("OTA_APP_VERSION=app-1.0.4", "OTA_WARN_SHARED_KEY=n").output
    assert f"aos_ota_plugin: warning: command line: {warning}" in said
