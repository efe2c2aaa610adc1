"""What must not work: wrong secrets, strange servers, forged pushes, images of somebody else."""

import contextlib
import datetime
import hashlib
import json
import socket
import ssl

import pytest
from cloud_world import CLOUD_IMAGE, IMAGE, LOCAL, OTHER, PAYLOAD, PRODUCT, SIGNER, until

from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.certificates import issue, make_ca
from aos_ota_plugin.cloud.data_folder import read_config
from aos_ota_plugin.cloud.documents import push_of
from aos_ota_plugin.cloud.server import Cloud
from aos_ota_plugin.device.acceptance import Device, DeviceVerdict
from aos_ota_plugin.errors import BusyError, SettingsError
from aos_ota_plugin.images.full import build
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.lab.models.download import client_context
from aos_ota_plugin.protocol.login import Identity, login_of
from aos_ota_plugin.protocol.reports import failure_of
from aos_ota_plugin.protocol.topics import upgrade_topic

pytestmark = pytest.mark.cloud
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def test_a_device_with_the_wrong_secret_is_not_let_in(world):
    (good,) = world.register("one")
    model = world.device(good._replace(device_secret="0" * 32))
    until(lambda: any("login was refused" in text for text in model.state.problems))
    assert any("'one&demoProduct' was refused: the password is not the one" in line for line in world.lines)
    assert world.client.status()["online"] == []
    assert model.state.connections == 0
    assert not any(good.device_secret in line for line in world.lines)


def test_a_device_that_nobody_registered_is_not_let_in(world):
    model = world.device(Identity(PRODUCT, "stranger", "s"))
    until(lambda: any("login was refused" in text for text in model.state.problems))
    assert any("no such device is registered" in line for line in world.lines)


def test_nobody_logs_in_as_the_platform(world):
    world.register("one")
    model = world.device(Identity("", "platform", ""), login=login_of(Identity("", "", ""))._replace(user="platform"))
    until(lambda: any("login was refused" in text for text in model.state.problems))
    assert world.client.status()["online"] == []


def test_what_is_no_mqtt_and_no_tls_is_hung_up_on(world):
    port = world.cloud.config.mqtt_port
    context = client_context(str(world.folder / "ca.pem"))
    for bytes_sent in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\xff",
        b"\x10\x02\x00\x00",
        b"\x10\xff\xff\x7f",
    ):
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as link,
        ):
            link.sendall(bytes_sent)
            assert link.recv(100) == b""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"\x10\x10 no tls at all")
        plain.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            while plain.recv(100):  # an alert at most, and the end
                pass
    model = world.device(*world.register("one"))
    world.online(model)  # the gate is still there


@pytest.mark.parametrize(
    "hosts, ends, problem",
    [(["127.0.0.1"], -DAY, "certificate has expired"), (["other.example"], DAY, "is not valid for '127.0.0.1'")],
)
def test_a_server_with_a_bad_certificate_gets_no_login(world, hosts, ends, problem):
    (identity,) = world.register("one")
    ca = data_folder._authority(world.folder, NOW)
    data_folder.install(world.folder, issue(ca, hosts, NOW - 30 * DAY, NOW + ends))
    world.cloud.stop()
    world.start(context=data_folder.load_context(world.folder))
    model = world.device(identity)
    until(lambda: any(problem in text for text in model.state.problems))
    assert world.client.status()["online"] == []
    assert model.state.connections == 0


def test_a_server_of_another_authority_gets_no_login(world, tmp_path):
    (identity,) = world.register("one")
    (tmp_path / "other.pem").write_bytes(make_ca(NOW).certificate)
    model = world.device(identity, ca=tmp_path / "other.pem")
    until(lambda: any("certificate verify failed" in text for text in model.state.problems))
    assert model.state.connections == 0


def test_an_expired_certificate_is_replaced_when_the_cloud_starts(world):
    (identity,) = world.register("one")
    ca = data_folder._authority(world.folder, NOW)
    data_folder.install(world.folder, issue(ca, world.cloud.config.hosts, NOW - 30 * DAY, NOW - DAY))
    world.cloud.stop()
    world.start()
    assert "server.pem is made anew under the same root certificate: it is not good for another week" in world.lines
    world.online(world.device(identity))


def forge(world, name, data, payload, **values):
    """Whoever has the broker can say anything to a device."""
    package = world.upload(data, "app-9.9.9", name=f"for {name}")
    platform = world.cloud.platform
    offered = platform._package(package)
    pushed = push_of(offered, platform._url_of(offered)).to_json()
    document = json.loads(pushed)
    document["data"].update(values)
    document["data"] = {key: value for key, value in document["data"].items() if value is not None}
    world.cloud._publish(upgrade_topic(PRODUCT, name), json.dumps(document).encode())


def test_a_forged_push_is_refused_in_local_mode_and_not_in_cloud_mode(world):
    one, two = world.register("one", "two")
    local = world.device(one)
    cloud = world.device(two, device=Device(SIGNER.public_key, local_rsa=False))
    world.online(local, cloud)
    theirs = build(PAYLOAD[:5000], sign=OTHER.sign_hash)
    forge(world, "one", theirs, PAYLOAD)
    until(lambda: local.state.results)
    assert local.state.results[0].verdict == DeviceVerdict.OTA_VERIFY_RSA_FAIL
    forge(world, "two", build(PAYLOAD[:5000], sign=None), PAYLOAD)  # the weakness of cloud mode
    until(lambda: cloud.state.results)
    assert (cloud.state.results[0].verdict, cloud.state.results[0].signature_checked) == (0, False)
    assert local.state.versions == {"default": "app-1.0.0"}
    assert cloud.state.versions == {"default": "app-9.9.9"}


def test_a_hardened_device_in_cloud_mode_refuses_a_push_without_digestsign(world):
    (one,) = world.register("one")
    model = world.device(one, device=Device(SIGNER.public_key, local_rsa=False, hardened=True))
    world.online(model)
    task = world.push(world.upload(CLOUD_IMAGE), "one")["one"]
    assert (task["state"], task["step"], task["desc"]) == ("FAILED", -3, "OTA verfiy RSA failed")
    assert "no digestsign" in model.state.results[0].detail
    assert world.versions("one") == {"default": "app-1.0.0"}


def test_secure_upgrade_signs_what_devices_with_the_clouds_key_take_and_no_others(world):
    one, two = world.register("one", "two", secure=True)
    key = parse_public_key((world.folder / "ota_key.pub.pem").read_bytes(), file="k")
    right = world.device(one, device=Device(key, local_rsa=False, hardened=True))
    wrong = world.device(two, device=Device(None, local_rsa=False))
    world.online(right, wrong)
    package = world.upload(CLOUD_IMAGE)
    states = {name: (task["state"], task["desc"]) for name, task in world.push(package, "one", "two").items()}
    assert states == {"one": ("SUCCEEDED", ""), "two": ("FAILED", "OTA verfiy RSA failed")}
    assert right.state.results[0].signature_checked
    assert "no public key is embedded" in wrong.state.results[0].detail
    assert world.package_state(package) == "FAILED"


@pytest.mark.parametrize(
    "image, device, step, verdict",
    [
        (build(PAYLOAD, sign=OTHER.sign_hash), LOCAL, -3, DeviceVerdict.OTA_VERIFY_RSA_FAIL),
        (PAYLOAD, LOCAL, -2, DeviceVerdict.OTA_DOWNLOAD_HEAD_FAIL),
        (IMAGE, LOCAL._replace(partition_size=1000), -1, DeviceVerdict.OTA_INIT_FAIL),
    ],
    ids=["another key", "no trailer", "no room"],
)
def test_an_image_that_the_device_refuses_fails_and_stays_off_the_batch(world, image, device, step, verdict):
    (one,) = world.register("one")
    model = world.device(one, device=device)
    world.online(model)
    package = world.upload(image)
    task = world.push(package, "one")["one"]
    assert (task["state"], task["step"], task["desc"]) == ("FAILED", step, failure_of(int(verdict)).desc)
    assert world.package_state(package) == "FAILED"
    assert world.versions("one") == {"default": "app-1.0.0"}
    with pytest.raises(SettingsError, match="is failed"):
        world.push(package, "one", kind="batch")
    assert len(world.client.status()["jobs"]) == 1


def test_an_older_version_is_pushed_all_the_same_and_refused_without_a_download(world):
    (one,) = world.register("one")
    model = world.device(one, version="app-1.0.9")
    world.online(model)
    task = world.push(world.upload(version="app-1.0.10"), "one")["one"]
    assert (task["state"], task["desc"]) == ("FAILED", "OTA transport verion is too old")
    assert model.state.downloaded == 0


def test_devices_reach_their_own_topics_alone(world):
    one, two = world.register("one", "two")
    spy, other = world.device(one), world.device(two)
    world.online(spy, other)
    spy._client.subscribe("#", qos=1)
    spy._client.subscribe(upgrade_topic(PRODUCT, "two"), qos=1)
    spy._client.publish(f"/ota/device/inform/{PRODUCT}/two", b'{"id":0,"params":{"version":"forged-1"}}', qos=1)
    spy._client.publish(upgrade_topic(PRODUCT, "two"), b"{}", qos=1)
    seen = []
    pushed = spy._pushed
    spy._pushed = lambda topic, payload: (seen.append(topic), pushed(topic, payload))
    package = world.upload()
    assert world.push(package, "two", "one")["two"]["state"] == "SUCCEEDED"
    assert seen == [upgrade_topic(PRODUCT, "one")]
    assert world.versions("two") == {"default": "app-1.0.1"}
    assert len(other.state.results) == 1


def test_a_second_cloud_in_the_folder_does_not_start_and_does_not_disturb(world):
    with pytest.raises(BusyError, match="is running in"):
        Cloud(world.folder, read_config(world.folder))
    world.online(world.device(*world.register("one")))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_the_server_speaks_no_old_tls(world):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=str(world.folder / "ca.pem"))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    for port in (world.cloud.config.mqtt_port, world.cloud.config.image_port):
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_hashes_of_what_was_uploaded_are_kept(world):
    world.register("one")
    world.upload()
    (package,) = world.client.status()["packages"]
    assert package["sha256"] == hashlib.sha256(IMAGE).hexdigest()
    assert package["md5"] == hashlib.md5(IMAGE).hexdigest()
    assert (world.folder / "images" / package["sha256"]).read_bytes() == IMAGE
