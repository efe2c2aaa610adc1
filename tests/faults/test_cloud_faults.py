"""The cloud's folder and the commands that talk to it, with every call that changes the disk going wrong in turn.

The database's own writes are SQLite's, and are not counted; what a kill between it and a file must not cost is looked at, and
at the end a whole cloud is killed from outside.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.util
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from fault_layer import FAULTS, KILL
from fault_scene import KEYS, SOME, Command, Scene, go_wrong, inputs
from waiting import HANGS

from aos_ota_plugin.cloud import certificates, client, data_folder, rules
from aos_ota_plugin.cloud.platform import DATABASE, Platform
from aos_ota_plugin.errors import OtaError, WorkspaceError
from aos_ota_plugin.keys.signer import load_signer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

NOW = datetime.datetime.now(datetime.timezone.utc)
PRIVATE = (KEYS / "private.pem").read_bytes()
SIGNER = load_signer(PRIVATE, file="private.pem", passphrase=None)
HERE, QEMU = "127.0.0.1", "10.0.2.2"


def platform(folder: Path) -> Platform:
    return Platform(
        folder, SIGNER, publish=lambda *_: None, url_of=lambda package: f"https://127.0.0.1:1/{package.sha256}"
    )


class Within:
    """A cloud's client with the cloud in its own process, which goes down with it."""

    def __init__(self, folder):
        data_folder.recover(folder)  # as a cloud that starts does
        self._platform = platform(folder)

    def add_product(self, product_key, *, secure):
        self._platform.add_product(product_key, "", secure=secure)

    def add_devices(self, product_key, names, gateway, *, again):
        return [one._asdict() for one in self._platform.add_devices(product_key, names, gateway or None, again)]

    def upload(self, data, values):
        added = self._platform.add_package(
            data, rules.Upload(values["product_key"], values["name"], values["file"], values["version"])
        )
        return {"package": added.number, "sha256": added.sha256, "digestsign": None}


def a_cloud(folder: Path) -> None:
    inputs(folder)
    data_folder.prepare(folder / "cloud")


def registered(folder: Path) -> None:
    """Each device's file is there, for its owner alone, with what the cloud knows."""
    for name in ("one", "two"):
        path = folder / "cloud" / "devices" / "demo" / f"{name}.json"
        assert json.loads(path.read_bytes()) == platform(folder / "cloud").identity("demo", name)._asdict()
        assert path.stat().st_mode & 0o777 == 0o600


def uploaded(folder: Path) -> None:
    (package,) = platform(folder / "cloud").status()["packages"]
    data = (folder / "cloud" / "images" / package["sha256"]).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (package["size"], package["sha256"])


@lru_cache
def keys(host: str):
    """Keys of its own for each host: else nobody would see that one is another's."""
    return [generate_private_key(65537, 2048) for _ in range(2)]


def set_up(host: str) -> int:
    """What a cloud does with its folder when it starts."""
    folder, made = Path("cloud").absolute(), iter(keys(host))
    certificates._new_key = lambda: next(made)
    try:
        with contextlib.suppress(WorkspaceError):
            data_folder.read_config(folder)
        config = data_folder.new_config(host)
        data_folder.prepare(folder)
        data_folder.recover(folder)
        data_folder.tls_context(folder, config.hosts, NOW)
        data_folder.signing_key(folder)
        platform(folder).close()
        data_folder.write_config(folder, config)
    except OtaError as error:
        sys.stderr.write(f"aos-ota: error: {error}\n")
        return 1
    return 0


def is_sound(folder: Path, host: str) -> None:
    """Keys and certificates belong together, for this host; keys are their owner's alone."""
    folder = folder / "cloud"
    assert data_folder.read_config(folder).host == host
    data_folder.load_context(folder)
    ca, server = (x509.load_pem_x509_certificate((folder / name).read_bytes()) for name in ("ca.pem", "server.pem"))
    ca.public_key().verify(
        server.signature, server.tbs_certificate_bytes, padding.PKCS1v15(), server.signature_hash_algorithm
    )
    files = ((folder / name).read_bytes() for name in ("server.pem", "ca.pem"))
    assert certificates.server_problem(*files, data_folder.new_config(host).hosts, NOW) is None
    assert load_signer((folder / "ota_key.pem").read_bytes(), file="k", passphrase=None).public_key.to_pem() == (
        (folder / "ota_key.pub.pem").read_text()
    )
    private = {"cloud.json", "ca.key", "server.key", "ota_key.pem"}
    assert {path.name for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077 == 0} >= private


COMMANDS = {
    "register": Command(
        "cloud register demo one two --cloud cloud",
        a_cloud,
        again="is there already",
        random=True,
        hidden=True,
        check=registered,
    ),
    "upload": Command(
        "cloud upload new.bin --product demo --version app-1.0.1 --cloud cloud",
        a_cloud,
        again="a package is named",
        before=("cloud register demo one --cloud cloud",),
        hidden=True,
        check=uploaded,
    ),
    "cloud": Command(HERE, work=set_up, random=True, each=True, check=lambda folder: is_sound(folder, HERE)),
    "cloud, for another host": Command(
        QEMU,
        before=(HERE,),
        work=set_up,
        random=True,
        each=True,
        hidden=True,
        check=lambda folder: is_sound(folder, QEMU),
    ),
}


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "Client", Within)
    monkeypatch.setattr(data_folder, "generate_private_pem", lambda _: PRIVATE)
    monkeypatch.setattr(certificates, "_new_key", certificates._new_key)  # put back what set_up leaves
    keys(HERE), keys(QEMU)
    return lambda name: Scene(COMMANDS[name], tmp_path, monkeypatch)


ONE_EACH = [(name, FAULTS[place % len(FAULTS)]) for place, name in enumerate(COMMANDS)]
"""One fault a command, at some calls, which every run of the tests looks at; `make faults` takes all."""


@pytest.mark.parametrize(("name", "fault"), ONE_EACH)
def test_some_calls_go_wrong(scene, name, fault):
    go_wrong(scene(name), fault, calls=SOME)


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_any_call_goes_wrong(scene, name, fault):
    go_wrong(scene(name), fault)


def test_a_change_of_host_that_was_killed_can_be_taken_back(scene):
    scene = scene("cloud, for another host")
    for nth in range(1, len(scene.calls) + 1):
        folder = scene.fresh()
        assert scene.run(folder, nth, KILL).status == -9
        back = scene.run(folder, line=HERE)
        assert back.status == 0, f"killed at call {nth} ({scene.calls[nth - 1]}): {back.output}"
        is_sound(folder, HERE)


@pytest.mark.cloud
@pytest.mark.faults
def test_a_cloud_that_is_killed_goes_on(tmp_path, require_tool, request):
    """A real cloud, a real kill -9: what somebody was told is there, and the next one starts and takes more."""
    require_tool(
        "mosquitto",
        shutil.which("mosquitto", path=os.pathsep.join(("/usr/sbin", os.environ["PATH"]))) is not None,
        "apt-get install mosquitto",
    )
    require_tool("paho-mqtt", importlib.util.find_spec("paho") is not None, "pip install paho-mqtt")
    chance, folder = random.Random(7), tmp_path / "云 cloud"
    told = Told()
    scratch = tempfile.TemporaryDirectory(
        prefix="kill-"
    )  # a killed cloud leaves its socket's folder; short, as such a path has to be
    request.addfinalizer(scratch.cleanup)
    for kills in range(10):
        process = subprocess.Popen(
            [sys.executable, "-m", "aos_ota_plugin", "cloud", "run", str(folder)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env={**os.environ, "TMPDIR": scratch.name},
        )
        try:
            if kills < 4:  # while it sets itself up
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(chance.random() * 1.5)
            else:
                told.check(wait_for(folder, process), folder)
                killer = threading.Timer(chance.random(), process.kill)
                killer.start()
                told.more(folder)
                killer.join()
            process.kill()
        finally:
            process.kill()
            output = process.communicate()[0]
        assert process.returncode == -9, output
        assert "Traceback" not in output
    assert len(told.devices) > 10
    assert told.packages
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def wait_for(folder: Path, process):
    end = time.monotonic() + HANGS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OtaError):
            return client.Client(folder).status()
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate()[0])


class Told:
    """What a cloud has answered, whatever became of it then."""

    def __init__(self) -> None:
        self.devices, self.packages = set(), {}

    def more(self, folder: Path) -> None:
        """Ask for devices and packages until nobody answers."""
        number = 0
        with contextlib.suppress(WorkspaceError):
            asking = client.Client(folder)
            asking.add_product("demo")
            while True:
                number += 1
                name = f"d{len(self.devices)}.{os.urandom(3).hex()}"
                asking.add_devices("demo", [name])
                self.devices.add(name)
                data = random.Random(number).randbytes(50_000)
                added = asking.upload(
                    data, {"product_key": "demo", "version": "app-1.0.0", "name": name, "file": "x.bin"}
                )
                self.packages[name] = added["sha256"]

    def check(self, status, folder: Path) -> None:
        assert self.devices <= {one["device_name"] for one in status["devices"]}
        assert self.packages.items() <= {one["name"]: one["sha256"] for one in status["packages"]}.items()
        for one in status["packages"]:
            assert hashlib.sha256((folder / "images" / one["sha256"]).read_bytes()).hexdigest() == one["sha256"]
        assert not list(folder.rglob(".*.tmp"))
