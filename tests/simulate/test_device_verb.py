"""``aos-ota device`` as a user meets it."""

from __future__ import annotations

import json
import os
import signal
import threading

import network_lab as lab
import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli import device as verb
from aos_ota_plugin.cli.main import group
from aos_ota_plugin.errors import BuildError, FormatError, SecretError
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.lab.simulate import machine, network
from aos_ota_plugin.lab.simulate.firmware import sign_payload


@pytest.fixture
def identity(tmp_path):
    """The file that a device's login comes from."""
    path = tmp_path / "身份.json"
    path.write_text(json.dumps(lab.IDENTITY._asdict()), encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def no_build(monkeypatch):
    """Nothing may be built, and the emulator is there."""

    def built(*given, **options):
        raise AssertionError("something was built")

    monkeypatch.setattr(verb, "build_network_firmware", built)
    monkeypatch.setattr(verb, "find_qemu", lambda: "qemu")


def run(*arguments):
    return CliRunner().invoke(group, ["device", *map(str, arguments)])


@pytest.mark.qemu
@pytest.mark.aos
def test_logs_in_shows_its_console_and_ends_with_ctrl_c(network_built, identity, tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "build_network_firmware", lambda root, ca, quiet, say: network_built)
    broker = lab.Broker(tmp_path)
    started = []

    class Device(network.NetworkDevice):
        def __enter__(self):
            started.append(super().__enter__())
            return started[-1]

    monkeypatch.setattr(verb, "NetworkDevice", Device)

    def interrupt():
        broker.wait_for_version(network.NETWORK_OLD)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    before = signal.getsignal(signal.SIGINT)
    try:
        done = run(broker.url, "--identity", identity, "--directory", tmp_path / "设 备")
    finally:
        broker.stop()
    assert done.exit_code == 0, done.output
    assert f"mqtt: connected to {lab.BROKER_NAME}:{broker.port}\n" in done.output
    assert done.output.endswith("the device is off\n")
    assert lab.IDENTITY.device_secret not in done.output
    assert not started[0].running
    assert signal.getsignal(signal.SIGINT) is before
    folder = tmp_path / "设 备" / "devices" / "a1SimProduct.sim-device-1"
    assert (folder / machine.FLASH).stat().st_size == 16 << 20
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.qemu
@pytest.mark.aos
def test_the_mcu_that_is_connected(network_built, identity, tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "build_network_firmware", lambda root, ca, quiet, say: network_built)
    image = sign_payload(bytes(range(256)) * 20, network_built.key, ImageMagic.MCU)
    broker, server = lab.Broker(tmp_path), lab.Server(image)

    def push():
        broker.wait_for_version(network.NETWORK_OLD)
        broker.push({**server.offer("mcu-1.0.0"), "module": "mcu"})
        broker.wait_for_version("mcu-1.0.0")
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=push, daemon=True).start()
    try:
        done = run(broker.url, "--identity", identity, "--directory", tmp_path / "设 备", "--mcu")
    finally:
        server.stop()
        broker.stop()
    assert done.exit_code == 0, done.output
    file = tmp_path / "设 备" / "devices" / "a1SimProduct.sim-device-1" / "mcu.bin"
    assert file.read_bytes() == image[:-420]
    assert done.output.endswith(f"the device is off\nthe MCU has taken 5124 bytes: {file}\n")


@pytest.mark.qemu
@pytest.mark.aos
def test_a_device_that_goes_off_by_itself_is_an_error(network_built, identity, tmp_path, monkeypatch):
    """Nothing that starts stands in this flash, and the boot stage says so."""
    nothing = network_built._replace(
        firmware={network.NETWORK_OLD: network_built.firmware[network.NETWORK_OLD]._replace(payload=b"")}
    )
    monkeypatch.setattr(verb, "build_network_firmware", lambda root, ca, quiet, say: nothing)
    done = run("mqtt://broker.example:1883", "--identity", identity, "--directory", tmp_path / "out")
    assert isinstance(done.exception, BuildError)
    assert "the device has gone off by itself" in str(done.exception)
    assert "boot: " in done.output


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "not JSON", '{"product_key": 1, "device_name": "d", "device_secret": "s"}']
)
def test_identity_that_is_none(no_build, tmp_path, text):
    path = tmp_path / "identity.json"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    done = run("mqtt://broker.example:1883", "--identity", path, "--directory", tmp_path / "out")
    assert isinstance(done.exception, FormatError)
    assert "this is no identity of a device" in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "field, value",
    [
        ("product_key", "x" * 21),
        ("product_key", ""),
        ("device_name", "../../x"),
        ("device_name", "x" * 33),
        ("device_secret", "x" * 65),
        ("device_secret", "with space"),
    ],
)
def test_identity_that_no_device_holds(no_build, tmp_path, field, value):
    path = tmp_path / "identity.json"
    path.write_text(json.dumps({**lab.IDENTITY._asdict(), field: value}), encoding="utf-8")
    path.chmod(0o600)
    done = run("mqtt://broker.example:1883", "--identity", path, "--directory", tmp_path / "out")
    assert isinstance(done.exception, FormatError)
    assert f"this is not the {field} of a device" in str(done.exception)
    assert not value or field != "device_secret" or value not in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_identity_that_is_not_there(no_build, tmp_path):
    done = run("mqtt://broker.example:1883", "--identity", tmp_path / "none.json")
    assert isinstance(done.exception, FormatError)
    assert "there is no such file" in str(done.exception)


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_identity_that_others_can_read(no_build, identity):
    identity.chmod(0o644)
    done = run("mqtt://broker.example:1883", "--identity", identity)
    assert isinstance(done.exception, SecretError)
    assert "others can read" in str(done.exception)


def test_broker_with_tls_needs_a_root(no_build, identity):
    done = run("mqtts://broker.example:8883", "--identity", identity)
    assert done.exit_code == 2
    assert "a broker with TLS needs --ca" in done.output


def test_broker_that_is_none(no_build, identity, tmp_path):
    done = run("broker.example", "--identity", identity, "--directory", tmp_path / "out")
    assert isinstance(done.exception, FormatError)
    assert "'broker.example' is no broker's address" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_root_that_is_none(no_build, identity, tmp_path):
    (tmp_path / "ca.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    done = run("mqtts://broker.example:8883", "--identity", identity, "--ca", tmp_path / "ca.pem")
    assert isinstance(done.exception, FormatError)
    assert "this is no certificate in PEM" in str(done.exception)
