"""What a build needs of its components, checked before anything is compiled."""

from __future__ import annotations

import pytest
from setting_values import settings_of

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.pipeline.start_checks import SourcePlan, check_images, check_kept_folder, plan_sources
from aos_ota_plugin.release.names import ImageNames
from aos_ota_plugin.workspace.used_components import BuildInputs, UsedComponent


@pytest.fixture
def settings(solution):
    return settings_of(str(solution))


@pytest.fixture
def inputs(settings):
    """``inputs(*components, cflag=…, cflags=…)``: what a build of the solution with these components looks at."""

    def make(*components, source='#define MY_APP_VER ""\nint application_start(void)\n{\n}\n', cflag="", cflags=""):
        folder = settings.solution_dir
        with open(f"{folder}/应用 main.c", "w", encoding="utf-8") as stream:
            stream.write(source)
        with open(f"{folder}/package.yaml", "w", encoding="utf-8") as stream:
            stream.write("name: s\n\ndepends:\n")
        solution = UsedComponent("s", folder, "", ("应用 main.c",) if source else ())
        used = {name: UsedComponent(name, f"/ws/{name}", "", ()) for name in components}
        if "ota" in used:
            used["ota"] = UsedComponent("ota", "/ws/ota", cflag, ("ota.c", "hal/ota_hal_digest.c"))
        return BuildInputs(solution, {**used, "s": solution}, cflags)

    return make


def test_what_is_rendered(inputs, settings):
    plan = plan_sources(inputs("ota", "kv"), settings)
    assert isinstance(plan, SourcePlan)
    assert (plan.application.source, plan.digest, plan.own_template) == ("应用 main.c", "hal/ota_hal_digest.c", False)


@pytest.mark.parametrize(
    ("components", "more", "says", "fix"),
    [
        (("kv",), {}, "package.yaml:3:1: the solution s does not use the component `ota`", "add `- ota: master`"),
        (
            ("ota",),
            {},
            "package.yaml:3:1: an identity in the key-value partition needs the component kv",
            "- kv: master",
        ),
        (
            ("ota", "kv", "ulog"),
            {"source": ""},
            "needs the components linksdk, netmgr, osal_aos, uservice, and",
            "  - netmgr: master\n  - osal_aos: master",
        ),
        (
            ("ota", "kv"),
            {"cflag": "-Os -DOTA_CONFIG_LOCAL_RSA=0"},
            "/ws/ota/package.yaml: a cflag defines OTA_CONFIG_LOCAL_RSA",
            "take -DOTA_CONFIG_LOCAL_RSA",
        ),
        (("ota", "kv"), {"cflags": "-UOTA_CONFIG_LOCAL_RSA"}, "a cflag defines OTA_CONFIG_LOCAL_RSA", "take -D"),
    ],
)
def test_what_ends_a_build(inputs, settings, components, more, says, fix):
    with pytest.raises(OtaError) as caught:
        plan_sources(inputs(*components, **more), settings)
    assert says in str(caught.value)
    assert fix in caught.value.remedy


def test_an_agent_without_a_place_for_the_key(inputs, settings):
    given = inputs("ota", "kv")
    agent = given.components["ota"]._replace(entries=("ota.c",))
    with pytest.raises(OtaError, match="does not compile ota_hal_digest"):
        plan_sources(given._replace(components={**given.components, "ota": agent}), settings)


def test_images_that_the_chip_does_not_have(solution):
    names = ImageNames("all.bin", None, None)
    for setting, key in (("OTA_COMPRESS_XZ", "xz"), ("OTA_DIFF", "diff")):
        asked = settings_of(str(solution), OTA_BASE_RELEASE="base.json", **{setting: "y"})
        check_images(asked, ImageNames(), "c")
        with pytest.raises(OtaError, match=f"{setting}: devices with the chip c take no {key} image") as caught:
            check_images(asked, names, "c")
        assert caught.value.place == asked.origins[setting].place
    check_images(settings_of(str(solution)), names, "c")


def test_a_file_where_releases_are_kept(solution):
    keeping = settings_of(str(solution), OTA_KEEP_RELEASES="y")
    check_kept_folder(keeping, "b")
    (solution / "releases").mkdir()
    (solution / "releases" / "b").write_text("")
    check_kept_folder(settings_of(str(solution)), "b")
    check_kept_folder(keeping, "c")
    with pytest.raises(OtaError, match="no release can be kept in .*: a file stands there"):
        check_kept_folder(keeping, "b")
