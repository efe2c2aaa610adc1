"""A release in memory: a payload, an ELF that holds key and version, and key pairs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from release_parts import ReleaseParts

from aos_ota_plugin.device.flat_binary import flat_binary
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.release.request import Base, Firmware, KeySet, Options

FILLING = bytes(range(256)) * 16
"""What an image step appends: the firmware itself is smaller than devices take."""
TESTS = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("elf_builder", TESTS / "device" / "elf_builder.py")
elf_builder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(elf_builder)


def signer_from(name):
    path = TESTS / "keys" / "data" / name
    return load_signer(path.read_bytes(), file=str(path), passphrase=None)


def firmware(key, *texts, code=b""):
    """An ELF whose section .rodata holds the key's arrays and NUL-terminated texts; with ``code`` it has a .text, too."""
    data = key.n_bytes + key.e_bytes + b"\0" + b"".join(text + b"\0" for text in texts)
    symbols = [elf_builder.Symbol("ota_pubn_buf", 0x1000, 256), elf_builder.Symbol("ota_pube_buf", 0x1100, 3)]
    sections = [elf_builder.Section(".rodata", data)]
    if code:
        sections.append(elf_builder.Section(".text", code, address=0x2000))
    return elf_builder.build_elf(sections, symbols)


@pytest.fixture(scope="session")
def signer():
    return signer_from("private.pem")


@pytest.fixture(scope="session")
def other():
    return signer_from("other-private.pem")


@pytest.fixture
def given(signer):
    """What makes a good release of app-1.0.1."""
    elf = firmware(signer.public_key, b"app-1.0.1")
    return ReleaseParts(
        Firmware(flat_binary(elf) + FILLING, "app-1.0.1", "kv", elf=elf, elf_name="app.elf"),
        KeySet("local", signer),
        Base(),
        Options(0x578000),
    )


@pytest.fixture
def build_firmware():
    return firmware


@pytest.fixture
def linked():
    """A function: the changes that make a release one of another ELF and of the payload made of that."""

    def changes(elf, appended=FILLING):
        return {"elf": elf, "payload": flat_binary(elf) + appended}

    return changes
