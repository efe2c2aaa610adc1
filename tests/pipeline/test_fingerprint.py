"""What a change makes anew: just what the table of settings says, and what else decides a release."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from setting_values import changed, settings_of

from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.keys.secret import Secret
from aos_ota_plugin.pipeline import rendering
from aos_ota_plugin.pipeline.build_environment import BuildEnvironment
from aos_ota_plugin.pipeline.fingerprint import Fingerprint, fingerprint_release, part_inputs
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.pipeline.module_sources import load_sources
from aos_ota_plugin.provenance.component import Component
from aos_ota_plugin.settings.fields import ROWS, Part
from aos_ota_plugin.settings.secretfile import Secrets
from aos_ota_plugin.sources.template_files import load_templates
from aos_ota_plugin.workspace.chip import Chip

KEYS = Path(__file__).parents[1] / "keys" / "data"
EMBEDDED = {"OTA_IDENTITY_EMBEDDED": "y", "OTA_PRODUCT_KEY": "a1B2", "OTA_DEVICE_NAME": "dev-7"}
SECRETS = Secrets(device_secret=Secret(b"zq81device7secret"))
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.attribute for row in ROWS])


@pytest.fixture
def solution(solution):
    (solution / "app.elf").write_bytes(b"elf")
    (solution / "base.json").write_bytes(b"{}")
    return solution


@pytest.fixture
def site(site, solution):
    return replace(site, elf=str(solution / "app.elf"), chip=Chip("c"), objcopy=("-O", "binary"))


@pytest.fixture
def settings(solution):
    return settings_of(str(solution), OTA_PROVENANCE="y", OTA_PARTITION_SIZE="0x5000", OTA_BASE_RELEASE="base.json")


def fingerprint(site, settings, payload, modules=()):
    keys = BuildKeys(settings)
    return fingerprint_release(site, settings, keys.digests(keys.files), [payload], modules)


def parts_of(before: Fingerprint, after: Fingerprint):
    return {name for name in Fingerprint._fields if getattr(before, name) != getattr(after, name)}


# --- settings


@each_row
def test_a_setting_changes_just_the_fingerprints_that_its_row_names(row, site, settings):
    # Without the files of keys: "/other/path" is no key ring.
    wanted = {name for name, part in (("images", Part.IMAGE), ("documents", Part.DOCUMENTS)) if part & row.affects}
    before, after = (fingerprint_release(site, one, (), [b"payload"]) for one in (settings, changed(settings, row)))
    assert parts_of(before, after) == wanted


@each_row
def test_a_setting_changes_just_what_scons_compares_for_the_parts_that_its_row_names(row, settings):
    other = changed(settings, row)
    assert {part for part in Part if part_inputs(part, settings) != part_inputs(part, other)} == {
        part for part in Part if part & row.affects
    }


@each_row
def test_a_rendered_source_depends_on_no_setting_but_those_whose_rows_say_so(row, solution):
    """What is rendered is the judge of the table: a row that does not name a source may not change its text."""
    settings = settings_of(str(solution), SECRETS, **EMBEDDED)
    other = changed(settings, row)
    where = {"user_file": None, "display": None, "templates": load_templates(None)}
    apps = [rendering.render_app_source(one, **where) for one in (settings, other)]
    assert (apps[0] != apps[1]) is bool(Part.APP & row.affects)
    if not Part.DIGEST & row.affects:  # else "/other/path" is no key; test_rebuilds.py changes keys
        digests = [rendering.render_digest_source(BuildKeys(one).trusted, **where) for one in (settings, other)]
        assert digests[0] == digests[1]


def test_what_scons_stores_holds_no_secret_and_changes_with_it():
    def inputs(secrets):
        settings = settings_of("/w", secrets, **EMBEDDED)
        return {part: part_inputs(part, settings) for part in Part}

    before, after = inputs(SECRETS), inputs(Secrets(device_secret=Secret(b"zq82device7secret")))
    assert {part for part in Part if before[part] != after[part]} == {Part.IDENTITY}
    assert "zq81" not in "".join(before.values())
    product = inputs(replace(SECRETS, product_secret=Secret(b"zq83product7secret")))
    assert {part for part in Part if before[part] != product[part]} == {Part.IDENTITY, Part.APP}


def test_a_secret_that_no_firmware_holds_is_not_looked_at():
    assert [part_inputs(part, settings_of()) for part in Part] == [
        part_inputs(part, settings_of("/w", SECRETS)) for part in Part
    ]


# --- everything else


@pytest.mark.parametrize(
    "field, value",
    [
        ("objcopy", ("-O", "binary", "--gap-fill", "0")),
        ("solution", "t"),
        ("board", "x"),
        ("chip", Chip("d")),
        ("elf", None),
    ],
)
def test_the_build_s_own_facts_change_the_images(site, settings, field, value):
    before, after = (fingerprint(one, settings, b"p") for one in (site, replace(site, **{field: value})))
    assert parts_of(before, after) == {"images"}


def test_the_payload_changes_the_images(site, settings):
    assert parts_of(fingerprint(site, settings, b"p"), fingerprint(site, settings, b"q")) == {"images"}


def test_a_key_counts_by_its_content(site, settings, solution):
    before = fingerprint(site, settings, b"p")
    os.utime(solution / "k.pem", ns=(0, 0))
    assert fingerprint(site, settings, b"p") == before
    data = (solution / "k.pem").read_bytes()
    for other in (data + b"x", data.swapcase()):
        (solution / "k.pem").write_bytes(other)
        os.utime(solution / "k.pem", ns=(0, 0))
        assert parts_of(before, fingerprint(site, settings, b"p")) == {"images"}
    (solution / "k.pem").unlink()
    assert parts_of(before, fingerprint(site, settings, b"p")) == {"images"}


@pytest.mark.parametrize("name", ["app.elf", "base.json"])
@pytest.mark.parametrize("change", ["longer", "touched", "gone"])
def test_a_file_that_decides_the_images_counts_by_size_and_time(site, settings, solution, name, change):
    before = fingerprint(site, settings, b"p")
    path = solution / name
    status = path.stat()
    if change == "gone":
        path.unlink()
    elif change == "touched":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))
    else:
        path.write_bytes(path.read_bytes() + b"x")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert parts_of(before, fingerprint(site, settings, b"p")) == {"images"}


def test_the_board_s_tables_count_where_no_setting_gives_the_size(site, settings, solution):
    table = solution / "board" / "config" / "partition_conf.c"
    table.parent.mkdir(parents=True)
    site = replace(site, board_folder=str(solution / "board"))
    seen = []
    for text in ("int a;", "int b;"):
        table.write_text(text)
        seen.append([fingerprint(site, replace(settings, partition_size=n), b"p") for n in (0, 0x5000)])
    assert parts_of(seen[0][0], seen[1][0]) == {"images"}
    assert seen[0][1] == seen[1][1]


def test_components_change_the_documents_where_there_are_any(site, settings):
    other = replace(site, environment=BuildEnvironment("/w", (Component("ota", "v2", "common", "components/ota"),)))
    plain = replace(settings, provenance=False)
    assert parts_of(*(fingerprint(one, settings, b"p") for one in (site, other))) == {"documents"}
    assert [fingerprint(one, plain, b"p").documents for one in (site, other)] == ["", ""]


def test_a_module_s_content_and_version_change_the_modules_alone(site, settings, solution):
    listed = solution / "ota.modules.yaml"
    settings = replace(settings, modules=str(listed))
    seen = []
    for version, data in (("js-1", b"1"), ("js-2", b"1"), ("js-2", b"2")):
        listed.write_text(f"modules:\n- name: js\n  version: {version}\n  file: a.js\n  store_path: /data/a.js\n")
        (solution / "a.js").write_bytes(data)
        seen.append(fingerprint(site, settings, b"p", load_sources(settings)))
    assert parts_of(seen[0], seen[1]) == parts_of(seen[1], seen[2]) == {"modules"}
    assert parts_of(seen[0], fingerprint(site, settings, b"p")) == {"modules"}


def test_a_ring_that_cannot_be_read_ends_the_build(site, settings, solution):
    with pytest.raises(OtaError):
        fingerprint(site, replace(settings, key_ring=str(solution / "none.yaml")), b"p")
