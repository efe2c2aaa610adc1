"""A file that is handed on to devices is the one that the manifest beside it describes."""

from __future__ import annotations

from hashlib import md5, sha256

import pytest

from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest
from aos_ota_plugin.release.module import Module
from aos_ota_plugin.verify.release_file import read_described

FILES = {
    "ota_rtos.bin": b"payload",
    "ota_rtos_ota.bin": b"payload, signed",
    "ota_rtos_ota.bin.xz": b"payload, packed",
    "ota_rtos_ota.diff.bin": b"diff",
    "ota_module_js.bin": b"script",
}
NOT_DESCRIBED = "the manifest beside this file does not describe it"
NO_MANIFEST = "there is no manifest beside this file"


def artifact(name, kind="full"):
    data = FILES[name]
    return Artifact(name, kind, len(data), md5(data).hexdigest(), sha256(data).hexdigest())


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "文件 夹"
    path.mkdir()
    for name, data in FILES.items():
        (path / name).write_bytes(data)
    return path


def manifest():
    images = tuple(artifact(name) for name in FILES if "_ota." in name)
    module = Module("js", "js-1", artifact("ota_module_js.bin", "file"), "/js")
    return Manifest("app-1.0.0", "local", "kv", "0" * 64, artifact("ota_rtos.bin"), images, (), modules=(module,))


@pytest.fixture
def released(folder):
    (folder / "ota_rtos_ota.json").write_bytes(manifest().to_json())
    return folder


def described(folder, name, *, others=False):
    return read_described(str(folder / name), "the package", "build it", others=others).data


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("others", [True, False])
def test_files_of_a_release(released, name, others):
    assert described(released, name, others=others) == FILES[name]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("others", [True, False])
def test_unsigned_file_under_a_releases_name(released, name, others):
    (released / name).write_bytes(b"unsigned")
    with pytest.raises(FormatError, match=NOT_DESCRIBED) as caught:
        described(released, name, others=others)
    assert str(released / name) in str(caught.value)
    assert "build the release again" in caught.value.remedy


def test_copy_under_another_name(released):
    (released / "app-1.0.0.bin").write_bytes(FILES["ota_rtos_ota.bin"])
    assert described(released, "app-1.0.0.bin") == FILES["ota_rtos_ota.bin"]


def test_other_files_beside_a_manifest(released):
    (released / "littlefs.bin").write_bytes(b"files")
    assert described(released, "littlefs.bin", others=True) == b"files"
    with pytest.raises(FormatError, match=NOT_DESCRIBED) as caught:
        described(released, "littlefs.bin")
    assert "a folder of its own" in caught.value.remedy


@pytest.mark.parametrize("name", [name for name in FILES if name != "ota_rtos.bin"])
@pytest.mark.parametrize("others", [True, False])
def test_releases_name_without_a_manifest(folder, name, others):
    """As after a build that was killed in its image step, when there was no release before it."""
    with pytest.raises(FormatError, match=NO_MANIFEST):
        described(folder, name, others=others)


@pytest.mark.parametrize("name", ["ota_rtos.bin", "pack.bin"])
def test_another_name_without_a_manifest(folder, name):
    (folder / name).write_bytes(b"any")
    assert described(folder, name) == b"any"


@pytest.mark.parametrize("name", ["image.bin", "image.bin.xz", "image.diff.bin", "image.BIN"])
def test_manifest_of_the_files_own_name(folder, name):
    """As `aos-ota sign` writes it."""
    own = artifact("ota_rtos_ota.bin")._replace(file=name)
    (folder / "image.json").write_bytes(manifest()._replace(images=(own,)).to_json())
    (folder / name).write_bytes(FILES["ota_rtos_ota.bin"])
    assert described(folder, name) == FILES["ota_rtos_ota.bin"]
    (folder / name).write_bytes(b"another")
    with pytest.raises(FormatError, match=NOT_DESCRIBED):
        described(folder, name)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_manifest_that_is_none(folder, content):
    (folder / "ota_rtos_ota.json").write_bytes(content)
    with pytest.raises(FormatError, match="this is no manifest that we can read"):
        described(folder, "ota_rtos_ota.bin")


def test_file_or_manifest_that_cannot_be_read(folder):
    with pytest.raises(SettingsError, match="cannot read the package"):
        described(folder, "gone.bin")
    (folder / "ota_rtos_ota.json").mkdir()
    with pytest.raises(SettingsError, match="cannot read the manifest beside the file"):
        described(folder, "ota_rtos_ota.bin")
