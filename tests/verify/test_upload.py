"""A file becomes a package only with the version that its bytes and its manifest say, a diff only with where it starts."""

from __future__ import annotations

import pytest

from aos_ota_plugin.errors import FormatError, ProofError, SettingsError
from aos_ota_plugin.images.full import build
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.xz import compress
from aos_ota_plugin.release.make import make_release
from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options
from aos_ota_plugin.verify.manifests_beside import check_version_beside
from aos_ota_plugin.verify.upload import read_upload

OLD = bytes(range(256)) * 20 + b"\0app-1.0.0\0"
NEW = bytes(range(256)) * 20 + b"\0app-1.0.1\0"
OPAQUE = bytes(range(256)) * 20


def read(path, **options):
    return read_upload(str(path), **{"module": None, "version": None, "source_version": None, **options})


@pytest.fixture
def release(tmp_path):
    base = make_release(Firmware(OLD, "app-1.0.0"), KeySet("none"), Base(), Options(1 << 20)).manifest
    made = make_release(Firmware(NEW, "app-1.0.1"), KeySet("none"), Base(base, OLD), Options(1 << 20))
    for name, data in {**made.images, "ota_rtos.bin": NEW, "ota_rtos_ota.json": made.manifest.to_json()}.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_a_release_says_its_version_and_where_its_diff_starts(release):
    for name in ("ota_rtos_ota.json", "ota_rtos_ota.bin"):
        upload = read(release / name)
        assert (upload.name, upload.version, upload.source_version, upload.not_judged) == (
            "ota_rtos_ota.bin",
            "app-1.0.1",
            None,
            "",
        )
    diff = read(release / "ota_rtos_ota.diff.bin")
    assert (diff.version, diff.source_version, diff.not_judged) == ("app-1.0.1", "app-1.0.0", "")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("ota_rtos_ota.json", {"version": "app-9.9.9"}, "--version is app-9.9.9, and the manifest of this file says"),
        ("ota_rtos_ota.bin", {"version": "app-9.9.9"}, "--version is app-9.9.9, and the manifest of this file says"),
        ("ota_rtos_ota.diff.bin", {"source_version": "app-0.9"}, "--from-version is app-0.9, and the manifest of this"),
    ],
)
def test_what_the_manifest_contradicts(release, name, options, says):
    with pytest.raises(ProofError, match=says):
        read(release / name, **options)


def test_a_diff_without_its_release(release, tmp_path):
    alone = tmp_path / "elsewhere" / "a.diff.bin"
    alone.parent.mkdir()
    alone.write_bytes((release / "ota_rtos_ota.diff.bin").read_bytes())
    with pytest.raises(SettingsError, match="this is a diff, and devices on another version"):
        read(alone, version="app-1.0.1")
    upload = read(alone, version="app-1.0.1", source_version="app-1.0.0")
    assert upload.source_version == "app-1.0.0"
    assert upload.not_judged == "version in the firmware: a diff holds only what changed"


@pytest.mark.parametrize("pack", [lambda data: data, compress])
def test_the_version_in_an_image(tmp_path, pack):
    image = tmp_path / "image.bin"
    image.write_bytes(build(pack(NEW), sign=None))
    assert read(image, version="app-1.0.1").not_judged == ""
    with pytest.raises(ProofError, match=r"image\.bin holds the version app-1\.0\.1, not app-9\.9\.9: a device"):
        read(image, version="app-9.9.9")


def test_what_does_not_show_its_version_is_not_judged(tmp_path):
    image = tmp_path / "image.bin"
    image.write_bytes(build(OPAQUE, sign=None))
    assert "no version stands in image.bin as text" in read(image, version="app-1.0.1").not_judged
    image.write_bytes(build(NEW, sign=None, magic=ImageMagic.MCU))
    assert "a payload for MCU does not hold" in read(image, version="mcu-9.9.9").not_judged
    image.write_bytes(build(b"\0my-app-1.0.1\0" + OPAQUE, sign=None))
    assert "only as the end of a longer version" in read(image, version="app-1.0.1").not_judged
    with pytest.raises(SettingsError, match="the package has no version"):
        read(image)


def test_what_no_device_gets(tmp_path, signing_key):
    for data, options, says in (
        (build(b"\x7fELF" + OPAQUE, sign=None), {}, "this is an ELF file, not firmware"),
        (b"\x7fELF" + OPAQUE, {}, "this is an ELF file, not firmware"),
        (signing_key, {}, "this is a private key"),
        (signing_key, {"module": "js"}, "this is a private key"),
    ):
        (tmp_path / "x.bin").write_bytes(data)
        with pytest.raises(FormatError, match=says):
            read(tmp_path / "x.bin", version="app-1.0.1", **options)
    (tmp_path / "x.bin").write_bytes(b"PK\3\4" + OPAQUE)
    upload = read(tmp_path / "x.bin", version="js-1", module="js")
    assert (upload.version, upload.not_judged) == ("js-1", "version in the firmware: a module's file does not hold it")


def test_the_manifest_beside_a_payload_that_is_signed(release):
    payload = str(release / "ota_rtos.bin")
    check_version_beside(payload, NEW, "app-1.0.1")
    check_version_beside(payload, OPAQUE, "app-9.9.9")
    with pytest.raises(ProofError, match=r"the manifest beside this payload says that it is app-1\.0\.1, not app-9"):
        check_version_beside(payload, NEW, "app-9.9.9")
    (release / "ota_rtos_ota.json").write_bytes(b"{}")
    check_version_beside(payload, NEW, "app-9.9.9")


@pytest.fixture
def signing_key():
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
