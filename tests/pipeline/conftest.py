"""A solution's folder with a key and a payload, and the paths of its release."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from aos_ota_plugin.pipeline.build_environment import BuildEnvironment
from aos_ota_plugin.pipeline.site import Site
from aos_ota_plugin.provenance.component import Component

KEYS = Path(__file__).parents[1] / "keys" / "data"


@pytest.fixture
def solution(tmp_path):
    folder = tmp_path / "工作 区"
    (folder / "out").mkdir(parents=True)
    shutil.copy(KEYS / "private.pem", folder / "k.pem")
    (folder / "k.pem").chmod(0o600)
    (folder / "ota_rtos.bin").write_bytes(random.Random(1).randbytes(6000))
    return folder


@pytest.fixture
def site(solution):
    return Site(
        image=str(solution / "out" / "ota_rtos_ota.bin"),
        manifest=str(solution / "out" / "ota_rtos_ota.json"),
        payload=str(solution / "ota_rtos.bin"),
        state=str(solution / "state.json"),
        solution="s",
        board="b",
        solution_folder=str(solution),
        environment=BuildEnvironment(str(solution), (Component("ota", "v1", "common", "components/ota"),)),
    )
