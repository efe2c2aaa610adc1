"""What a build that was killed had made is known by its age, and taken away."""

from __future__ import annotations

import os

import pytest

from aos_ota_plugin.errors import OutputError
from aos_ota_plugin.release.unfinished import NAME, BuildMark


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "方案 out"
    for name in ("ota/keep.json", "app/old.o", "app/new.o", "app/new.c", "app/rendered.c", "lib/libapp.a", "aos.elf"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, ns=(10**18,) * 2)
    return folder


def age(path, seconds):
    os.utime(path, ns=(10**18 + seconds * 10**9,) * 2)


def left(out):
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def test_only_what_is_as_young_as_the_mark_goes(out):
    everything = left(out)
    mark = BuildMark(str(out / "ota"))
    mark.begin()
    age(out / "ota" / NAME, 5)
    for name, seconds in (("app/old.o", 4), ("app/new.o", 5), ("app/new.c", 9), ("app/rendered.c", 9), ("aos.elf", 7)):
        age(out / name, seconds)
    removed = mark.heal([str(out)], {str(out / "app" / "rendered.c")})
    gone = {"app/new.o", "app/rendered.c", "aos.elf"}
    assert {os.path.relpath(path, out).replace(os.sep, "/") for path in removed} == gone
    assert left(out) == everything - gone


def test_a_build_that_ended_leaves_nothing_to_heal(out):
    everything = left(out)
    mark = BuildMark(str(out / "ota"))
    assert mark.heal([str(out)], ()) == []
    mark.begin()
    mark.end()
    assert mark.heal([str(out)], ()) == []
    assert left(out) == everything


def test_mark_that_cannot_be_set(out):
    (out / "ota" / NAME).mkdir()
    with pytest.raises(OutputError, match="a folder stands there"):
        BuildMark(str(out / "ota")).begin()
