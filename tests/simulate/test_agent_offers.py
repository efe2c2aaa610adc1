"""The emulated device's agent, both builds of it run on this machine, against the case table of tests/device/cases."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Callable, List

import pytest
from waiting import HANGS

sys.path.insert(0, str(Path(__file__).parent.parent / "device"))
from case_table import Case, load

from aos_ota_plugin.workspace.component_files import package_folder

pytestmark = pytest.mark.native
FAULT = -100
WORKSPACE = package_folder() / "demo" / "workspace"
OTA = WORKSPACE / "components" / "ota"

# What the agent says otherwise. A row that is no longer true fails, too: take it out.
DIFFERENT = {
    "hardened": {},
    "vendor": {"a pack with a name of 200 letters": "the demo's agent unpacks by itself, and has no room for the name"},
}


def compile_agent(gcc: str, program: Path, *options: str) -> None:
    includes = [OTA / "include", OTA / "hal", OTA / "ota_agent" / "module"]
    includes += [WORKSPACE / "components" / name / "include" for name in ("cjson", "filestore", "linksdk", "osal_aos")]
    includes += [WORKSPACE / "components" / "ulog" / "include", WORKSPACE / "hardware/chip/mps2_an505/include"]
    sources = [OTA / "hal" / name for name in ("ota_hal_os.c", "ota_hal_plat.c")]
    sources += [*OTA.glob("ota_agent/*.c"), *OTA.glob("ota_agent/*/*.c")]
    sources += [WORKSPACE / "components/filestore/filestore.c", WORKSPACE / "components/cjson/cJSON.c"]
    done = subprocess.run(
        [gcc, "-std=gnu11", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *options]
        + [f"-I{folder}" for folder in includes]
        + [str(Path(__file__).parent / "agent_offers.c"), *map(str, sources), "-lmbedcrypto", "-o", str(program)],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def request(case: Case) -> bytes:
    key = case.public_key
    numbers = bytes(256) + b"\x01\x00\x01" if key is None else key.modulus.to_bytes(256, "big")
    if key is not None:
        numbers += key.exponent.to_bytes(3, "big")
    is_pack = len(case.file) > 8 and struct.unpack_from("<I", case.file, 4)[0] == len(case.file)
    head = f"{case.version}. {case.partition_size} {is_pack:d} {len(case.text)} {len(case.file)}\n"
    return head.encode("ascii") + numbers + case.text + case.file


def codes(program: Path, cases: List[Case]) -> List[int]:
    """Return the agent's code for each case."""
    done = subprocess.run(
        [str(program)], input=b"".join(map(request, cases)), capture_output=True, timeout=HANGS, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [int(line) for line in done.stdout.split()]


@pytest.fixture(scope="module")
def gcc(require_tool: Callable[[str, bool, str], None]) -> str:
    found = shutil.which("gcc") or ""
    check = b'#include "mbedtls/version.h"\n#if MBEDTLS_VERSION_MAJOR != 2\n#error mbedtls 2 is needed\n#endif\n'
    ready = (
        bool(found)
        and subprocess.run([found, "-E", "-x", "c", "-"], input=check, capture_output=True, check=False).returncode == 0
    )
    require_tool("mbedtls", ready, "gcc and mbedtls 2.28 with headers (libmbedtls-dev) are needed")
    return found


@pytest.mark.parametrize("mode", ["local", "cloud"])
@pytest.mark.parametrize("kind", ["hardened", "vendor"])
def test_the_agent_answers_as_the_table_says(gcc, tmp_path, kind, mode):
    program = tmp_path / "代 理"
    options = ["-DDEMO_VENDOR_FLAWS"] if kind == "vendor" else []
    compile_agent(gcc, program, *options, *(["-DOTA_CONFIG_LOCAL_RSA=1"] if mode == "local" else []))
    answers = [(case, case.vendor if kind == "vendor" else case.hardened) for case in load() if case.mode == mode]
    asked = [case for case, answer in answers if answer is not None]
    wanted = {case.name: FAULT if answer.fault else answer.code for case, answer in answers if answer is not None}
    found = dict(zip(wanted, codes(program, asked)))
    known = {name for name in DIFFERENT[kind] if name in wanted}
    others = {name for name in wanted if found.get(name) != wanted[name]}
    assert {name: (found.get(name), wanted[name]) for name in others - known} == {}
    assert known <= others
