"""Finding a component's source where aos-tools would, and taking settings out of macros in every form they have."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.scons.components import LOCAL_RSA, Components, _without, find_source, source_files
from aos_ota_plugin.scons.site import hooked

# --- macros


@pytest.mark.parametrize(
    ("defines", "left"),
    [
        ({"OTA_APP_VERSION": "app-1", "OTHER": 1}, {"OTHER": 1}),
        ({}, {}),
        (["OTA_APP_VERSION=app-1", "OTHER=1", "FLAG"], ["OTHER=1", "FLAG"]),
        (
            ["OTA_APP_VERSION", "OTA_APP_VERSIONS=1", "MY_OTA_APP_VERSION=2"],
            ["OTA_APP_VERSIONS=1", "MY_OTA_APP_VERSION=2"],
        ),
        ([" OTA_APP_VERSION =app-1", "OTHER"], ["OTHER"]),
        ([{"OTA_APP_VERSION": "app-1"}, {"OTHER": 1}], [{"OTHER": 1}]),
        ([("OTA_APP_VERSION", "app-1"), ("OTHER", 1), ["OTA_APP_VERSION"], ("FLAG",)], [("OTHER", 1), ("FLAG",)]),
        ({"OTA_APP_VERSION=0": None, "OTHER": 1}, {"OTHER": 1}),
        ([("OTA_APP_VERSION=0",), {"OTA_APP_VERSION=1": 1}, ("OTHER=1",)], [("OTHER=1",)]),
        ([(), {}, ""], [(), {}, ""]),
        (None, []),
        ("OTHER=1", ["OTHER=1"]),
        ("OTA_APP_VERSION=app-1", []),
        ("", []),
    ],
    ids=[
        "mapping",
        "empty mapping",
        "texts",
        "names that only look alike",
        "spaces",
        "mappings",
        "pairs",
        "mapping of texts",
        "texts in pairs",
        "empty ones",
        "none",
        "a text",
        "a text of ours",
        "no text",
    ],
)
def test_without(defines, left):
    assert _without(defines, {"OTA_APP_VERSION"}) == left


NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)


@given(st.lists(NAMES), st.sets(NAMES))
def test_without_keeps_the_others_in_their_order(names, unwanted):
    wanted = [name for name in names if name not in unwanted]
    assert _without([f"{name}=1" for name in names], unwanted) == [f"{name}=1" for name in wanted]
    assert _without([(name, "1") for name in names], unwanted) == [(name, "1") for name in wanted]
    assert list(_without(dict.fromkeys(names, 1), unwanted)) == list(dict.fromkeys(wanted))


# --- sources


def component(path, *sources, **more):
    return SimpleNamespace(path=str(path), source_files_updated=list(sources), **more)


@pytest.fixture
def folder(tmp_path):
    """A component's folder whose own path looks like a pattern."""
    path = tmp_path / "组件 [v1] *" / "ota"
    for name in ("hal/ota_hal_digest.c", "hal/ota_hal_os.c", "hal/deep/er/otaappdemo.c", "src[1]/ota_hal_digest.c"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("")
    return path


def test_source_files(folder):
    """All of them, in the component's order; a target that we have added is none."""
    listed = component(folder, "./a.c", "hal/**/*.c", "#out/ota/otaappdemo.c", "boot.S", "src[1]/x.c")
    assert list(source_files(listed)) == [
        "a.c",
        "hal/deep/er/otaappdemo.c",
        "hal/ota_hal_digest.c",
        "hal/ota_hal_os.c",
        "boot.S",
    ]


@pytest.mark.parametrize(
    ("sources", "name", "found"),
    [
        (["a.c", "hal/ota_hal_digest.c"], "ota_hal_digest.c", "hal/ota_hal_digest.c"),
        (["ota_hal_digest.c"], "ota_hal_digest.c", "ota_hal_digest.c"),
        (["hal\\ota_hal_digest.c"], "ota_hal_digest.c", "hal/ota_hal_digest.c"),
        (["./hal/ota_hal_digest.c"], "ota_hal_digest.c", "hal/ota_hal_digest.c"),
        (["hal/*.c"], "ota_hal_digest.c", "hal/ota_hal_digest.c"),
        (["hal/ota_hal_*.c"], "ota_hal_digest.c", "hal/ota_hal_digest.c"),
        (["*/ota_hal_digest.?"], "ota_hal_digest.c", "hal/ota_hal_digest.c"),
        (["hal/[a-o]*.c"], "ota_hal_digest.c", "hal/ota_hal_digest.c"),
        (["hal/**/*.c"], "otaappdemo.c", "hal/deep/er/otaappdemo.c"),
        (["hal/*.c"], "otaappdemo.c", None),
        (["*.c"], "ota_hal_digest.c", None),
        (["hal/my_ota_hal_digest.c", "hal/ota_hal_digest.cpp"], "ota_hal_digest.c", None),
        ([], "ota_hal_digest.c", None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_find_source(folder, sources, name, found):
    assert find_source(component(folder, *sources), name) == found


def test_find_source_takes_the_first_that_is_listed(folder):
    listed = component(folder, "other/ota_hal_digest.c", "hal/ota_hal_digest.c")
    assert find_source(listed, "ota_hal_digest.c") == "other/ota_hal_digest.c"


# --- components not read yet; those read already are changed in every real build of tests/aos


class FakeNode:
    def has_builder(self):
        return False


class FakeEnvironment:
    def File(self, path):
        return FakeNode()


def build_config(**values):
    return SimpleNamespace(**{"define": {}, "postimage_script": "", "internal_include_updated": [], **values})


def workspace(*components, defines=None):
    solution = SimpleNamespace(
        components=list(components),
        defines=defines or {},
        lib_path="lib",
        userspace_lib_path="user",
        dylib_path="dynamic",
    )
    build_env = SimpleNamespace(solution=solution, postimage_scripts=[])
    return Components(SimpleNamespace(build_env=build_env), FakeEnvironment()), solution


def test_settings_leave_every_place_that_reaches_a_compile_line():
    ota = component("/ota", name="ota", build_config=build_config(define=[{"OTA_APP_VERSION": "a"}, "KEEP=1"]))
    board = component("/board", name="board", build_config=build_config(define={"OTA_APP_VERSION": "b", "KEEP": 2}))
    components, solution = workspace(ota, board, defines={"OTA_APP_VERSION": "c", "KEEP": 3})
    components.drop_defines(["OTA_APP_VERSION", "OTA_NOT_THERE"])
    assert solution.defines == {"KEEP": 3}
    assert ota.build_config.define == ["KEEP=1"]
    assert board.build_config.define == {"KEEP": 2}
    assert components.find("ota") is ota
    assert components.find("nobody") is None


@pytest.mark.parametrize(
    ("define", "after"),
    [
        ({}, {LOCAL_RSA: 1}),
        ({"KEEP": 2}, {"KEEP": 2, LOCAL_RSA: 1}),
        ([], [f"{LOCAL_RSA}=1"]),
        (["KEEP=2"], ["KEEP=2", f"{LOCAL_RSA}=1"]),
        (None, [f"{LOCAL_RSA}=1"]),
    ],
)
def test_a_define_keeps_the_form_that_the_component_uses(define, after):
    ota = component("/ota", name="ota", build_config=build_config(define=define))
    components, _ = workspace(ota)
    components.set_define(ota, LOCAL_RSA, 1)
    assert ota.build_config.define == after


def test_include_folder_is_added_once():
    ota = component("/ota", name="ota", build_config=build_config())
    components, _ = workspace(ota)
    for _ in range(2):
        components.add_include_folder(ota, "/ota/hal")
    assert ota.build_config.internal_include_updated == ["/ota/hal"]


def test_image_steps_are_taken_whether_registered_or_still_to_come():
    chip = component("/chip", name="chip", build_config=build_config(postimage_script="later.py --x"))
    done = component("/done", name="done", build_config=build_config(postimage_script="now.py"))
    components, _ = workspace(chip, done)
    components.build_env.postimage_scripts.append("now.py")
    assert components.take_image_steps() == ["now.py", "later.py --x"]
    assert components.build_env.postimage_scripts == []
    assert (chip.build_config.postimage_script, done.build_config.postimage_script) == ("", "")
    assert components.take_image_steps() == []


# --- the hook that needs no component


@pytest.mark.parametrize(
    "call",
    [
        "Export('defconfig')",
        "Export('one defconfig')",
        "Export('one', 'defconfig')",
        "Export(defconfig=defconfig)",
        "Export({'defconfig': defconfig})",
    ],
)
def test_export_hands_on_what_it_was_given_and_attaches(call, monkeypatch):
    exported, attached = {}, []
    # In the place of the real one, which only SCons can import.
    monkeypatch.setitem(sys.modules, "aos_ota_plugin.scons.aos", SimpleNamespace(attach=attached.append))
    code = f"def sconstruct(Export):\n    one = 1\n    defconfig = ['the build']\n    {call}\n"
    scope = {}
    exec(code, scope)
    scope["sconstruct"](hooked(lambda *names, **values: [exported.update(name) for name in (*names, values)]))
    assert exported["defconfig"] == ["the build"]
    assert exported.get("one") == (1 if "one" in call else None)
    assert attached == [["the build"]]


def test_export_of_something_else_attaches_nothing(monkeypatch):
    exported = {}
    monkeypatch.setitem(
        sys.modules, "aos_ota_plugin.scons.aos", SimpleNamespace(attach=lambda _: pytest.fail("attached"))
    )
    name = "value"
    hooked(exported.update)("name")
    assert exported == {"name": name}


def test_a_macro_that_is_a_text_stays_whole():
    ota = SimpleNamespace(name="ota", build_config=SimpleNamespace(define="A=1"))
    solution = SimpleNamespace(components=[ota], lib_path="l", userspace_lib_path="u", dylib_path="d")
    no_library = SimpleNamespace(File=lambda path: SimpleNamespace(has_builder=lambda: False))
    Components(SimpleNamespace(build_env=SimpleNamespace(solution=solution)), no_library).set_define(ota, LOCAL_RSA, 1)
    assert ota.build_config.define == ["A=1", f"{LOCAL_RSA}=1"]
