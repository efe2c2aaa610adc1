"""What we write compiles for the device, without a warning, against the headers of the demo workspace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Set

import pytest
from waiting import HANGS

from aos_ota_plugin.sources.inject import inject_app, inject_digest
from aos_ota_plugin.sources.render import render_app, render_digest, render_identity
from aos_ota_plugin.sources.template_files import load_templates
from aos_ota_plugin.sources.values import AppValues, Embedded, EmbeddedSecrets, Kv

pytestmark = pytest.mark.aos

WORKSPACE = Path(__file__).parents[2] / "aos_ota_plugin" / "demo" / "workspace"
OURS = load_templates()
N, E = bytes(range(256)), b"\x01\x00\x01"
EMBEDDED = AppValues("app-1.2.3", Embedded("a1B2c3", "dev-7"))
KV = AppValues("app-1.2.3", Kv())
DEMO_APP = WORKSPACE / "solutions" / "ota_demo" / "otaappdemo.c"
DEMO_DIGEST = WORKSPACE / "components" / "ota" / "hal" / "ota_hal_digest.c"


@pytest.fixture(scope="module")
def arm() -> str:
    found = shutil.which("arm-none-eabi-gcc")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("arm-none-eabi-gcc is needed")
        pytest.skip("arm-none-eabi-gcc is needed")
    return found


def undefined(arm: str, folder: Path, source: bytes) -> Set[str]:
    """Compile a source and return the names it leaves to others."""
    (folder / "x.c").write_bytes(source)
    includes = [f"-I{path}" for path in sorted(WORKSPACE.rglob("include")) if path.is_dir()]
    includes.append(f"-I{WORKSPACE / 'components' / 'ota' / 'hal'}")
    command = [
        arm,
        "-mcpu=cortex-m4",
        "-mthumb",
        "-Os",
        "-Wall",
        "-Werror",
        *includes,
        "-c",
        str(folder / "x.c"),
        "-o",
        str(folder / "x.o"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, done.stderr
    nm = [arm[: -len("gcc")] + "nm", "-u", str(folder / "x.o")]
    names = subprocess.run(nm, capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in names.splitlines()}


def test_app_template_with_an_embedded_identity(arm: str, tmp_path: Path) -> None:
    names = undefined(arm, tmp_path, render_app(EMBEDDED, templates=OURS))
    assert {"aos_ota_device_secret", "ota_service_init", "aiot_mqtt_connect", "ota_service_start"} <= names
    assert "aos_ota_identity" not in names


def test_app_template_with_the_kv_partition(arm: str, tmp_path: Path) -> None:
    names = undefined(arm, tmp_path, render_app(KV, templates=OURS))
    assert "aos_ota_identity" in names
    assert "aos_ota_device_secret" not in names


def test_digest_template(arm: str, tmp_path: Path) -> None:
    names = undefined(arm, tmp_path, render_digest(N, E, templates=OURS))
    assert {"mbedtls_rsa_pkcs1_verify", "mbedtls_sha256_finish_ret", "mbedtls_md5_finish_ret"} <= names


def test_identity_objects(arm: str, tmp_path: Path) -> None:
    assert undefined(arm, tmp_path, render_identity(EmbeddedSecrets("a", "b"), templates=OURS).encode()) == set()
    assert "aos_kv_get" in undefined(arm, tmp_path, render_identity(Kv(), templates=OURS).encode())


@pytest.mark.parametrize(
    ("values", "symbol"), [(EMBEDDED, "aos_ota_device_secret"), (KV, "aos_ota_identity")], ids=["embedded", "kv"]
)
def test_the_demo_s_application_injected(arm: str, tmp_path: Path, values: AppValues, symbol: str) -> None:
    source = inject_app(DEMO_APP.read_bytes(), str(DEMO_APP), values)
    assert symbol in undefined(arm, tmp_path, source)
    assert b"app-1.2.3\0" in (tmp_path / "x.o").read_bytes()


def test_the_demo_s_digest_layer_injected(arm: str, tmp_path: Path) -> None:
    undefined(arm, tmp_path, inject_digest(DEMO_DIGEST.read_bytes(), str(DEMO_DIGEST), N, E))
    assert N in (tmp_path / "x.o").read_bytes()
