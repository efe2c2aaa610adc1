"""Files that only their owner can open: those that are there, and those that programs are about to make."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.files.private_files import close_files, close_folders, create_private, take_from_others

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permission bits")


def test_files_that_are_there_are_closed(tmp_path):
    other = tmp_path / "other"
    other.touch(0o644)
    folder = tmp_path / "out" / "deep"
    folder.mkdir(parents=True)
    (folder / "object.o").touch()
    (folder / "object.o").chmod(0o775)
    (folder / "link").symlink_to(other)
    close_folders([str(tmp_path / "out"), str(tmp_path / "nowhere")])
    close_files([str(folder / "none"), str(folder)])
    assert (folder / "object.o").stat().st_mode & 0o777 == 0o700
    assert other.stat().st_mode & 0o777 == 0o644
    assert folder.stat().st_mode & 0o700 == 0o700


def test_a_file_or_folder_is_taken_from_others(tmp_path):
    for path, closed in ((tmp_path / "folder", 0o700), (tmp_path / "file", 0o600)):
        path.mkdir() if path.name == "folder" else path.touch()
        path.chmod(closed | 0o055)
        assert take_from_others(path)
        assert path.stat().st_mode & 0o777 == closed
        assert not take_from_others(path)
    with pytest.raises(OutputError, match="cannot write"):
        take_from_others(tmp_path / "none")


def test_programs_that_are_started_create_private_files(tmp_path):
    before = os.umask(0o022)
    try:
        create_private()
        subprocess.run([sys.executable, "-S", "-c", f"open({str(tmp_path / 'made')!r}, 'w')"], check=True)
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
