"""A real cloud for the tests, and models of devices that are switched off at the end."""

import datetime
import shutil
from pathlib import Path

from waiting import until

from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.cloud.server import Cloud
from aos_ota_plugin.device.acceptance import Device
from aos_ota_plugin.images.full import build
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.lab.models.device_model import DeviceModel, Settings
from aos_ota_plugin.lab.models.download import client_context
from aos_ota_plugin.protocol.login import Identity

KEYS = Path(__file__).parent.parent / "keys" / "data"
PRODUCT = "demoProduct"
PAYLOAD = bytes(i * 7 % 253 for i in range(60_000))


def pem(name):
    return load_signer((KEYS / name).read_bytes(), file=name, passphrase=None)


SIGNER, OTHER = pem("private.pem"), pem("other-private.pem")
IMAGE = build(PAYLOAD, sign=SIGNER.sign_hash)
CLOUD_IMAGE = build(PAYLOAD, sign=None)
LOCAL = Device(SIGNER.public_key, local_rsa=True, partition_size=0x578000)


def make_keys(folder):
    """What a cloud makes when it first starts, and takes a while."""
    data_folder.prepare(folder)
    data_folder.tls_context(
        folder, data_folder.new_config("127.0.0.1").hosts, datetime.datetime.now(datetime.timezone.utc)
    )
    data_folder.signing_key(folder)


class World:
    """A cloud in a folder, and devices; both can be ended and started again."""

    def __init__(self, folder, keys):
        self.folder = folder
        shutil.copytree(keys, folder)
        self.lines = []
        self.models = []
        self.cloud = None
        self.start()

    def start(self, **options):
        config = self.cloud.config if self.cloud else data_folder.new_config("127.0.0.1")
        self.cloud = Cloud(self.folder, config, tell=self.lines.append, **options)
        self.client = Client(self.folder)

    def register(self, *names, product=PRODUCT, secure=False, gateway=""):
        self.client.add_product(product, secure=secure)
        return [Identity(**one) for one in self.client.add_devices(product, list(names), gateway)]

    def device(self, identity, *, device=LOCAL, version="app-1.0.0", ca=None, versions=None, subs=None, **settings):
        context = client_context(str(ca or self.folder / "ca.pem"))
        settings = Settings(self.cloud.config.mqtt_port, context, **{"pause": 0.1, **settings})
        model = DeviceModel(identity, device, versions or {"default": version}, settings, subs)
        self.models.append(model)
        model.start()
        return model

    def online(self, *models):
        until(
            lambda: (
                {m.identity.user for m in models} <= set(self.client.status()["online"])
                and all(self.versions(m.identity.device_name) for m in models)
            )
        )

    def versions(self, name):
        return next(one["versions"] for one in self.client.status()["devices"] if one["device_name"] == name)

    def upload(self, data=IMAGE, version="app-1.0.1", product=PRODUCT, **values):
        added = self.client.upload(data, {"product_key": product, "version": version, "file": "ota.bin", **values})
        return added["package"]

    def push(self, package, *names, kind="verify", wait=True, **options):
        """Start a job; returns {device: task} when it has ended, else the job's number."""
        job = self.client.start_job(package=package, kind=kind, device_names=list(names), **options)["job"]
        return self.ended(job) if wait else job

    def ended(self, job):
        until(lambda: not self.client.is_running(job))
        return self.tasks(job)

    def tasks(self, job):
        found = next(one for one in self.client.status()["jobs"] if one["number"] == job)
        return {task["device_name"]: task for task in found["tasks"]}

    def package_state(self, number):
        return next(one["state"] for one in self.client.status()["packages"] if one["number"] == number)

    def end(self):
        for model in self.models:
            model.stop()
        self.cloud.stop()
        assert all(model.join() for model in self.models)
