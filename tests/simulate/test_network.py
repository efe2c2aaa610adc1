"""The emulated device on a network of its own: the platform's login and messages, images by HTTP and HTTPS, and what it refuses."""

from __future__ import annotations

import hashlib
import hmac
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import network_lab as lab
import pytest

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.lab.simulate import network
from aos_ota_plugin.lab.simulate.firmware import sign_payload
from aos_ota_plugin.lab.simulate.network import NETWORK_NEW, NETWORK_OLD, NetworkBuilt

pytestmark = [pytest.mark.qemu, pytest.mark.aos]

Device = Callable[[str], network.NetworkDevice]


@pytest.fixture
def device(network_built: NetworkBuilt, tmp_path: Path) -> Iterator[Device]:
    """``device(broker)``: a device that runs the old version, switched on."""
    with ExitStack() as stack:

        def start(broker: str, identity: network.Identity = lab.IDENTITY) -> network.NetworkDevice:
            folder = tmp_path / "设 备"
            network.prepare(folder, network_built, network_built.firmware[NETWORK_OLD].payload, identity, broker)
            return stack.enter_context(network.NetworkDevice(folder))

        yield start


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ExitStack]:
    """Ends what a test has started."""
    with ExitStack() as stack:
        yield stack


def started(stack: ExitStack, thing):
    stack.callback(thing.stop)
    return thing


def test_https_push_is_installed_and_reported(device, running, network_built, authority, tmp_path) -> None:
    broker = started(running, lab.Broker(tmp_path, authority.server(tmp_path, lab.BROKER_NAME)))
    image = network_built.firmware[NETWORK_NEW].image
    server = started(running, lab.Server(image, authority.server(tmp_path, lab.SERVER_NAME, elliptic=True)))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    broker.wait_for_version(NETWORK_NEW)
    log = one.log
    assert re.search(r"netmgr: address 10\.0\.2\.\d+\n", log)
    assert f"mqtt: connected to {lab.BROKER_NAME}:{broker.port} by TLS\n" in log
    assert f"version {NETWORK_NEW} is accepted: the boot loader takes it from here" in log
    assert log.count("ota_demo on mps2") == 2
    assert broker.versions() == [NETWORK_OLD, NETWORK_NEW]
    assert broker.steps() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    # The address was asked for as the push says it, and read from its start once.
    assert {path for path, _ in server.ranges} == {"/images/ota_rtos_ota.bin?Expires=1&Signature=a%2Bb"}
    trailer = len(image) - 420
    assert [asked for _, asked in server.ranges] == ["bytes=0-", f"bytes={trailer}-", "bytes=0-"]


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_download_goes_on_after_cuts(device, running, network_built, authority, tmp_path, secure) -> None:
    broker = started(running, lab.Broker(tmp_path))
    certificate = authority.server(tmp_path, lab.SERVER_NAME) if secure else None
    server = started(running, lab.Server(network_built.firmware[NETWORK_NEW].image, certificate, cut_after=50_001))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    broker.wait_for_version(NETWORK_NEW)
    cuts = [int(at) for at in re.findall(r"cut off at (\d+) of", one.log)]
    assert len(cuts) >= 2
    asked = [int(asked[len("bytes=") : -1]) for _, asked in server.ranges]
    assert set(cuts) <= set(asked)


@pytest.mark.parametrize(
    "kind, why",
    [
        ("stranger", "not correctly signed by the trusted CA"),
        ("expired", "validity has expired"),
        ("future", "starts in the future"),
        ("other host", "does not match with the expected CN"),
    ],
)
def test_server_that_does_not_prove_who_it_is(device, running, network_built, authority, tmp_path, kind, why) -> None:
    broker = started(running, lab.Broker(tmp_path))
    server = started(running, lab.Server(network_built.firmware[NETWORK_NEW].image, wrong(authority, tmp_path, kind)))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    log = one.wait_for("the upgrade is refused: -7")
    assert f"tls: {lab.SERVER_NAME} is refused: -0x2700 The certificate" in log
    assert why in log
    broker.wait_for_step(-2)
    assert server.ranges == []
    assert broker.versions() == [NETWORK_OLD]


@pytest.mark.parametrize("kind", ["stranger", "expired", "other host"])
def test_broker_that_does_not_prove_who_it_is(device, running, authority, tmp_path, kind) -> None:
    certificate = wrong(authority, tmp_path, kind, lab.BROKER_NAME)
    broker = started(running, lab.Broker(tmp_path, certificate))
    log = device(broker.url).wait_for("mqtt: there is no network connection", times=2)
    assert f"tls: {lab.BROKER_NAME} is refused: -0x2700" in log
    assert "mqtt: connected" not in log
    assert broker.messages() == []


def wrong(authority: lab.Authority, folder: Path, kind: str, name: str = lab.SERVER_NAME) -> Path:
    if kind == "stranger":
        return lab.Authority().server(folder, name)
    if kind == "expired":
        return authority.server(folder, name, days=(-30, -1))
    if kind == "future":
        return authority.server(folder, name, days=(2, 30))
    return authority.server(folder, f"not-{name}")


@pytest.mark.parametrize(
    "options, says",
    [
        ({"status": 404}, "http: the server answers 404"),
        ({"status": 302, "extra": "Location: http://10.0.2.2/"}, "http: the server answers 302"),
        ({"extra": "Transfer-Encoding: chunked"}, "an answer in another coding"),
    ],
    ids=["missing", "redirected", "chunked"],
)
def test_answers_that_are_no_part_of_a_file(device, running, network_built, tmp_path, options, says) -> None:
    broker = started(running, lab.Broker(tmp_path))
    server = started(running, lab.Server(network_built.firmware[NETWORK_NEW].image, **options))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    assert says in one.wait_for("the upgrade is refused: -7")
    broker.wait_for_step(-2)


_HEAD = b"HTTP/1.1 206 Partial Content\r\n"
_NONSENSE = [
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 206 " + b"x" * 600 + b"\r\n\r\n",
    _HEAD + b"X: " + b"y" * 600 + b"\r\n\r\n",
    _HEAD + b"X: y\r\n" * 200 + b"\r\n",
    _HEAD + b"\r\n",
    _HEAD + b"Content-Range: bytes 0-9/4294967296\r\n\r\n",
    _HEAD + b"Content-Range: bytes 9-0/10\r\n\r\n",
    _HEAD + b"Content-Range: bytes 0-10/10\r\n\r\n",
    _HEAD + b"Content-Range: bytes 1-9/10\r\n\r\n",
    _HEAD + b"Content-Range: bytes -5/10\r\n\r\n",
    _HEAD + b"Content-Range: bytes 0-9/*\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 \r\n\r\n",
]


def test_answers_of_nonsense(device, running, network_built, tmp_path) -> None:
    """Each is refused at once, and the device takes the next offer."""
    broker = started(running, lab.Broker(tmp_path))
    raw = started(running, lab.RawServer())
    server = started(running, lab.Server(network_built.firmware[NETWORK_NEW].image))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    for count, answer in enumerate(_NONSENSE, 1):
        raw.answer = answer
        broker.push({**server.offer(NETWORK_NEW), "url": raw.url})
        one.wait_for("the upgrade is refused: -7", times=count)
    assert one.log.count("ota_demo on mps2") == 1
    broker.push(server.offer(NETWORK_NEW))
    broker.wait_for_version(NETWORK_NEW)


def test_messages_of_nonsense(device, running, network_built, tmp_path) -> None:
    broker = started(running, lab.Broker(tmp_path))
    server = started(running, lab.Server(network_built.firmware[NETWORK_NEW].image))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    good = server.offer(NETWORK_NEW)
    for count, change in enumerate(
        [
            {"url": "http://" + "a" * 260},
            {"size": -1},
            {"version": "v" * 64},
            {"sign": "00"},
            {"extData": "x" * 1400, "size": 0},
        ],
        1,
    ):
        broker.push({**good, **change})
        one.wait_for("the push is refused: -3", times=count)
    broker.push({**good, "extData": "x" * 3000})  # more than a packet holds: the client connects anew
    one.wait_for("mqtt: connected again")
    broker.push(good)
    broker.wait_for_version(NETWORK_NEW)


def test_server_restarts_in_mid_download(device, running, network_built, authority, tmp_path) -> None:
    broker = started(running, lab.Broker(tmp_path))
    image = network_built.firmware[NETWORK_NEW].image
    certificate = authority.server(tmp_path, lab.SERVER_NAME)
    server = started(running, lab.Server(image, certificate, slow=0.1))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    broker.wait_for_step(30)
    server.stop()
    one.wait_for("http: cut off at")
    again = started(running, lab.Server(image, certificate, port=server.port))
    broker.wait_for_version(NETWORK_NEW)
    assert int(again.ranges[0][1][len("bytes=") : -1]) > len(image) // 4


def test_server_without_parts(device, running, network_built, tmp_path) -> None:
    broker = started(running, lab.Broker(tmp_path))
    server = started(running, lab.Server(network_built.firmware[NETWORK_NEW].image, whole_only=True))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    assert "http: the server sends the whole file only" in one.wait_for("the upgrade is refused: -9")


def test_push_with_addresses_of_no_use(device, running, network_built, tmp_path) -> None:
    broker = started(running, lab.Broker(tmp_path))
    server = started(running, lab.Server(network_built.firmware[NETWORK_NEW].image))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    urls = [
        "ftp://ota.example/a",
        "http://user@ota.example/a",
        "http://:80/a",
        "http://ota.example:0/a",
        "http://ota.example:99999/a",
        "http://ota.example/a b",
        "http://ota.example/a\r\nX: y",
        "https://",
    ]
    for count, url in enumerate(urls, 1):
        broker.push({**server.offer(NETWORK_NEW), "url": url})
        one.wait_for("the upgrade is refused: -7", times=count)
    assert one.log.count("http: no URL that can be followed") == len(urls)
    assert server.ranges == []
    broker.push(server.offer(NETWORK_NEW))
    broker.wait_for_version(NETWORK_NEW)


def test_image_by_a_stranger_is_refused(device, running, network_built, tmp_path) -> None:
    broker = started(running, lab.Broker(tmp_path))
    image = sign_payload(network_built.firmware[NETWORK_NEW].payload, network_built.stranger)
    server = started(running, lab.Server(image))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    one.wait_for("the upgrade is refused: -12")
    broker.wait_for_step(-3)
    assert broker.versions() == [NETWORK_OLD]


def test_broker_restarts_in_mid_download(device, running, network_built, tmp_path) -> None:
    """The image is a stranger's, so that the device goes on with the old version, and connects again."""
    broker = started(running, lab.Broker(tmp_path))
    image = sign_payload(network_built.firmware[NETWORK_NEW].payload, network_built.stranger)
    server = started(running, lab.Server(image, slow=0.1))
    one = device(broker.url)
    broker.wait_for_version(NETWORK_OLD)
    broker.push(server.offer(NETWORK_NEW))
    broker.wait_for_step(30)
    broker.stop()
    broker.start()
    one.wait_for("the upgrade is refused: -12")
    log = one.wait_for("mqtt: connected again")
    assert "mqtt: connection lost" in log
    broker.wait_for_version(NETWORK_OLD)
    server.image = network_built.firmware[NETWORK_NEW].image
    broker.push(server.offer(NETWORK_NEW))
    broker.wait_for_version(NETWORK_NEW)


def test_login_is_what_the_platform_derives(device, running) -> None:
    broker = started(running, lab.LoginBroker(answer=0))
    device(broker.url).wait_for("mqtt: connected to")
    client, user, password = broker.logins[0]
    found = re.fullmatch(r"(.*)\|securemode=3,signmethod=hmacsha256,timestamp=(\d+)\|", client)
    assert found
    assert found[1] == f"{lab.IDENTITY.product_key}.{lab.IDENTITY.device_name}"
    assert user == f"{lab.IDENTITY.device_name}&{lab.IDENTITY.product_key}"
    content = (
        f"clientId{found[1]}deviceName{lab.IDENTITY.device_name}productKey{lab.IDENTITY.product_key}timestamp{found[2]}"
    )
    secret = lab.IDENTITY.device_secret.encode("ascii")
    assert password == hmac.new(secret, content.encode("ascii"), hashlib.sha256).hexdigest()


def test_refused_login_is_tried_again_and_keeps_its_secret(device, running) -> None:
    broker = started(running, lab.LoginBroker(answer=4))
    log = device(broker.url).wait_for("mqtt: the broker refuses this device: 4", times=2)
    assert "mqtt: connected" not in log
    for secret in (lab.IDENTITY.device_secret, broker.logins[0][2]):
        assert secret not in log


@pytest.mark.parametrize(
    "broker",
    [
        "",
        "broker.example:1883",
        "http://broker.example:80",
        "mqtt://broker.example",
        "mqtt://:1883",
        "mqtts://a b:1883",
    ],
)
def test_broker_address_that_is_none(tmp_path, broker) -> None:
    with pytest.raises(FormatError, match="is no broker's address"):
        network.prepare(tmp_path / "device", NetworkBuilt(b"", {}, b"", b"", ""), b"", lab.IDENTITY, broker)
    assert not (tmp_path / "device").exists()


def test_secret_is_in_no_repr() -> None:
    assert lab.IDENTITY.device_secret not in repr(lab.IDENTITY)
