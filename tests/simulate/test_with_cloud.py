"""The emulated device and the cloud, each in earnest: a release goes up, is verified on the device, and is what it reports."""

import importlib.util
import ssl
import time
from contextlib import ExitStack

import pytest

from aos_ota_plugin.cloud import home
from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.cloud.server import Cloud
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.simulate import network
from aos_ota_plugin.simulate.firmware import signed
from aos_ota_plugin.simulate.mcu import Manner, Mcu
from aos_ota_plugin.simulate.network import NETWORK_NEW, NETWORK_OLD

pytestmark = [pytest.mark.qemu, pytest.mark.aos, pytest.mark.cloud]
HOST = "cloud.example"  # to the device, every name is this host


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


class Both:
    """A cloud with one registered device, which is switched on."""

    def __init__(self, stack, folder, built, context, ca):
        self.context = context
        home.prepare(folder / "云")
        (folder / "云" / home.CA).write_text(ca, encoding="ascii")
        self.cloud = Cloud(folder / "云", home.new_config(HOST), context=context)
        stack.callback(self.stop)
        self.client = Client(folder / "云")
        self.client.add_product("demo")
        (identity,) = self.client.add_devices("demo", ["one"])
        network.prepare(folder / "设 备", built, built.firmware[NETWORK_OLD].payload, network.Identity(**identity),
                        f"mqtts://{HOST}:{self.cloud.config.mqtt_port}")
        self.mcu = stack.enter_context(Mcu(Manner.TAKES))
        self.device = stack.enter_context(network.NetworkDevice(folder / "设 备", self.mcu.port))
        until(lambda: self.version == NETWORK_OLD)

    @property
    def versions(self):
        return self.client.status()["devices"][0]["versions"]

    @property
    def version(self):
        return self.versions.get("default")

    def push(self, image, version=NETWORK_NEW, **said):
        added = self.client.upload(image, {"product_key": "demo", "version": version, "file": "ota_rtos_ota.bin", **said})
        return self.client.start_job(package=added["package"], kind="verify", device_names=["one"])["job"]

    def task(self, job):
        return next(one["tasks"][0] for one in self.client.status()["jobs"] if one["number"] == job)

    def ended(self, job):
        until(lambda: self.task(job)["state"] in ("SUCCEEDED", "FAILED"))
        return self.task(job)

    def stop(self):
        self.cloud.stop()

    def restart(self):
        self.stop()
        self.cloud = Cloud(self.cloud.folder, self.cloud.config, context=self.context)


@pytest.fixture
def both(network_built, authority, tmp_path, require_tool):
    require_tool("paho-mqtt", importlib.util.find_spec("paho") is not None, "pip install paho-mqtt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server(tmp_path, HOST))
    with ExitStack() as stack:
        yield Both(stack, tmp_path, network_built, context, authority.pem)


def test_a_release_is_verified_on_the_device_while_the_cloud_is_started_again(both, network_built):
    both.client.set_faults(rate=60_000)
    job = both.push(network_built.firmware[NETWORK_NEW].image)
    until(lambda: both.task(job)["step"] >= 20)
    both.restart()
    task = both.ended(job)
    assert (task["state"], task["step"], task["desc"]) == ("SUCCEEDED", 100, "")
    assert both.version == NETWORK_NEW
    assert f"version {NETWORK_NEW} is accepted: the boot loader takes it from here" in both.device.log
    assert both.client.status()["packages"][0]["state"] == "VERIFIED"


def test_a_strangers_image_is_refused_by_the_device_and_said_by_the_cloud(both, network_built):
    job = both.push(signed(network_built.firmware[NETWORK_NEW].payload, network_built.stranger))
    task = both.ended(job)
    assert (task["state"], task["step"], task["desc"]) == ("FAILED", -3, "status -12")
    assert both.version == NETWORK_OLD
    assert both.client.status()["packages"][0]["state"] == "FAILED"


def test_a_release_for_the_mcu_behind_the_device(both, network_built):
    image = signed(b"an MCU's firmware" * 1000, network_built.key, ImageMagic.MCU)
    task = both.ended(both.push(image, "mcu-1.0.0", module="mcu"))
    assert (task["state"], task["step"], task["desc"]) == ("SUCCEEDED", 100, ""), both.device.log
    until(lambda: both.mcu.image == image[:-420])
    assert both.versions == {"default": NETWORK_OLD, "mcu": "mcu-1.0.0"}


def test_a_release_that_the_mcu_refuses(both, network_built):
    both.mcu.manner = Manner.REFUSES_LATE
    task = both.ended(both.push(signed(bytes(5000), network_built.key, ImageMagic.MCU), "mcu-1.0.0", module="mcu"))
    assert (task["state"], task["step"], task["desc"]) == ("FAILED", -4, "status -14"), both.device.log
    assert (both.mcu.image, both.versions) == (b"", {"default": NETWORK_OLD})
