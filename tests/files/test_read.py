"""Reading files: a limit for each kind, and regular files alone."""

from __future__ import annotations

import errno
import os

import pytest

from aos_ota_plugin.errors import Place, SigningKeyError
from aos_ota_plugin.files import read
from aos_ota_plugin.files.read import decode_text, read_bytes, read_file, read_with_mode


def test_up_to_the_limit(tmp_path):
    path = tmp_path / "文 件"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes") as caught:
        read_bytes(path, 4)
    assert caught.value.errno == errno.EFBIG


@pytest.mark.skipif(os.name != "posix", reason="pipes, links and permission bits")
def test_what_is_no_regular_file(tmp_path):
    """Opening a pipe that nobody writes to would last for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "linked file").symlink_to("file")
    for name, number in (("pipe", errno.EINVAL), ("link", errno.EINVAL), (".", errno.EISDIR), ("none", errno.ENOENT)):
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is compared
            read_bytes(tmp_path / name)
        assert caught.value.errno == number
    with pytest.raises(OSError, match="a pipe or a device"):
        read_bytes("/dev/null")
    assert read_bytes(tmp_path / "linked file") == b"1"
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is compared
        read_bytes(tmp_path / "linked file", follow=False)
    assert caught.value.errno == errno.ELOOP
    (tmp_path / "file").chmod(0o640)
    assert read_with_mode(tmp_path / "file") == (b"1", 0o640)


@pytest.mark.skipif(os.name != "posix", reason="descriptors with paths")
def test_what_a_shell_hands_over_as_a_descriptor_is_read_to_its_end():
    for data, limit in ((b"12345", 5), (b"", 5), (b"123456", 5)):
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
        try:
            if len(data) <= limit:
                assert read_bytes(f"/dev/fd/{reader}", limit) == data
            else:
                with pytest.raises(OSError, match="it has more than 5 bytes"):
                    read_bytes(f"/dev/fd/{reader}", limit)
        finally:
            os.close(reader)


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_a_pipe_that_takes_the_place_of_a_file(tmp_path, monkeypatch):
    """Between the look at it and its opening; that may not wait for a writer either."""
    (tmp_path / "file").write_bytes(b"1")
    os.mkfifo(tmp_path / "pipe")
    opened = os.open
    monkeypatch.setattr(read.os, "open", lambda path, *rest: opened(str(path).replace("file", "pipe"), *rest))
    with pytest.raises(OSError, match="a pipe or a device"):
        read_bytes(tmp_path / "file")


def test_the_error_says_what_the_file_is_for(tmp_path):
    path = str(tmp_path / "key.pem")
    for data, says in ((None, "cannot read the signing key"), (b"12345", "has more than 4 bytes")):
        if data:
            (tmp_path / "key.pem").write_bytes(data)
        with pytest.raises(SigningKeyError, match=says) as caught:
            read_file(path, "the signing key", "make one", limit=4, error=SigningKeyError, place=Place("x", 3))
        assert (caught.value.remedy, caught.value.place) == ("make one", Place("x", 3))
        assert path in caught.value.problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_texts_as_people_save_them(encoding):
    assert decode_text("名: x\r\n".encode(encoding)) == "名: x\r\n"


def test_what_the_system_takes_for_no_name(tmp_path):
    """A manifest may say any name."""
    for name in ("a\0b", "a\ud800b"):
        with pytest.raises(OSError, match="the system takes no such name"):
            read_bytes(os.path.join(tmp_path, name))
