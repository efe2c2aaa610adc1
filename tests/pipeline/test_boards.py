"""Boards of one chip, and solutions for it, share the chip's folder: none loses its last release to another."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from setting_values import settings_of

from aos_ota_plugin.pipeline import build
from aos_ota_plugin.pipeline.keyset import BuildKeys
from aos_ota_plugin.pipeline.site import Site

KEYS = Path(__file__).parents[1] / "keys" / "data"
MODULES = "modules:\n- name: js\n  version: js-1\n  file: a.js\n  store_path: /data/a.js\n"


@pytest.fixture
def solution(tmp_path):
    folder = tmp_path / "工作 区"
    (folder / "chip").mkdir(parents=True)
    shutil.copy(KEYS / "private.pem", folder / "k.pem")
    (folder / "k.pem").chmod(0o600)
    (folder / "a.js").write_bytes(b"print(1)")
    (folder / "ota.modules.yaml").write_text(MODULES)
    return folder


@pytest.fixture
def site_of(solution):
    """``site_of(board)``: its files, with a payload of its own, as its image step has just made it."""

    def make(board):
        chip, copy = solution / "chip", solution / "out" / "ota" / board
        (chip / "ota_rtos.bin").write_bytes(random.Random(board).randbytes(6000))
        return Site(
            image=str(chip / "ota_rtos_ota.bin"),
            manifest=str(chip / "ota_rtos_ota.json"),
            payload=str(chip / "ota_rtos.bin"),
            state=str(copy / "release-state.json"),
            copy=str(copy),
            solution="s",
            board=board,
        )

    return make


@pytest.fixture
def settings(solution):
    return settings_of(str(solution), OTA_PARTITION_SIZE="0x5000")


def build_release(site, settings):
    return build.build_release(site, settings, BuildKeys(settings))


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != "release-state.json"}


def outputs(site):
    return {name: data for name, data in files(Path(site.image).parent).items() if name != "ota_rtos.bin"}


def test_each_board_keeps_its_last_release(site_of, settings):
    build_release(site_of("haas100"), settings)
    first = outputs(site_of("haas100"))
    build_release(site_of("haaseduk1"), settings)
    second = outputs(site_of("haaseduk1"))
    assert first.keys() == second.keys()
    assert first != second
    assert files(site_of("haas100").copy) == first
    assert files(site_of("haaseduk1").copy) == second
    assert json.loads(first["ota_rtos_ota.json"])["board"] == "haas100"


class SignsNothing:
    def __init__(self, signer):
        self.public_key = signer.public_key


def test_back_on_the_first_board_its_release_is_there_again(site_of, settings):
    """Nothing is signed again: the copy has the signature."""
    build_release(site_of("haas100"), settings)
    first = outputs(site_of("haas100"))
    build_release(site_of("haaseduk1"), replace(settings, compress_xz=True))
    keys = BuildKeys(settings)
    keys.__dict__["key_set"] = keys.key_set._replace(signer=SignsNothing(keys.key_set.signer))
    lines = build.build_release(site_of("haas100"), settings, keys).lines
    assert f"OTA {site_of('haas100').image}" in lines
    assert outputs(site_of("haas100")) == first  # no xz image of the other board's beside it
    assert build_release(site_of("haas100"), settings).lines[-1].endswith("no base release, unchanged")


def test_files_of_another_boards_release_go_modules_and_documents_too(site_of, settings):
    others = {"provenance": True, "compress_xz": True, "modules": str(Path(settings.solution_dir, "ota.modules.yaml"))}
    build_release(site_of("haaseduk1"), replace(settings, **others))
    strange = Path(site_of("haas100").image).with_name("ota_module_mine.bin")
    strange.write_bytes(b"of the user's")
    build_release(site_of("haas100"), settings)
    assert set(outputs(site_of("haas100"))) == {"ota_rtos_ota.bin", "ota_rtos_ota.json", strange.name}
    assert {"ota_rtos_ota.bin.xz", "ota_module_js.bin", "ota_rtos_ota.cdx.json"} <= set(
        files(site_of("haaseduk1").copy)
    )


def test_a_lost_copy_is_made_again(site_of, settings):
    site = site_of("haas100")
    build_release(site, replace(settings, compress_xz=True))
    whole = files(site.copy)
    assert "ota_rtos_ota.bin.xz" in whole
    build_release(site, settings)
    assert set(files(site.copy)) == {"ota_rtos_ota.bin", "ota_rtos_ota.json"}
    Path(site.copy, "ota_rtos_ota.json").unlink()
    build_release(site, settings)
    assert files(site.copy) == outputs(site)


def test_a_damaged_copy_is_restored(site_of, settings):
    """`aos-ota release` keeps the copy, and the next release takes signatures from it."""
    build_release(site_of("haas100"), settings)
    site = site_of("haas100")
    before = files(site.copy)
    image = Path(site.copy, "ota_rtos_ota.bin")
    for damage in (image.unlink, lambda: image.write_bytes(before[image.name][:-1] + b"x")):
        damage()
        assert "unchanged" in build_release(site, settings).lines[-1]
        assert files(site.copy) == before
