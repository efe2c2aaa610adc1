"""The connected MCU: what comes of its images, on the emulated device's second UART."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import HANGS

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.images import full
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.lab.simulate import machine
from aos_ota_plugin.lab.simulate.cases import mcu
from aos_ota_plugin.lab.simulate.device import judge_case, play, prepare, published, send, switch_on
from aos_ota_plugin.lab.simulate.firmware import CLOUD, digestsign, sign_payload
from aos_ota_plugin.lab.simulate.mcu import Mcu, McuBehavior, _SocketLine
from aos_ota_plugin.lab.simulate.scenarios import SCENARIOS
from aos_ota_plugin.transport.blocks import Announced, announcement
from aos_ota_plugin.transport.errors import TransferError
from aos_ota_plugin.transport.line import send as send_over
from aos_ota_plugin.transport.receiver import CANCEL
from aos_ota_plugin.transport.sender import Sender

MCU_OLD, MCU_NEW = "mcu-1.0.9", "mcu-1.1.0"


def params_of(folder, name):
    """The params of what the device has published to a topic, in order."""
    return [json.loads(message.rstrip(b"\0"))["params"] for message in published(folder, name)]


def steps(folder):
    return [int(one["step"]) for one in params_of(folder, "progress")]


def versions(folder):
    return [one["version"] for one in params_of(folder, "inform") if one.get("module") == "mcu"]


def offered_to(folder, built, case, peer, words=()):
    """Switch a new device on, connected to this MCU."""
    prepare(folder, built, case)
    with peer:
        return switch_on(folder, words, module="mcu", mcu=peer.port)


@pytest.mark.qemu
def test_the_mcu_has_the_image_and_the_device_its_version(built, tmp_path):
    case, peer = SCENARIOS["mcu"].case(built), Mcu(McuBehavior.TAKES)
    seen = offered_to(tmp_path, built, case, peer)
    assert peer.image == case.offer.image[:20_004] == case.installs
    assert steps(tmp_path) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert versions(tmp_path) == [MCU_OLD, MCU_NEW], seen.log


@pytest.mark.qemu
@pytest.mark.parametrize("behavior", [McuBehavior.REFUSES, McuBehavior.REFUSES_LATE])
def test_an_mcu_that_refuses_is_asked_three_times(built, tmp_path, behavior):
    """Also one that refuses when it has every byte of it: what it does not take, its device does not report."""
    peer = Mcu(behavior)
    seen = offered_to(tmp_path, built, mcu(built, behavior), peer)
    assert (peer.refused, peer.image) == (3, b"")
    assert seen.log.count("the MCU refuses") == 3
    assert seen.log.count("the upgrade is refused: -14") == 1
    assert steps(tmp_path)[-2:] == [100, -4]
    assert versions(tmp_path) == [MCU_OLD]


@pytest.mark.qemu
def test_without_an_mcu_the_device_gives_up(built, tmp_path):
    case = SCENARIOS["mcu-silent"].case(built)
    prepare(tmp_path, built, case)
    seen = switch_on(tmp_path, module="mcu")
    assert seen.log.count("the MCU does not answer") == 3
    assert steps(tmp_path)[-2:] == [100, -4]
    assert versions(tmp_path) == [MCU_OLD]


@pytest.mark.qemu
def test_rb_takes_the_image(built, tmp_path):
    """A receiver that is none of ours."""
    assert shutil.which("rb"), "lrzsz is needed"
    case = mcu(built, None)
    folder = tmp_path / "mcu"
    folder.mkdir()
    prepare(tmp_path, built, case)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        device = pool.submit(switch_on, tmp_path, module="mcu", mcu=listener.getsockname()[1])
        line = listener.accept()[0]
        with line:
            done = subprocess.run(
                ["rb", "--ymodem", "-q"],
                cwd=folder,
                stdin=line,
                stdout=line,
                stderr=subprocess.PIPE,
                timeout=HANGS,
                check=False,
            )
            seen = device.result()
    assert (done.returncode, seen.verdict, seen.version) == (0, DeviceVerdict.OTA_SUCCESS, MCU_NEW), (
        done.stderr,
        seen.log,
    )
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [("mcu.bin", case.offer.image[:20_004])]


@pytest.mark.qemu
def test_the_first_version(built, tmp_path):
    case = mcu(built, McuBehavior.TAKES)._replace(files={}, module_version=None)
    seen = play(tmp_path, built, case)
    assert (seen.verdict, seen.version, seen.mcu) == (DeviceVerdict.OTA_SUCCESS, MCU_NEW, case.installs), seen.log


@pytest.mark.qemu
@pytest.mark.parametrize("magic", [ImageMagic.ALL, ImageMagic.FS])
def test_an_image_that_is_not_for_an_mcu(built, tmp_path, magic):
    case = mcu(built, McuBehavior.TAKES, sign_payload(bytes(3000), built.key, magic))
    seen = play(tmp_path, built, case._replace(installs=b""))
    assert (seen.verdict, seen.version, seen.mcu) == (DeviceVerdict.OTA_VERIFY_IMAGE_FAIL, MCU_OLD, b""), seen.log
    assert "to the MCU" not in seen.log


@pytest.mark.qemu
@pytest.mark.parametrize("signer", ["key", "stranger"])
def test_in_cloud_mode_the_push_brings_the_signature(built, tmp_path, signer):
    image = full.build(bytes(3000), sign=None, magic=ImageMagic.MCU)
    case = mcu(built, McuBehavior.TAKES, image)
    case = case._replace(
        firmware=built.firmware[CLOUD].payload,
        local=False,
        offer=case.offer._replace(digestsign=digestsign(image, getattr(built, signer))),
    )
    seen = play(tmp_path, built, case)
    assert (
        seen.verdict
        == judge_case(case).verdict
        == (DeviceVerdict.OTA_SUCCESS if signer == "key" else DeviceVerdict.OTA_VERIFY_RSA_FAIL)
    ), seen.log
    assert seen.mcu == (image[:3004] if signer == "key" else b"")


@pytest.mark.qemu
@pytest.mark.parametrize("operation", [8, 16, 17, 18, 19])
def test_power_that_fails_does_not_lose_the_version(built, tmp_path, operation):
    """Operation 15 is the last of the download: the version is written in those after it, when the MCU has its image."""
    case = SCENARIOS["mcu"].case(built)
    cut = offered_to(tmp_path, built, case, Mcu(McuBehavior.TAKES), [f"cut={operation}"])
    assert cut.status == machine.POWER_CUT
    assert MCU_NEW not in versions(tmp_path)
    send(tmp_path, [case.offer])
    with Mcu(McuBehavior.TAKES) as peer:
        again = switch_on(tmp_path, module="mcu", mcu=peer.port)
    assert again.version == MCU_NEW, again.log
    send(tmp_path, [])
    assert switch_on(tmp_path, module="mcu").version == MCU_NEW


# --- the MCU by itself


@contextlib.contextmanager
def connected(peer):
    with peer, socket.create_connection(("127.0.0.1", peer.port)) as connection:
        yield _SocketLine(connection)


def test_an_mcu_takes_one_file_after_another():
    first, second = (random.Random(number).randbytes(3000) for number in (1, 2))
    peer = Mcu(McuBehavior.TAKES)
    with connected(peer) as line:
        for data in (first, second):
            send_over(line, Sender("mcu.bin", data), lambda count: None)
    assert (peer.image, peer.refused) == (second, 0)


def test_an_mcu_refuses_what_is_announced():
    peer = Mcu(McuBehavior.REFUSES)
    with connected(peer) as line:
        assert line.read(5) == b"C"
        line.write(announcement(Announced("mcu.bin", 3000)))
        answer = b""
        while not answer.endswith(CANCEL):
            answer += line.read(5)
    assert answer == b"\x06C" + CANCEL
    assert (peer.image, peer.refused) == (b"", 1)


def test_an_mcu_refuses_what_it_has_whole():
    peer = Mcu(McuBehavior.REFUSES_LATE)
    with connected(peer) as line, pytest.raises(TransferError):
        send_over(line, Sender("mcu.bin", bytes(3000)), lambda count: None)
    assert (peer.image, peer.refused) == (b"", 1)


def test_an_mcu_that_is_connected_to_nothing_or_cut_off_ends():
    with Mcu(McuBehavior.TAKES) as peer:
        pass
    with Mcu(McuBehavior.TAKES) as peer:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", peer.port)) as connection:
                assert connection.recv(1) == b"C"
    assert peer.image == b""
