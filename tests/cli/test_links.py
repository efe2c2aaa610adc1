"""Links in a workspace, to elsewhere, to nowhere and in circles: followed where a user means it, never written through."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links")

KEYS = Path(__file__).parents[1] / "keys" / "data"
SIGN = ("sign", "p.bin", "--key", "key.pem", "--version", "app-1.0.1", "-o")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "工作 space"
    (path / "solutions" / "s").mkdir(parents=True)
    for name, text in (
        ("components/ota", "name: ota\ndescription: d\ntype: common\n"),
        ("hardware/chip/k", "name: k\ndescription: d\ntype: chip\nhw_info: {cpu_name: m, ld_script: a.ld}\n"),
        ("hardware/board/b", "name: b\ndescription: d\ntype: board\nhw_info: {chip_name: k}\ndepends: [k]\n"),
    ):
        (path / name).mkdir(parents=True)
        (path / name / "package.yaml").write_text(text, encoding="utf-8")
    (path / ".aos").write_bytes(b"")
    (path / "solutions" / "s" / "package.yaml").write_bytes(
        b"name: s\ndescription: d\ntype: solution\nsolution: {board_name: b}\ndepends:\n  - ota: master\n  - b: master\ndef_config:\n"
        b"  OTA_APP_VERSION: app-1.0.0\n  OTA_SIGNING_KEY: keys/k.pem\n"
    )
    (path / "p.bin").write_bytes(random.Random(1).randbytes(5000))
    return path


@pytest.fixture
def elsewhere(tmp_path):
    path = tmp_path / "elsewhere"
    path.mkdir()
    (path / "file").write_bytes(b"not ours")
    return path


def refused(done, *says):
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("aos-ota: error: ")
    assert "\n  fix: " in done.stderr
    for part in says:
        assert part in done.stderr


def test_an_output_that_is_a_link_is_written_where_it_leads(run, folder, key, elsewhere):
    (folder / "out").mkdir()
    link = folder / "out" / "i.bin"
    link.symlink_to(elsewhere / "file")
    done = run(*SIGN, "out/i.bin")
    assert done.returncode == 0, done.stderr
    assert link.is_symlink()
    assert (elsewhere / "file").read_bytes().startswith((folder / "p.bin").read_bytes())
    assert sorted(path.name for path in elsewhere.iterdir()) == ["file", "file.json"]
    assert [path.name for path in link.parent.iterdir()] == ["i.bin"]


@pytest.mark.parametrize(
    "path", ["/dev/stdout", "/proc/self/fd/1", "/dev/../dev/aos-ota-test.bin", "d/aos-ota-test.bin"]
)
def test_nothing_is_written_among_the_systems_devices(run, folder, key, path):
    (folder / "d").symlink_to("/dev")
    done = run(*SIGN, path)
    refused(done, "cannot write ", "the system keeps its devices and processes there")
    assert not os.path.exists("/dev/aos-ota-test.bin")
    assert os.path.islink("/dev/stdout")


@pytest.mark.parametrize(
    ("path", "links"),
    [
        ("L", {"L": "/dev/stdout"}),
        ("L", {"L": "/proc/self/fd/1"}),
        ("设备 d/stdout", {"设备 d": "/dev"}),
        ("L", {"L": "M", "M": "设备 d/stdout", "设备 d": "/dev"}),
    ],
)
def test_a_link_to_standard_output_is_refused_as_standard_output_is(run, folder, key, path, links):
    """Standard output is a file here, and that file is no output."""
    for name, target in links.items():
        (folder / name).symlink_to(target)
    before = sorted(os.listdir(folder))
    refused(run(*SIGN, path), "cannot write ", f"{path}: the system keeps its devices and processes there")
    assert sorted(os.listdir(folder)) == before
    assert all((folder / name).is_symlink() for name in links)


def test_a_file_may_have_the_name_of_standard_output(run, folder, key):
    assert run(*SIGN, "./-").returncode == 0
    assert (folder / "-").is_file()
    listed = run("sbom", "-C", "solutions/s", "-o", "-")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout == run("sbom", "-C", "solutions/s").stdout


def test_an_output_folder_that_is_a_link_holds_the_set(run, folder, key, elsewhere):
    (folder / "out").symlink_to(elsewhere)
    assert run(*SIGN, "out/i.bin").returncode == 0
    assert (folder / "out").is_symlink()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["file", "i.bin", "i.json"]


def test_an_output_folder_that_is_nowhere(run, folder, key):
    (folder / "out").symlink_to("nowhere/at/all")
    refused(run(*SIGN, "out/i.bin"), "cannot write ")
    assert (folder / "out").is_symlink()
    assert not (folder / "nowhere").exists()


def test_a_key_that_is_nowhere(run, folder):
    (folder / "k.pem").symlink_to("nowhere")
    refused(run(*SIGN[:3], "k.pem", *SIGN[4:], "i.bin"), "cannot read the signing key k.pem: ")
    assert not (folder / "i.bin").exists()


def test_a_link_to_a_key_that_others_can_read(run, folder, elsewhere):
    shutil.copy(KEYS / "private.pem", elsewhere / "open.pem")
    (elsewhere / "open.pem").chmod(0o644)
    (folder / "k.pem").symlink_to(elsewhere / "open.pem")
    refused(run(*SIGN[:3], "k.pem", *SIGN[4:], "i.bin"), "others on this machine can read it")


def test_a_new_key_never_goes_through_a_link(run, folder, elsewhere):
    for target in (elsewhere / "file", elsewhere / "nowhere"):
        (folder / "k.pem").symlink_to(target)
        refused(run("keygen", "-o", "k.pem"), "k.pem is there already")
        (folder / "k.pem").unlink()
    assert (elsewhere / "file").read_bytes() == b"not ours"
    assert not (elsewhere / "nowhere").exists()


def test_a_link_to_secrets_that_others_can_read(run, folder, elsewhere):
    (elsewhere / "s.yaml").write_text("device_secret: 'Zx9device7Secret8Kq4'\n", encoding="utf-8")
    (elsewhere / "s.yaml").chmod(0o640)
    (folder / "solutions" / "s" / "ota.secrets.yaml").symlink_to(elsewhere / "s.yaml")
    done = run("config", "-C", "solutions/s")
    refused(done, "others can read or change this secrets file (mode 0640)")
    assert "Zx9" not in done.stderr


def test_a_solution_that_is_a_link_is_the_solution(run, folder):
    """Below solutions/, and from outside of the workspace."""
    (folder / "solutions" / "s").rename(folder / "kept elsewhere")
    (folder / "solutions" / "s").symlink_to(folder / "kept elsewhere")
    done = run("config", "-C", "solutions/s")
    assert done.returncode == 0, done.stderr
    assert "app-1.0.0" in done.stdout


def test_components_in_a_circle(run, folder):
    (folder / "components" / "loop").symlink_to(folder / "components")
    (folder / "components" / "self").symlink_to("self")
    (folder / "components" / "gone").symlink_to("nowhere")
    done = run("config", "-C", "solutions/s")
    assert done.returncode in (0, 1)
    assert "internal error" not in done.stderr
    assert done.returncode == 0 or "\n  fix: " in done.stderr


def with_aos(run, bin_folder, *arguments):
    return run(*arguments, PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.aos
@pytest.mark.parametrize("name", [".gitignore", "ota.example.yaml", "site_scons", "package.yaml"])
@pytest.mark.parametrize("kind", ["a file elsewhere", "nowhere elsewhere"])
def test_init_writes_nothing_outside_of_the_workspace(run, folder, elsewhere, aos, bin_folder, name, kind):
    """A repository that someone else wrote may hold any link."""
    path = folder / "solutions" / "s" / name
    target = elsewhere / ("file" if kind == "a file elsewhere" else "nowhere")
    if name == "site_scons":
        target = elsewhere
    if name == "package.yaml":
        target = elsewhere / "package.yaml"
        path.rename(target)
    path.symlink_to(target)
    before = {entry.name: entry.read_bytes() for entry in elsewhere.iterdir()}
    done = with_aos(run, bin_folder, "init", "solutions/s", *(["--component"] if name == "package.yaml" else []))
    assert {entry.name: entry.read_bytes() for entry in elsewhere.iterdir()} == before
    if name == "ota.example.yaml" and kind == "a file elsewhere":
        assert done.returncode == 0, done.stderr  # it is there already, and stays
        return
    refused(done, "is a link to ", "outside of the workspace")


@pytest.mark.aos
def test_init_follows_links_within_the_workspace(run, folder, aos, bin_folder):
    (folder / "shared").write_bytes(b"build/\n")
    (folder / "solutions" / "s" / ".gitignore").symlink_to(folder / "shared")
    done = with_aos(run, bin_folder, "init", "solutions/s")
    assert done.returncode == 0, done.stderr
    assert (folder / "solutions" / "s" / ".gitignore").is_symlink()
    assert (folder / "shared").read_text(encoding="utf-8").startswith("build/\nota.secrets.yaml\n")
