"""A build redoes what a change touches and nothing else: seen in the steps that the real ``aos make`` prints, and in
the time stamps and bytes of the files it leaves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time

import pytest

from aos_ota_plugin.keys.signer import load_signer

pytestmark = pytest.mark.aos

APP = "out/ota_demo/otaappdemo.o"
DIGEST = "out/ota/hal/ota_hal_digest.o"
IDENTITY = "out/aos_ota_plugin/ota_identity.o"
IMAGE_SET = {"ota_rtos_ota.bin", "ota_rtos_ota.json"}
MANY = 40


# --- what a build left on the disk


def look(workspace):
    """{path below the solution, or the name of an output: (mtime_ns, bytes)} of all that a build makes and keeps."""
    found = {}
    for pattern in ("out/**/*.o", "out/**/*.c", "out/**/*.elf", "aos_sdk/**/*.a"):
        for path in workspace.solution.glob(pattern):
            found[path.relative_to(workspace.solution).as_posix()] = path
    found.update({name: workspace.images / name for name in IMAGE_SET if (workspace.images / name).exists()})
    return {name: (path.stat().st_mtime_ns, path.read_bytes()) for name, path in found.items()}


def rewritten(before, after):
    """The files that are new, gone or written again, even with the same bytes."""
    return {
        name
        for name in before.keys() | after.keys()
        if before.get(name, (0,))[0] != after.get(name, (0,))[0] or before.get(name) != after.get(name)
    }


def objects(names):
    return sorted(name for name in names if name.endswith(".o"))


def made_exactly(workspace, *arguments, compiled=(), rendered=(), linked=True, images=1, files=None, run=None):
    """Build; the objects, rendered sources, links and images are exactly these by print and by time stamp."""
    before = look(workspace)
    result = run() if run else workspace.made(*arguments)
    touched = rewritten(before, look(workspace))
    count = result.count()
    assert sorted(result.steps("CC")) == sorted(compiled), result.output
    assert objects(touched) == sorted(compiled)
    assert sorted(step for step in result.steps("OTA") if step.endswith(".c")) == sorted(rendered), result.output
    assert {name for name in touched if name.endswith(".c")} <= set(rendered)
    assert result.steps("LINK") == (["out/ota_demo/aos.elf"] if linked else []), result.output
    assert ("out/ota_demo/aos.elf" in touched) is linked
    assert count.get("image", 0) == images, result.output
    assert touched & IMAGE_SET == (files if files is not None else IMAGE_SET if images else set())
    return result


def nothing(workspace, *arguments, run=None):
    result = made_exactly(workspace, *arguments, linked=False, images=0, run=run)
    assert result.count() == {}, result.output


def carries(workspace, version, *, not_any_of=()):
    """This version, and none of those, stands in the program, in the payload and in the image made from it."""
    payload = (workspace.images / "ota_rtos.bin").read_bytes()
    image = workspace.image.read_bytes()
    assert image[: len(payload)] == payload
    for where in (workspace.elf.read_bytes(), payload, image):
        assert version.encode() + b"\0" in where
        assert [other for other in not_any_of if other.encode() + b"\0" in where] == []
    manifest = json.loads(workspace.manifest.read_bytes())
    assert manifest["version"] == version
    assert manifest["payload"]["sha256"] == hashlib.sha256(payload).hexdigest()
    assert manifest["images"][0]["sha256"] == hashlib.sha256(image).hexdigest()


def public_modulus(pem):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, None).public_key().public_numbers().n.to_bytes(256, "big")


@pytest.fixture
def built(built_workspace):
    """A workspace with app-1.0.0 built."""
    return built_workspace


def _image_step(workspace):
    return workspace.root / "hardware" / "chip" / "haas1000" / "release" / "auto_build_tool" / "build_bin.py"


# --- nothing changed


def test_no_change_makes_nothing_and_touches_nothing(built):
    """With the identity in the KV partition no firmware holds a secret that stands in the shell."""
    nothing(built, run=lambda: built.made(env={"AOS_OTA_DEVICE_SECRET": "Zq83third7secret"}))
    now = time.time_ns()
    for path in (built.key, built.package, built.root / "components" / "aos_ota_plugin" / "SConscript"):
        os.utime(path, ns=(now, now))
    nothing(built, "OTA_APP_VERSION=app-1.0.0")  # said another way, it is still the same value


# --- one thing changed


def test_version_there_and_back(built):
    first = built.snapshot()
    made_exactly(built, "OTA_APP_VERSION=app-1.0.1", compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"])
    carries(built, "app-1.0.1", not_any_of=["app-1.0.0"])
    made_exactly(built, "OTA_APP_VERSION=app-1.0.0", compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"])
    carries(built, "app-1.0.0", not_any_of=["app-1.0.1"])
    assert built.snapshot() == first
    built.edit(built.package, "OTA_APP_VERSION: app-1.0.0", "OTA_APP_VERSION: app-1.0.2")
    made_exactly(built, compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"])
    carries(built, "app-1.0.2", not_any_of=["app-1.0.0"])


def test_new_key(built, dev_key, other_key):
    built.write_key(built.key, other_key)
    made_exactly(built, compiled=[DIGEST], rendered=["out/ota/hal/ota_hal_digest.c"])
    image = built.image.read_bytes()
    assert public_modulus(other_key) in image
    assert public_modulus(dev_key) not in image


def test_key_and_source_replaced_by_older_files(built, other_key):
    """A backup moved into place has an old time stamp; what counts is what is in it."""
    built.write_key(built.key, other_key)
    source = built.solution / "otaappdemo.c"
    built.edit(source, "ota: the device has no name", "ota: nameless device")
    for path in (built.key, source):
        os.utime(path, (1_000_000_000,) * 2)
    made_exactly(built, compiled=[APP, DIGEST], rendered=["out/ota/hal/ota_hal_digest.c", "out/ota_demo/otaappdemo.c"])
    assert public_modulus(other_key) in built.image.read_bytes()
    assert b"ota: nameless device" in built.image.read_bytes()


EMBEDDED = ("OTA_IDENTITY_EMBEDDED=y", "OTA_PRODUCT_KEY=a1b2c3d4e5f", "OTA_DEVICE_NAME=device-7")


def test_identity_into_the_firmware_and_out_again(built):
    before, first, second = built.snapshot(), "Zq81first7secret", "Zq82second7secret"
    built.made(*EMBEDDED, env={"AOS_OTA_DEVICE_SECRET": first})
    assert first.encode() in built.elf.read_bytes()
    made_exactly(built, compiled=[IDENTITY], run=lambda: built.made(*EMBEDDED, env={"AOS_OTA_DEVICE_SECRET": second}))
    for where in (built.elf, built.image):
        assert second.encode() + b"\0" in where.read_bytes()
        assert first.encode() not in where.read_bytes()
    made_exactly(built, compiled=[APP, IDENTITY], rendered=["out/ota_demo/otaappdemo.c"])
    assert built.snapshot() == before
    assert second.encode() not in built.elf.read_bytes()


def test_changed_otaappdemo_twice_within_a_second(built):
    """aos-tools' own decider, which sees whole seconds, misses half of such edits."""
    source = built.solution / "otaappdemo.c"
    previous = "ota: the device has no name"
    for number in range(2):
        text = f"ota: nameless device {number}"
        built.edit(source, previous, text)
        made_exactly(built, compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"])
        assert text.encode() in built.elf.read_bytes()
        previous = text


def test_new_base_release_renews_the_manifest_only(built):
    """The firmware does not depend on what the field runs now; the proof does, and is written down."""
    base = built.solution / "base.json"
    base.write_bytes(built.manifest.read_bytes())
    try:
        built.made("OTA_APP_VERSION=app-1.0.1")
        made_exactly(
            built, "OTA_APP_VERSION=app-1.0.1", "OTA_BASE_RELEASE=base.json", linked=False, files={"ota_rtos_ota.json"}
        )
        assert json.loads(built.manifest.read_bytes())["base"]["version"] == "app-1.0.0"
    finally:
        base.unlink()


# --- there and back


def test_every_security_mode_after_every_other(built):
    """What one mode compiled must not be taken for up to date by the next: the proof would refuse it, or worse."""
    public = built.solution / "public.pem"
    public.write_text(load_signer(built.key.read_bytes(), file="key", passphrase=None).public_key.to_pem())
    modes = {
        "local": (),
        "none": ("OTA_CONFIG_RSA=n",),
        "cloud": ("OTA_CONFIG_CLOUD_RSA=y", "OTA_PUBLIC_KEY=public.pem"),
    }
    first = {"local": built.snapshot()}
    try:
        for mode in ("none", "cloud", "local", "cloud", "none", "local"):
            built.made(*modes[mode])
            assert json.loads(built.manifest.read_bytes())["security"] == mode
            assert built.snapshot() == first.setdefault(mode, built.snapshot())
    finally:
        public.unlink()


def test_another_board_and_back(built):
    first = {}
    for board in ("haas100", "haaseduk1", "haas100"):
        built.made("-b", board)
        assert json.loads(built.manifest.read_bytes())["board"] == board
        assert built.snapshot() == first.setdefault(board, built.snapshot())
    assert first["haas100"]["ota_rtos_ota.bin"] != first["haaseduk1"]["ota_rtos_ota.bin"]
    # What aos-tools made of package.yaml is what the next build reads.
    assert built.made().count() == {}


# --- templates of the solution


@pytest.fixture
def templates(built):
    folder = built.solution / "templates"
    folder.mkdir()
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_template_of_the_solution(built, templates):
    assert b"ota: the device has no name" in built.elf.read_bytes()
    template = templates / "otaappdemo.c.j2"
    own = "{% extends 'aos_ota_plugin/otaappdemo.c.j2' %}"
    template.write_text(own, encoding="utf-8")
    made_exactly(built, compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"])
    assert b"ota: the device has no name" not in built.elf.read_bytes()

    text = "void aos_ota_test_mark(void) {}\n"
    template.write_text("{% include 'aos_ota_plugin/otaappdemo.c.j2' %}\n" + text, encoding="utf-8")
    # The linker drops what nobody calls: a new object, the same firmware, so no new image.
    made_exactly(built, compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"], images=0)
    assert b"aos_ota_test_mark" in (built.out / "ota_demo" / "otaappdemo.o").read_bytes()

    # Without it the solution's own otaappdemo.c is compiled again.
    template.unlink()
    made_exactly(built, compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"])
    assert b"aos_ota_test_mark" not in (built.out / "ota_demo" / "otaappdemo.o").read_bytes()


CALLING_ITSELF = {"{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}": 1, "\n{% include 'otaappdemo.c.j2' %}": 2}
"""Templates, and the line that an error names."""


def test_template_that_calls_itself(built, templates):
    """In SCons' threads, whose stacks have 256 KiB: Python's limit of 1000 calls came after the end of the stack."""
    path = templates / "otaappdemo.c.j2"
    for template, line in CALLING_ITSELF.items():
        path.write_text(template, encoding="utf-8")
        refused = built.run("make", "MULTITHREADS=-j8")
        assert refused.status == 2, refused.output[-2000:]
        said = f"aos_ota_plugin: error: {path}:{line}: the template calls or includes itself without end"
        assert said in refused.output
        assert "Traceback" not in refused.output
    path.unlink()
    built.made()
    nothing(built)


def test_template_of_the_identity(built, templates):
    (templates / "ota_identity.c.j2").write_text(
        "{% include 'aos_ota_plugin/ota_identity.c.j2' %}\nconst char aos_ota_test_mark[] = \"mark\";\n",
        encoding="utf-8",
    )
    built.made()
    assert b"aos_ota_test_mark" in (built.out / "aos_ota_plugin" / "ota_identity.o").read_bytes()


# --- many changes without a pause


def test_versions_bumped_back_to_back_all_arrive(built):
    versions = [f"app-1.1.{number}" for number in range(2)]
    for version in versions:
        result = built.made(f"OTA_APP_VERSION={version}")
        assert result.steps("CC") == [APP], result.output
        carries(built, version, not_any_of=[other for other in versions if other != version])


def _as_if_just_made(workspace):
    """Date what the last build made as a faster machine would: no older than what the next build makes first."""
    now = time.time() + 1.5
    for pattern in ("out/**/*.o", "aos_sdk/**/*.a", "out/**/*.elf", "out/*.bin"):
        for path in workspace.solution.glob(pattern):
            os.utime(path, (now, now))


def test_changes_within_the_same_second_all_arrive(built, other_key):
    """What aos-tools' whole seconds would miss: each change comes while the last build's outputs are not a second old."""
    _as_if_just_made(built)
    built.made("OTA_APP_VERSION=app-1.3.0")
    carries(built, "app-1.3.0", not_any_of=["app-1.0.0"])
    _as_if_just_made(built)  # nothing is rendered for this: a macro of the compile lines changes
    assert built.made("OTA_APP_VERSION=app-1.3.0", "OTA_CONFIG_RSA=n").count()["LINK"] == 1
    _as_if_just_made(built)
    built.write_key(built.key, other_key)
    built.made("OTA_APP_VERSION=app-1.3.0")
    assert public_modulus(other_key) in built.image.read_bytes()
    for secret in ("Zq70sudden7secret", "Zq71sudden7secret"):
        _as_if_just_made(built)
        built.made(*EMBEDDED, env={"AOS_OTA_DEVICE_SECRET": secret})
        assert secret.encode() + b"\0" in built.image.read_bytes()


def test_back_to_back_after_a_build_that_failed_in_between(built):
    """The version that failed was rendered and compiled; the next one must not ship any of it."""
    script = _image_step(built)
    good = script.read_bytes()
    script.write_bytes(b"import sys\nsys.exit(1)\n")
    assert built.make("OTA_APP_VERSION=app-1.2.1").status != 0
    script.write_bytes(good)
    built.made("OTA_APP_VERSION=app-1.2.2")
    carries(built, "app-1.2.2", not_any_of=["app-1.2.1"])


def test_outputs_dated_in_the_future_are_an_error(built):
    """A clock that was set back: no new time stamp could be newer than the old object's."""
    elf = built.out / "ota_demo" / "aos.elf"
    was = elf.stat().st_mtime_ns
    os.utime(elf, ns=(was + 3_600_000_000_000,) * 2)
    try:
        result = built.make("OTA_APP_VERSION=app-1.0.1")
    finally:
        os.utime(elf, ns=(was, was))
    assert result.status != 0
    assert "in the future" in result.output
    assert "fix: set the clock right" in result.output


# --- in parallel


def _in_parallel(workspace, *arguments):
    """The solution's own Makefile with eight jobs at once."""
    result = workspace.run("make", "MULTITHREADS=-j8", *arguments)
    assert result.status == 0, result.output[-4000:]
    return result


def test_eight_jobs_at_once(built):
    serial = built.snapshot()
    assert built.make("clean").status == 0
    whole = _in_parallel(built, "OTA_APP_VERSION=app-1.0.0")
    assert whole.count()["image"] == 1
    assert built.snapshot() == serial
    for version, before in (("app-1.0.1", "app-1.0.0"), ("app-1.0.0", "app-1.0.1")):
        made_exactly(
            built,
            compiled=[APP],
            rendered=["out/ota_demo/otaappdemo.c"],
            run=lambda version=version: _in_parallel(built, f"OTA_APP_VERSION={version}"),
        )
        carries(built, version, not_any_of=[before])
    assert built.snapshot() == serial


# --- beside a large component


def test_large_component_beside_it_changes_no_count(built_workspace, other_key):
    """More sources than all others together: what a change redoes does not grow with the workspace."""
    workspace = built_workspace
    component = workspace.root / "components" / "many"
    (component / "src").mkdir(parents=True)
    for number in range(MANY):
        (component / "src" / f"unit_{number:03}.c").write_text(f"int many_{number}(void) {{ return {number}; }}\n")
    (component / "package.yaml").write_text(
        "name: many\nversion: master\ntype: common\ndescription: many\nsource_file:\n  - src/*.c\n"
    )
    (component / "README.md").write_text("many\n")
    workspace.edit(workspace.package, "  - ulog: master\n", "  - ulog: master\n  - many: master\n")

    first = workspace.made()
    assert len([step for step in first.steps("CC") if step.startswith("out/many/")]) == MANY
    made_exactly(workspace, "OTA_APP_VERSION=app-1.0.1", compiled=[APP], rendered=["out/ota_demo/otaappdemo.c"])
    carries(workspace, "app-1.0.1")
    workspace.write_key(workspace.key, other_key)
    made_exactly(workspace, "OTA_APP_VERSION=app-1.0.1", compiled=[DIGEST], rendered=["out/ota/hal/ota_hal_digest.c"])
    nothing(workspace, "OTA_APP_VERSION=app-1.0.1")


# --- what others do to the published files


def test_outputs_that_another_changed_are_replaced(built):
    before = built.snapshot()
    built.image.unlink()
    made_exactly(built, linked=False, files={"ota_rtos_ota.bin"})
    assert built.snapshot() == before

    image = bytearray(before["ota_rtos_ota.bin"])
    image[1000] ^= 1
    for foreign in (bytes(image), b""):
        built.image.write_bytes(foreign)
        made_exactly(built, linked=False, files={"ota_rtos_ota.bin"})
        assert built.snapshot() == before

    # The image without its manifest is nobody's, so it is made anew with it: the same bytes.
    built.manifest.unlink()
    result = built.made()
    assert result.count() == {"image": 1}, result.output
    assert built.snapshot() == before

    # A manifest that vouches for a stranger's image is no better than the image.
    foreign = b"unsigned " * 1000
    manifest = json.loads(before["ota_rtos_ota.json"])
    manifest["images"][0]["sha256"] = hashlib.sha256(foreign).hexdigest()
    built.image.write_bytes(foreign)
    built.manifest.write_text(json.dumps(manifest))
    built.made()
    assert built.snapshot() == before
    nothing(built)


WRITES_UNSIGNED = """
folder = file_list.OTA_BIN
(folder / "ota_rtos_ota.bin").write_bytes(b"unsigned" + (folder / "ota_rtos.bin").read_bytes())
(folder / "ota_rtos_ota.bin.xz").write_bytes(b"unsigned and packed")
"""


def test_image_step_that_writes_unsigned_images_on_every_build(built):
    """What the vendor's own script does: the signed image stands there after every build, the unsigned .xz never."""
    before = built.snapshot()
    script = _image_step(built)
    text = script.read_text(encoding="utf-8")
    ending = 'if __name__ == "__main__":\n    sys.exit(main())\n'
    assert text.endswith(ending)
    indented = "".join(f"    {line}\n" if line else "" for line in WRITES_UNSIGNED.splitlines())
    script.write_text(
        text.replace(ending, f'if __name__ == "__main__":\n    status = main()\n{indented}    sys.exit(status)\n')
    )
    result = built.made("OTA_APP_VERSION=app-1.0.0")
    assert result.count() == {}, result.output
    assert built.snapshot() == before
    assert not (built.images / "ota_rtos_ota.bin.xz").exists()
    result = built.made("OTA_APP_VERSION=app-1.0.1")
    assert result.count()["image"] == 1
    carries(built, "app-1.0.1", not_any_of=["app-1.0.0"])
    assert not (built.images / "ota_rtos_ota.bin.xz").exists()


def test_a_workspace_that_is_put_back_as_it_was_built_has_nothing_to_do(built_states):
    """What other tests of real builds begin with is what a build of their own would have left."""
    workspace = built_states.first_build()
    before = workspace.snapshot()
    assert set(before) == {"ota_rtos_ota.bin", "ota_rtos_ota.json"}
    workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert workspace.snapshot() != before
    workspace = built_states.first_build()
    assert workspace.snapshot() == before
    nothing(workspace)


def test_a_copied_workspace_leaves_the_first_one_alone(built_workspace, tmp_path):
    """What the last build left behind is remembered by its place: a copy has its own."""
    workspace = built_workspace
    before = workspace.snapshot()
    shutil.copytree(workspace.root, tmp_path / "副本")
    copy = type(workspace)(tmp_path / "副本", workspace.aos, workspace.key.read_bytes())
    copy.made("OTA_APP_VERSION=app-1.0.5")
    assert workspace.snapshot() == before
    assert b"app-1.0.5" in copy.snapshot()["ota_rtos_ota.json"]
    copy.image.unlink()
    copy.made("OTA_APP_VERSION=app-1.0.5")
    assert copy.image.exists()
