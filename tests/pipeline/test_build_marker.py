"""What an unsuccessful build made is removed; the list of files from before it tells which files these are."""

from __future__ import annotations

import json
import os

import pytest

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.pipeline.build_marker import NAME, BuildMarker


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "方案 out"
    for name in (
        "ota/keep.json",
        "app/old.o",
        "app/new.o",
        "app/rendered.c",
        "app/log.txt",
        "lib/libapp.a",
        "aos.elf",
        "aos.bin",
        "ota_rtos_ota.bin",
        "ota_rtos_ota.json",
        "ota_module_js.bin",
    ):
        write(folder / name, b"old " + name.encode())
    return folder


def write(path, data, *, seconds=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(10**18 + seconds * 10**9,) * 2)


def mark_of(out):
    return BuildMarker(str(out / "ota"), [str(out), str(out.parent / "not there")])


def all_files(out):
    return {os.path.normcase(path) for path in map(str, out.rglob("*"))}


def left(out):
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def relative(out, paths):
    return {os.path.relpath(path, out).replace(os.sep, "/") for path in paths}


def unfinished_build(out, changed, *, seconds=5):
    """A build that changed these files and did not succeed."""
    mark_of(out).begin()
    for name in changed:
        write(out / name, b"other", seconds=seconds)


@pytest.mark.parametrize("seconds", [5, -5], ids=["the clock goes on", "the clock was set back"])
def test_what_is_new_or_changed_goes(out, seconds):
    changed = {"app/new.o", "app/rendered.c", "aos.elf", "app/third.o"}
    unfinished_build(out, changed, seconds=seconds)
    everything = left(out)
    cleanup = mark_of(out).clean_up(lambda: all_files(out))
    assert relative(out, cleanup.removed) == changed
    assert left(out) == everything - changed
    assert relative(out, cleanup.left) >= {"app/old.o", "lib/libapp.a", "aos.bin"}


def test_same_time_but_another_size_is_a_change(out):
    unfinished_build(out, ["lib/libapp.a"], seconds=0)
    assert relative(out, mark_of(out).clean_up(lambda: all_files(out)).removed) == {"lib/libapp.a"}


def test_only_targets_go(out):
    """A log that somebody keeps there, what a script makes before each build."""
    unfinished_build(out, ["app/new.o", "app/log.txt", "aos.bin"])
    cleanup = mark_of(out).clean_up(lambda: {os.path.normcase(out / "app" / "new.o")})
    assert relative(out, cleanup.removed) == {"app/new.o"}
    assert cleanup.left == []


def test_without_a_record_of_targets_everything_goes_that_is_changed(out):
    unfinished_build(out, ["app/new.o", "app/log.txt"])
    assert relative(out, mark_of(out).clean_up(lambda: None).removed) == {"app/new.o", "app/log.txt"}
    assert (out / "ota" / NAME).exists()


def test_files_of_a_release_stay(out):
    """They were proven and then written as a whole."""
    release = {"ota_rtos_ota.bin", "ota_rtos_ota.json", "ota_module_js.bin"}
    unfinished_build(out, {*release, "aos.bin"})
    assert relative(out, mark_of(out).clean_up(lambda: all_files(out)).removed) == {"aos.bin"}
    assert release <= left(out)


def test_a_build_that_succeeded_leaves_nothing_to_clean_up(out):
    def asked():
        raise AssertionError("reading SCons' record takes its time")

    mark = mark_of(out)
    assert mark.clean_up(asked) == ([], [])
    mark.begin()
    write(out / "app" / "new.o", b"other", seconds=5)
    everything = left(out) - {f"ota/{NAME}"}
    mark.end()
    assert mark.clean_up(asked) == ([], [])
    assert left(out) == everything


def test_mark_stands_until_a_build_succeeds(out):
    """Builds that fail one after another, each with something else."""
    unfinished_build(out, ["app/new.o"])
    mark_of(out).clean_up(lambda: all_files(out))
    unfinished_build(out, ["aos.elf"])
    assert relative(out, mark_of(out).clean_up(lambda: all_files(out)).removed) == {"aos.elf"}
    assert mark_of(out).clean_up(lambda: all_files(out)).removed == []
    assert (out / "ota" / NAME).exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": []}', b'{"a": ["x", 1]}', b"\xff", b"[" * 100_000]
)
def test_list_that_cannot_be_read_has_no_file(out, content):
    """The mark of an older version, or one that somebody changed: everything is made anew."""
    (out / "ota" / NAME).write_bytes(content)
    removed = relative(out, mark_of(out).clean_up(lambda: all_files(out)).removed)
    assert {"app/old.o", "lib/libapp.a", "aos.elf", "aos.bin"} <= removed


def test_names_of_any_kind_are_listed(out):
    write(out / "组件" / "空 格.o", b"o")
    unfinished_build(out, ["aos.elf"])
    listed = json.loads((out / "ota" / NAME).read_bytes())
    assert str(out / "组件" / "空 格.o") in listed["files"]
    assert relative(out, mark_of(out).clean_up(lambda: all_files(out)).removed) == {"aos.elf"}


def test_file_that_cannot_be_removed_ends_the_build(out, monkeypatch):
    """It must not be taken for one that succeeded, neither now nor by the build after this one."""
    unfinished_build(out, ["app/new.o", "aos.elf"])

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", refuse)
        with pytest.raises(OutputError, match="Permission denied"):
            mark_of(out).clean_up(lambda: all_files(out))
    assert relative(out, mark_of(out).clean_up(lambda: all_files(out)).removed) == {"app/new.o", "aos.elf"}


def test_mark_that_cannot_be_set(out):
    (out / "ota" / NAME).mkdir()
    with pytest.raises(OutputError, match="a folder stands there"):
        mark_of(out).begin()
