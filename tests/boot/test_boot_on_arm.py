"""The boot stage for the device's core: without a warning, small, and with nothing asked of a C library but three calls."""

import subprocess
from pathlib import Path

import pytest
import yaml
from boot_device import COMPONENT, SOURCES, STRICT

pytestmark = pytest.mark.aos

ARM = "/usr/bin/arm-none-eabi-"


@pytest.fixture(scope="module", params=[(), ("-DOTA_BOOT_VENDOR_FAULTS",)], ids=["as it is", "vendor's faults"])
def boot_object(request, tmp_path_factory, require_tool):
    require_tool("arm-none-eabi-gcc", Path(f"{ARM}gcc").exists(), "apt-get install gcc-arm-none-eabi")
    folder = tmp_path_factory.mktemp("arm")
    whole = folder / "ota_boot.o"
    command = [f"{ARM}gcc", *STRICT, *request.param, "-mcpu=cortex-m33", "-mthumb", "-Os", "-fstack-usage",
               "-I", str(COMPONENT / "include")]  # fmt: skip
    for source in SOURCES:
        done = subprocess.run(
            [*command, "-c", str(source), "-o", str(folder / f"{source.stem}.part.o")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    subprocess.run([f"{ARM}ld", "-r", *map(str, folder.glob("*.part.o")), "-o", str(whole)], check=True)
    return whole


def test_it_is_small_and_has_no_data_of_its_own(boot_object):
    shown = subprocess.run([f"{ARM}size", str(boot_object)], capture_output=True, text=True, check=True).stdout
    text, data, bss = map(int, shown.splitlines()[1].split()[:3])
    print(f"text {text}, data {data}, bss {bss} bytes")
    assert text < 10 * 1024
    assert (data, bss) == (0, 0)


def test_it_needs_three_calls(boot_object):
    shown = subprocess.run([f"{ARM}nm", "-u", str(boot_object)], capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in shown.splitlines()} <= {"memcpy", "memset", "memcmp"}


def test_no_function_takes_much_stack(boot_object):
    frames = [line.split("\t") for usage in boot_object.parent.glob("*.su") for line in usage.read_text().splitlines()]
    assert all(kind == "static" for _, _, kind in frames)
    print("largest frames:", sorted((int(size) for _, size, _ in frames), reverse=True)[:5])
    assert max(int(size) for _, size, _ in frames) <= 1024


def test_the_component_lists_its_sources():
    package = yaml.safe_load((COMPONENT / "package.yaml").read_text(encoding="utf-8"))
    assert package["name"] == COMPONENT.name
    assert sorted(package["source_file"]) == [source.name for source in SOURCES]
