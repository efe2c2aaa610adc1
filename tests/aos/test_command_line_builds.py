"""What is asked for on a command line arrives, or the build ends: in both of the vendor's Makefile shapes, and past them."""

from __future__ import annotations

import json
import os
import shlex
import stat

import pytest

from aos_ota_plugin.errors import BuildError, ProofError
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.pipeline.aos_make import check_built, run_aos_make
from aos_ota_plugin.settings.handover import ORDER, REPORT, Order, order_to_json, parse_report

WITH_AOS_MAKE = True
pytestmark = pytest.mark.aos

NOTHING, MAKEFLAGS = "nothing is passed on", "with MAKEFLAGS"
SHAPES = {
    NOTHING: "scons $(VERB) --board=$(BOARD) -j4\n",
    MAKEFLAGS: "scons $(VERB) --board=$(BOARD) $(MULTITHREADS) $(MAKEFLAGS)\n",
}
MAKEFILE = (
    "ifeq ($(V),1)\nVERB := --verbose\nendif\n.PHONY: all clean\nall:\n\t@{}clean:\n\tscons -c --board=$(BOARD)\n"
)
STRANGE = "my keys/$x \\'\"k中;#.pem"
"""A path with everything in it that a shell, make or SCons reads in its own way."""


@pytest.fixture
def strange(built_workspace, other_key):
    """A built workspace, with another key than its package.yaml names at a path that is hard to hand over."""
    built_workspace.write_key(built_workspace.solution / STRANGE, other_key)
    return built_workspace


@pytest.fixture(params=list(SHAPES))
def shape(request):
    """The name of one of the vendor's shapes."""
    return request.param


@pytest.fixture
def shaped(shape, strange):
    """That workspace, with a Makefile in one of the vendor's shapes."""
    (strange.solution / "Makefile").write_text(MAKEFILE.format(SHAPES[shape]), encoding="utf-8")
    return strange


def quoted(text):
    """One word for the shell that aos-tools starts."""
    return "'" + text.replace("'", "'\\''") + "'"


def released(workspace, version, key):
    """Whether image, manifest and ELF are this version's, and this key signed it."""
    manifest = json.loads(workspace.manifest.read_bytes())
    public = load_signer(key, file="key", passphrase=None).public_key
    return (manifest["version"], manifest["key_fingerprint"]) == (
        version,
        public.fingerprint,
    ) and version.encode() + b"\0" in workspace.elf.read_bytes()


def test_values_arrive_and_names_that_do_not_exist_are_refused(shape, shaped, other_key):
    # The shape with MAKEFLAGS hands every value to a second shell, for which a quote begins a text that never ends.
    version, key = ("test-1", STRANGE) if shape == NOTHING else ("test-2", STRANGE.replace("'\"", ""))
    shaped.write_key(shaped.solution / key, other_key)
    result = shaped.made(
        f"OTA_APP_VERSION={version}", f"OTA_SIGNING_KEY={quoted(key)}", "LWIP_DEBUG=1", "OTA_DEMO_LOOP=1"
    )
    assert released(shaped, version, other_key), result.output
    # Keys of others stay as they are without us: a macro on every compile line would have made everything anew.
    assert set(result.steps("CC")) <= {"out/ota_demo/otaappdemo.o", "out/ota/hal/ota_hal_digest.o"}
    assert "is in the environment" not in result.output  # make exports what it was asked for

    # What else is refused, and that no way shows a secret, is in tests/settings/test_command_line.py.
    before = shaped.snapshot()
    wrong, says = {
        NOTHING: ("OAT_APP_VERSION=app-1.0.9", "did you mean OTA_APP_VERSION?"),
        MAKEFLAGS: ("OTA_DEVICE_SECRET=hush0hush", "OTA_DEVICE_SECRET: there is a secret on the command line"),
    }[shape]
    refused = shaped.make(wrong)
    assert refused.status != 0
    assert says in refused.output
    assert "aos_ota_plugin: error" in refused.output
    assert "\n  fix: " in refused.output
    assert "Traceback" not in refused.output
    assert "hush0hush" not in refused.output
    assert shaped.snapshot() == before


def test_a_misspelt_name_is_none_of_the_solutions_own_whatever_that_is_called(built_workspace):
    workspace = built_workspace
    workspace.edit(workspace.package, "name: ota_demo", "name: ota_app")
    workspace.solution.rename(workspace.solution.with_name("ota_app"))
    refused = workspace.make("OTA_APP_VERSON=app-1.0.9", cwd=workspace.solution.with_name("ota_app"))
    assert refused.status != 0
    assert "did you mean OTA_APP_VERSION?" in refused.output


def test_the_environment_alone_sets_nothing_and_is_warned_of(strange):
    result = strange.made("OTA_APP_VERSION=app-1.0.0", env={"OTA_APP_VERSION": "app-7", "OTA_DIFF": "y"})
    assert [line for line in result.output.splitlines() if "warning" in line] == [
        "aos_ota_plugin: warning: OTA_DIFF is in the environment, which has no effect; to set it: `aos make OTA_DIFF=…`"
    ]
    # Nothing was made, and what stands is said.
    assert f"aos_ota_plugin: {strange.image}: app-1.0.0, {strange.image.stat().st_size} bytes, signed" in result.output
    assert result.output.count("no base release, unchanged\n") == 1
    assert result.count() == {}


def test_scons_started_without_make(strange, dev_key):
    """As aos-tools does on Windows, and whoever calls it by hand."""
    made = strange.run("scons", "-j2", "OTA_APP_VERSION=app-1.2.1", env={"MAKEFLAGS": "w -j8 -- LWIP_DEBUG=1"})
    assert made.status == 0, made.output
    assert released(strange, "app-1.2.1", dev_key)
    behind = strange.run("scons", "-j2", "--", "OTA_APP_VERSION=app-1.2.2")
    assert behind.status == 0, behind.output
    assert released(strange, "app-1.2.2", dev_key)
    refused = strange.run("scons", "OTA_APP_VERSION=app-1.2.3", env={"MAKEFLAGS": " -- OTA_APP_VERSION=app-1.2.4"})
    assert refused.status == 2
    assert "scons got another" in refused.output
    assert "unset MAKEFLAGS" in refused.output


# --- aos-ota make


def ota_make(workspace, *words, **options):
    return workspace.run(str(workspace.aos.parent / "aos-ota"), "make", *words, **options)


def test_every_value_arrives_by_aos_ota_make(shape, shaped, other_key):
    version = "test-3" if shape == NOTHING else "test-4"
    made = ota_make(shaped, f"OTA_APP_VERSION={version}", f"OTA_SIGNING_KEY={STRANGE}", "LWIP_DEBUG=1")
    assert made.status == 0, made.output
    assert released(shaped, version, other_key)


def test_aos_ota_make_refuses_what_cannot_arrive(strange):
    before = strange.snapshot()
    for words, status, says in (
        (["OTA_APP_VERSON=app-1"], 2, "did you mean OTA_APP_VERSION?"),
        (["OTA_PRODUCT_KEY=a\nb", "OTA_APP_VERSION=app-2"], 2, "the product key cannot have '\\n' in it"),
        (["OTHER=a b"], 1, "OTHER: this is no setting of ours"),
        (["OTA_SIGNING_KYE=a b"], 1, "did you mean OTA_SIGNING_KEY?"),
        (["ota_demo@haas100", "BOARD=haaseduk1"], 2, "name two boards"),
        (["OTA_DEVICE_SECRET=hush0hush"], 1, "there is a secret on the command line"),
        (["clean"], 1, "'clean' is no SOLUTION@BOARD"),
    ):
        refused = ota_make(strange, *words)
        assert (refused.status, says in refused.output) == (status, True), refused.output
        assert "hush0hush" not in refused.output
    assert strange.snapshot() == before


def test_another_board_is_built_and_package_yaml_stays_as_it_is(strange):
    """By `aos-ota make`; and by `aos make` in the workspace's root, with a saved configuration."""
    refused = ota_make(strange, "ota_demo@haaseduk1", cwd=strange.root)
    assert refused.status == 1
    assert "- haaseduk1: master" in refused.output
    strange.edit(
        strange.package, "  - haas100: master\n  - ulog", "  - haas100: master\n  - haaseduk1: master\n  - ulog"
    )
    before = strange.package.read_bytes()
    made = ota_make(strange, "ota_demo@haaseduk1", "OTA_APP_VERSION=app-1.3.0", cwd=strange.root)
    assert made.status == 0, made.output
    manifest = json.loads(strange.manifest.read_bytes())
    assert (manifest["board"], manifest["version"]) == ("haaseduk1", "app-1.3.0")
    assert strange.package.read_bytes() == before
    # A Makefile that does not hand the board on would build for another one.
    makefile = (strange.solution / "Makefile").read_bytes()
    (strange.solution / "Makefile").write_text("all:\n\tscons\n", encoding="utf-8")
    refused = ota_make(strange, "ota_demo@haaseduk1", cwd=strange.root)
    assert refused.status == 2
    assert "asked for the board haaseduk1, and this build is for haas100" in refused.output

    (strange.solution / "Makefile").write_bytes(makefile)
    chosen = strange.make("ota_demo@haaseduk1", "-c", "config", cwd=strange.root)
    assert chosen.status == 0, chosen.output
    built = strange.made("OTA_APP_VERSION=app-2.0.0", cwd=strange.root)
    manifest = json.loads(strange.manifest.read_bytes())
    assert (manifest["board"], manifest["version"]) == ("haaseduk1", "app-2.0.0"), built.output


def test_the_status_is_true_where_that_of_aos_make_is_not(strange, tmp_path):
    """On Windows aos-tools ends with 0 for every build that fails, and everywhere for one that was interrupted."""
    lying = tmp_path / "aos"
    folder, program = shlex.quote(str(strange.aos.parent)), shlex.quote(str(strange.aos))
    lying.write_text(f'#!/bin/sh\nPATH={folder}:$PATH\n{program} "$@"\nexit 0\n', encoding="utf-8")
    lying.chmod(lying.stat().st_mode | stat.S_IXUSR)

    def build(*settings):
        return run_aos_make(str(lying), str(strange.solution), "", settings, [])

    version = ("OTA_APP_VERSION", "app-1.4.0")
    good = build(version)
    check_built(good, str(strange.solution), "app-1.4.0")
    with pytest.raises(ProofError, match="app-1.4.1 was asked for, and this is app-1.4.0"):
        check_built(good, str(strange.solution), "app-1.4.1")
    strange.image.write_bytes(strange.image.read_bytes()[:-1])
    with pytest.raises(ProofError, match="is not the file that this manifest describes"):
        check_built(good, str(strange.solution), None)

    strange.append(strange.solution / "maintask.c", "\n#error no\n")
    for settings, why in (([version], "the compiler"), ([("OTA_APP_VERSION", "a b")], "a setting")):
        failed = build(*settings)
        assert failed.status == 0, why
        with pytest.raises(BuildError, match="the build failed, though `aos make` ended with 0"):
            check_built(failed, str(strange.solution), None)
    # As where package.yaml does not list it; SCons itself need not run for that.
    (strange.solution / "Makefile").write_text("all:\n\t@echo done\n", encoding="utf-8")
    with pytest.raises(BuildError, match="aos_ota_plugin did not run in this build"):
        check_built(build(version), str(strange.solution), None)


def test_what_is_handed_over_is_for_one_solution_alone(strange, tmp_path, dev_key):
    def scons(solution):
        (tmp_path / ORDER).write_bytes(
            order_to_json(Order("77", str(solution), "", (("OTA_APP_VERSION", "app-1.5.0"),)))
        )
        return strange.run("scons", env={"AOS_OTA_MAKE": str(tmp_path)})

    other = scons(strange.root / "solutions" / "ota_boot_stage")
    assert other.status == 0, other.output
    assert released(strange, "app-1.0.0", dev_key)
    assert not (tmp_path / REPORT).exists()
    assert scons(strange.solution).status == 0
    assert released(strange, "app-1.5.0", dev_key)
    assert parse_report((tmp_path / REPORT).read_bytes(), "") == ("77", "built", os.fspath(strange.manifest))
    gone = strange.run("scons", env={"AOS_OTA_MAKE": str(tmp_path / "gone")})
    assert gone.status == 2
    assert "unset AOS_OTA_MAKE" in gone.output
