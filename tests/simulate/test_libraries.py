"""What the emulated device links, from where, and what happens when it is not to be had."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.lab.simulate import libraries
from aos_ota_plugin.lab.simulate.libraries import Library, cache_folder, library_files


def archive(files):
    """A source archive as Debian has them: everything below one folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"thing-1.0/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@pytest.fixture
def one_library(monkeypatch):
    """A library of our own in place of the two."""
    data = archive(
        {"a.c": b"int a;", "include/a.h": b"A", "include/deep/b.h": b"B", "../escape": b"no", "LICENSE": b"L"}
    )
    library = Library(
        "thing", "thing.orig.tar.gz", hashlib.sha256(data).hexdigest(), (("a.c", "src/a.c"), ("include/", "include/"))
    )
    monkeypatch.setattr(libraries, "LIBRARIES", (library,))
    return data


def test_only_what_is_named_is_taken(one_library, tmp_path):
    (tmp_path / "thing.orig.tar.gz").write_bytes(one_library)
    said = []
    assert library_files(said.append, tmp_path) == {"thing": {"src/a.c": b"int a;", "include/a.h": b"A"}}
    assert said == []


def test_another_archive_is_not_used(one_library, tmp_path):
    (tmp_path / "thing.orig.tar.gz").write_bytes(one_library + b"\0")
    with pytest.raises(BuildError, match="is not the archive that was checked") as caught:
        library_files(lambda text: None, tmp_path)
    assert "remove it" in caught.value.remedy


@pytest.mark.parametrize(
    "arrives, says",
    [
        (None, "has another version than thing.orig.tar.gz now"),
        (b"forged", "the thing.orig.tar.gz that arrived is not the one that was checked"),
    ],
)
def test_what_does_not_arrive_as_it_was_checked_is_not_kept(one_library, tmp_path, monkeypatch, arrives, says):
    def apt(command, scratch, folder):
        if "source" in command and arrives is not None:
            with open(f"{scratch}/thing.orig.tar.gz", "wb") as stream:
                stream.write(arrives)
        return "http://mirror/debian/ bookworm main\nhttp://mirror/debian/ bookworm-updates main\n"

    monkeypatch.setattr(libraries, "_run", apt)
    said = []
    with pytest.raises(BuildError, match=says) as caught:
        library_files(said.append, tmp_path / "cache")
    assert "thing.orig.tar.gz (SHA-256 " in caught.value.remedy
    assert said == [f"fetching Debian's source packages: thing (kept in {tmp_path / 'cache'})"]
    assert not (tmp_path / "cache").exists()


def test_a_system_without_these_packages(one_library, tmp_path, monkeypatch):
    monkeypatch.setattr(libraries, "_run", lambda command, scratch, folder: "http://mirror/ubuntu/ noble main\n")
    with pytest.raises(BuildError, match="this system's apt does not know Debian bookworm"):
        library_files(lambda text: None, tmp_path)


def test_without_apt_it_says_what_to_put_where(one_library, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="there is no apt-get here") as caught:
        library_files(lambda text: None, tmp_path)
    assert str(tmp_path) in caught.value.remedy


def test_the_cache_is_where_the_system_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setattr(libraries.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "aos_ota_plugin"
    monkeypatch.setattr(libraries.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "aos_ota_plugin"
