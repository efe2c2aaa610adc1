"""The emulated device and the cloud, each in earnest: a release goes up, is verified on the device, and is what it reports."""

import importlib.util
import json
import os
import re
import signal
import ssl
from contextlib import ExitStack
from dataclasses import replace

import network_lab as lab
import pytest
from click.testing import CliRunner
from waiting import until

from aos_ota_plugin.cli.main import group
from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.cloud.documents import push_of
from aos_ota_plugin.cloud.faults import LINKS, fate_of
from aos_ota_plugin.cloud.server import Cloud
from aos_ota_plugin.files.transaction import write_file
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.lab.simulate import network
from aos_ota_plugin.lab.simulate.cases import panel_pack
from aos_ota_plugin.lab.simulate.device import files_of
from aos_ota_plugin.lab.simulate.firmware import sign_payload, unsigned
from aos_ota_plugin.lab.simulate.mcu import Mcu, McuBehavior
from aos_ota_plugin.lab.simulate.network import NETWORK_NEW, NETWORK_OLD
from aos_ota_plugin.protocol.topics import upgrade_topic

pytestmark = [pytest.mark.qemu, pytest.mark.aos, pytest.mark.cloud]
HOST = "cloud.example"  # to the device, every name is this host
DEFAULT = "default"


class Both:
    """A cloud, which signs with the firmware's key, with one registered device, which is switched on."""

    def __init__(
        self,
        stack,
        folder,
        built,
        context,
        ca,
        *,
        firmware=NETWORK_OLD,
        secure=False,
        scheme="https",
        secret=None,
        mcu=False,
    ):
        self.built, self.context, self.scheme, self.stack = built, context, scheme, stack
        data_folder.prepare(folder / "云")
        (folder / "云" / data_folder.CA).write_text(ca, encoding="ascii")
        write_file(folder / "云" / "ota_key.pem", built.key, mode=0o600)
        self.lines = []
        self.cloud = None
        self.start(folder / "云", data_folder.new_config(HOST))
        stack.callback(self.stop)
        self.client = Client(folder / "云")
        self.client.add_product("demo", secure=secure)
        (identity,) = self.client.add_devices("demo", ["one"])
        self.folder = folder / "设 备"
        network.prepare(
            self.folder,
            built,
            built.firmware[firmware].payload,
            network.Identity(**{**identity, "device_secret": secret or identity["device_secret"]}),
            f"mqtts://{HOST}:{self.cloud.config.mqtt_port}",
        )
        self.mcu = stack.enter_context(Mcu(McuBehavior.TAKES)) if mcu else None
        self.device = stack.enter_context(network.NetworkDevice(self.folder, self.mcu.port if self.mcu else None))

    @property
    def versions(self):
        return self.client.status()["devices"][0]["versions"]

    def is_online(self):
        return self.versions.get(DEFAULT) == NETWORK_OLD

    def upload(self, image, version=NETWORK_NEW, **values):
        return self.client.upload(
            image, {"product_key": "demo", "version": version, "file": "ota_rtos_ota.bin", **values}
        )["package"]

    def push(self, image, version=NETWORK_NEW, **values):
        return self.client.start_job(
            package=self.upload(image, version, **values), kind="verify", device_names=["one"]
        )["job"]

    def forge(self, image, **values):
        """What somebody who has the broker says to the device: an image for it, in the platform's own words."""
        package = self.cloud.platform._package(self.upload(image, "app-9.9.9", name=f"forged {len(image)}"))
        document = json.loads(push_of(package, self.cloud.platform._url_of(package)).to_json())
        document["data"].update(values)
        self.cloud._publish(upgrade_topic("demo", "one"), json.dumps(document).encode())

    def task(self, job):
        return next(one["tasks"][0] for one in self.client.status()["jobs"] if one["number"] == job)

    def ended(self, job):
        until(lambda: self.task(job)["state"] in ("SUCCEEDED", "FAILED"))
        return self.task(job)

    def start(self, folder, config):
        self.cloud = Cloud(folder, config, context=self.context, scheme=self.scheme, tell=self.lines.append)

    def stop(self):
        self.cloud.stop()

    def restart(self):
        self.stop()
        self.start(self.cloud.folder, self.cloud.config)

    def lose_power(self):
        """Whatever the device is doing; then it is switched on again."""
        os.kill(self.device.pid, signal.SIGKILL)
        until(lambda: not self.device.running)
        self.device = self.stack.enter_context(network.NetworkDevice(self.folder))


@pytest.fixture
def started(network_built, authority, tmp_path, require_tool):
    """``started(**options)``: `Both`, its device perhaps not online yet."""
    require_tool("paho-mqtt", importlib.util.find_spec("paho") is not None, "pip install paho-mqtt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server(tmp_path, HOST))
    with ExitStack() as stack:
        yield lambda **options: Both(stack, tmp_path, network_built, context, authority.pem, **options)


@pytest.fixture
def online(started):
    """``online(**options)``: the same, once the device has reported its version."""

    def begin(**options):
        made = started(**options)
        until(made.is_online)
        return made

    return begin


def aos_ota(both, *words):
    return CliRunner().invoke(group, ["cloud", *map(str, words), "--cloud", str(both.cloud.folder)])


def test_a_release_is_verified_on_the_device_while_the_cloud_is_started_again(online, network_built):
    both = online()
    both.client.set_faults(rate=60_000)
    job = both.push(network_built.firmware[NETWORK_NEW].image)
    until(lambda: both.task(job)["step"] >= 20)
    both.restart()
    task = both.ended(job)
    assert (task["state"], task["step"], task["desc"]) == ("SUCCEEDED", 100, "")
    assert both.versions == {DEFAULT: NETWORK_NEW}
    assert f"version {NETWORK_NEW} is accepted: the boot loader takes it from here" in both.device.log
    assert both.client.status()["packages"][0]["state"] == "VERIFIED"


def test_a_strangers_image_is_refused_by_the_device_and_said_by_the_cloud(online, network_built):
    both = online()
    job = both.push(sign_payload(network_built.firmware[NETWORK_NEW].payload, network_built.stranger))
    task = both.ended(job)
    assert (task["state"], task["step"], task["desc"]) == ("FAILED", -3, "OTA verfiy RSA failed")
    assert both.versions == {DEFAULT: NETWORK_OLD}
    assert both.client.status()["packages"][0]["state"] == "FAILED"


def test_a_release_for_the_mcu_behind_the_device(online, network_built):
    both = online(mcu=True)
    image = sign_payload(b"an MCU's firmware" * 1000, network_built.key, ImageMagic.MCU)
    task = both.ended(both.push(image, "mcu-1.0.0", module="mcu"))
    assert (task["state"], task["step"], task["desc"]) == ("SUCCEEDED", 100, ""), both.device.log
    until(lambda: both.mcu.image == image[:-420])
    assert both.versions == {DEFAULT: NETWORK_OLD, "mcu": "mcu-1.0.0"}


def test_a_release_that_the_mcu_refuses(online, network_built):
    both = online(mcu=True)
    both.mcu.behavior = McuBehavior.REFUSES_LATE
    task = both.ended(
        both.push(sign_payload(bytes(5000), network_built.key, ImageMagic.MCU), "mcu-1.0.0", module="mcu")
    )
    assert (task["state"], task["step"], task["desc"]) == ("FAILED", -4, "OTA upgrade write failed"), both.device.log
    assert (both.mcu.image, both.versions) == (b"", {DEFAULT: NETWORK_OLD})


def test_a_cloud_of_plain_http(online, network_built):
    both = online(scheme="http")
    assert both.ended(both.push(network_built.firmware[NETWORK_NEW].image))["state"] == "SUCCEEDED"
    assert both.cloud._url_of(both.cloud.platform._package(1)).startswith(f"http://{HOST}:")


def test_a_killed_broker_is_started_again_in_mid_download(online, network_built):
    both = online()
    both.client.set_faults(rate=60_000)
    job = both.push(network_built.firmware[NETWORK_NEW].image)
    until(lambda: both.task(job)["step"] >= 20)
    os.kill(both.cloud.broker.pid, signal.SIGKILL)
    assert both.ended(job)["state"] == "SUCCEEDED"
    assert any("the broker has ended" in line for line in both.lines)


def test_power_fails_in_mid_download_and_the_device_begins_anew(online, network_built):
    """What was downloaded by then is not gone on with: the vendor's agent keeps no note of it. It does no harm either."""
    both = online()
    image = network_built.firmware[NETWORK_NEW].image
    both.client.set_faults(rate=60_000)
    job = both.push(image)
    until(lambda: both.task(job)["step"] >= 30)
    both.lose_power()
    both.device.wait_for("ota: version app-1.0.1 of module default is offered")
    until(lambda: both.task(job)["step"] == 10)
    task = both.ended(job)
    assert (task["state"], task["attempts"]) == ("SUCCEEDED", 1)
    assert "boot: bank A" in both.device.log.split("ota_demo on mps2")[0]
    assert "http: cut off" not in both.device.log
    assert both.versions == {DEFAULT: NETWORK_NEW}


def test_a_device_with_the_wrong_secret_is_not_let_in(started):
    both = started(secret="0" * 32)
    log = both.device.wait_for("mqtt: the broker refuses this device: 4", times=2)
    assert "mqtt: connected" not in log
    assert any("'one&demo' was refused: the password is not the one" in line for line in both.lines)
    assert both.versions == {}
    assert both.client.status()["online"] == []


# --- who has the broker, and not the key


@pytest.mark.parametrize("firmware", [NETWORK_OLD, lab.CLOUD])
def test_a_forged_push_is_refused_and_the_true_one_taken(online, network_built, firmware):
    both = online(firmware=firmware, secure=True)
    payload = network_built.firmware[NETWORK_NEW].payload
    make = (lambda key: sign_payload(payload, key)) if firmware == NETWORK_OLD else lambda key: unsigned(payload)
    both.forge(make(network_built.stranger), digestsign="AAAA" * 85 + "AA==")
    both.device.wait_for("the upgrade is refused: -12")
    assert both.versions == {DEFAULT: NETWORK_OLD}
    assert both.ended(both.push(make(network_built.key)))["state"] == "SUCCEEDED"


def test_a_push_without_digestsign_means_nothing_in_local_mode(online, network_built):
    both = online()
    job = both.push(network_built.firmware[NETWORK_NEW].image)
    assert both.ended(job)["state"] == "SUCCEEDED"
    assert both.client.status()["packages"][0]["digestsign"] is None


def test_a_push_without_digestsign_installs_anything_on_the_vendors_device_in_cloud_mode(online, network_built):
    both = online(firmware=lab.VENDOR_CLOUD)
    assert both.ended(both.push(unsigned(network_built.firmware[NETWORK_NEW].payload)))["state"] == "SUCCEEDED"
    assert both.versions == {DEFAULT: NETWORK_NEW}


def test_a_push_without_digestsign_is_refused_by_a_hardened_device_in_cloud_mode(online, network_built):
    both = online(firmware=lab.CLOUD)
    task = both.ended(both.push(unsigned(network_built.firmware[NETWORK_NEW].payload)))
    assert (task["state"], task["step"], task["desc"]) == ("FAILED", -3, "OTA verfiy RSA failed")
    assert both.versions == {DEFAULT: NETWORK_OLD}


# --- a module


def test_a_module_is_pushed_installed_and_reported(online, network_built, tmp_path):
    both = online(secure=True)
    (tmp_path / "面板.bin").write_bytes(panel_pack())
    done = aos_ota(
        both,
        "upload",
        tmp_path / "面板.bin",
        "--product",
        "demo",
        "--module",
        "panel",
        "--version",
        "panel-1.1.0",
        "--file-name",
        "panel.bin",
    )
    assert done.exit_code == 0, done.output
    done = aos_ota(both, "push", 1, "--verify-on", "one")
    assert done.exit_code == 0, done.output
    assert "job 1, verify: 1 SUCCEEDED" in done.output
    assert both.versions == {DEFAULT: NETWORK_OLD, "panel": "panel-1.1.0"}
    log = both.device.log
    assert "ota: version panel-1.1.0 of module panel is offered" in log
    assert log.count("ota_demo on mps2") == 1
    found = files_of(both.folder, network_built)
    assert found["/data/panel/layout.json"] == b'{"rows": 4}'
    assert found["/.ota/panel"] == b"panel-1.1.0"
    both.lose_power()  # it reports the module's version when it starts, too
    (tmp_path / "面板.bin").write_bytes(panel_pack("more.txt"))
    assert (
        aos_ota(
            both,
            "upload",
            tmp_path / "面板.bin",
            "--product",
            "demo",
            "--module",
            "panel",
            "--version",
            "panel-1.0.9",
            "--file-name",
            "panel.bin",
        ).exit_code
        == 0
    )
    done = aos_ota(both, "push", 2, "--verify-on", "one")
    assert done.exit_code == 1
    assert "OTA transport verion is too old" in done.output
    assert both.versions == {DEFAULT: NETWORK_OLD, "panel": "panel-1.1.0"}
    assert files_of(both.folder, network_built) == found


def test_power_fails_while_a_device_gets_its_first_files_of_a_module(online, network_built):
    both = online(secure=True)
    both.client.set_faults(rate=4_000)
    job = both.push(panel_pack(), "panel-1.1.0", module="panel")
    until(lambda: both.task(job)["step"] >= 30)
    both.lose_power()
    task = both.ended(job)
    assert (task["state"], task["attempts"]) == ("SUCCEEDED", 1)
    assert both.versions == {DEFAULT: NETWORK_OLD, "panel": "panel-1.1.0"}
    assert files_of(both.folder, network_built)["/data/panel/layout.json"] == b'{"rows": 4}'


@pytest.mark.parametrize(
    "secure, image", [(False, panel_pack()), (True, panel_pack("../js/app.bin"))], ids=["unsigned", "escaping"]
)
def test_a_module_that_is_refused_changes_no_file(online, network_built, secure, image):
    both = online(secure=secure)
    task = both.ended(both.push(image, "panel-1.1.0", module="panel"))
    assert (task["state"], task["step"], task["desc"]) == (
        "FAILED",
        *((-1, "OTA undefined failed") if secure else (-3, "OTA verfiy RSA failed")),
    )
    assert both.versions == {DEFAULT: NETWORK_OLD}
    assert files_of(both.folder, network_built) == {}


@pytest.mark.parametrize("link", ["ble", "nb-iot", "4g"])
def test_links_of_every_kind_and_the_device_goes_on_where_it_was_cut_off(online, network_built, link):
    both = online(secure=True)
    image = panel_pack()
    seed = next(
        seed for seed in range(1000) if (fate_of(replace(LINKS[link], seed=seed), 0, len(image)).cut_after or 0) > 3000
    )
    both.client.set_faults(link=link, seed=seed)
    assert both.ended(both.push(image, "panel-1.1.0", module="panel"))["state"] == "SUCCEEDED"
    cut = re.search(r"cut off at (\d+) of (\d+) bytes: going on from there", both.device.log)
    assert cut
    assert 3000 < int(cut[1]) < int(cut[2]) == len(image)
    assert files_of(both.folder, network_built)["/data/panel/img/logo.bin"] == bytes(range(256)) * 40
