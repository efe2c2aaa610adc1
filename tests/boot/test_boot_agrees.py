"""The boot stage in C and the models in Python give the same verdict on hundreds of damaged files."""

import random
import struct

import pytest
from boot_device import CODES, DIFF, XZ
from material import LAYOUT, LIMITS, NEW, OLD, PATCH, STREAM, UPGRADES, starts_old

from aos_ota_plugin.device.inplace import InPlaceDevice
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import xz
from aos_ota_plugin.images.diff import apply, parse

pytestmark = pytest.mark.native

FLASH = OLD + b"\xff" * (LAYOUT.bank_size - len(OLD))


def damaged(chance, file, places):
    """The file with one to three bytes changed, or cut, or with bytes taken out or put in."""
    changed = bytearray(file)
    kind = chance.randrange(8)
    at = chance.choice(places) if chance.randrange(2) else chance.randrange(len(file))
    if kind == 0:
        del changed[at:]
    elif kind == 1:
        del changed[at : at + chance.randint(1, 8)]
    elif kind == 2:
        changed[at:at] = chance.randbytes(chance.randint(1, 8))
    else:
        for _ in range(chance.randint(1, 3)):
            changed[min(len(changed) - 1, at + chance.randrange(12))] ^= 1 << chance.randrange(8)
    return bytes(changed) or b"\0"


def model_of_xz(file):
    try:
        size = xz.parse(file, more=True).stream_size
        return xz.decompress(file[:size], LAYOUT.bank_size)
    except FormatError:
        return None


def model_of_diff(old, file):
    """What the device's model makes of it: the bank, or None. `apply` says the same."""
    try:
        model = InPlaceDevice(old, file, application_size=LAYOUT.bank_size, ota_size=LAYOUT.bank_size, limits=LIMITS)
        assert model.boot()
    except FormatError:
        with pytest.raises(FormatError):
            apply(old + b"\xff" * (LAYOUT.bank_size - len(old)), file, limits=LIMITS)
        return None
    apply(old + b"\xff" * (LAYOUT.bank_size - len(old)), file, limits=LIMITS)
    return model.application


def seen(device, kind, old, file):
    """What the boot stage makes of it: the bank, or None with the old version left as it was."""
    device.flash(LAYOUT, [old])
    assert device.request(kind, file).code == 0
    bank = device.run().code
    if device.state().result == 0 and bank == 0:
        return device.bank(0)
    # Damage may hide from the checks only where the base is another one: then nothing is started.
    assert bank == CODES["OTA_NB_CRC_COMP_FAIL"] or starts_old(device, bank, old)
    return None


def test_xz_images(device):
    chance = random.Random(11)
    places = [*range(24), *range(len(STREAM) - 470, len(STREAM))]  # headers; index, footer and trailer
    accepted = 0
    for number in range(400):
        file = damaged(chance, STREAM, places)
        made, expected = seen(device, XZ, OLD, file), model_of_xz(file)
        assert (made is None) == (expected is None), (number, file.hex())
        if expected is not None:
            assert made[: len(expected)] == expected == NEW
            accepted += 1
    assert 20 < accepted < 300  # damage in the trailer, which is the agent's to find


@pytest.mark.parametrize("name", ["diff", "diff without dummy"])
def test_diffs(device, name):
    file = UPGRADES[name].file
    chance = random.Random(name)
    places = []
    for section in parse(file):
        places += range(section.offset, section.offset + 48)
        at = section.offset + 48
        for stream in (section.ctrl, section.diff, section.extra):
            places += [*range(at, at + 24), *range(at + len(stream) - 28, at + len(stream))]
            at += len(stream)
    accepted = 0
    for number in range(300):
        changed = damaged(chance, file, places)
        made, expected = seen(device, DIFF, OLD, changed), model_of_diff(OLD, changed)
        assert made == expected, (number, changed.hex())
        accepted += expected is not None
    assert accepted < 150


def test_diffs_without_a_check_in_their_streams(device):
    """Damage that only the section's CRC-16 shows, and triples made of noise."""
    import lzma

    def plain(data):
        return lzma.compress(data, check=lzma.CHECK_NONE, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])

    chance = random.Random(12)
    refused = 0
    for number in range(300):
        triples = [[0x400, 0, 0x400], [0, 0x400, -0x400], [0x800, 0, 0]]
        which = chance.randrange(3)
        triples[which][chance.randrange(3)] += chance.choice(
            (0, 1, -1, 0x10, 1 << 40, -(1 << 40), chance.randint(-2000, 2000))
        )
        at, made = 0, b""
        for add, copy, seek in triples:
            if 0 <= at < len(FLASH) and add >= 0 and copy >= 0:
                made += FLASH[at : at + min(add, 0x1000)] + NEW[: min(copy, 0x1000)]
            at += add + seek
        crc = 0
        for byte in made:
            crc ^= byte << 8
            for _ in range(8):
                crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
        control = b"".join(
            (abs(value) | (1 << 63 if value < 0 else 0)).to_bytes(8, "little") for one in triples for value in one
        )
        streams = [plain(control), plain(bytes(0x1000)), plain(NEW[:0x400] * 2)]
        if chance.randrange(3) == 0:
            stream = bytearray(streams[1])
            stream[chance.randrange(len(stream))] ^= 1 << chance.randrange(8)
            streams[1] = bytes(stream)
        file = b"BSDIFF40" + struct.pack("<5Q", *map(len, streams), max(1, len(made)), crc) + b"".join(streams)
        made_by_c, expected = seen(device, DIFF, OLD, file), model_of_diff(OLD, file)
        assert made_by_c == expected, (number, triples)
        refused += expected is None
    assert 50 < refused < 290


def test_wrong_bases(device):
    chance = random.Random(13)
    for _ in range(60):
        old = bytearray(OLD)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(old))
            old[at] ^= 1 << chance.randrange(8)
        device.flash(LAYOUT, [bytes(old)])
        assert device.request(DIFF, PATCH).code == 0
        code = device.run().code
        model = model_of_diff(bytes(old), PATCH)
        if model is not None:  # nothing reads what was changed
            assert (code, device.bank(0)) == (0, model)
        else:
            assert code in {0, CODES["OTA_NB_CRC_COMP_FAIL"]}
            assert code != 0 or starts_old(device, 0, bytes(old))
