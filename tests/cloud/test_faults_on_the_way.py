"""What goes wrong on the way and must not matter: restarts, cut connections, slow links, power cuts."""

import contextlib
import datetime
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cloud_world import IMAGE, LOCAL, PAYLOAD, PRODUCT, SIGNER, World
from waiting import HANGS, until

from aos_ota_plugin.cloud import data_folder, server
from aos_ota_plugin.cloud.certificates import issue
from aos_ota_plugin.errors import BuildError, FormatError, SettingsError
from aos_ota_plugin.images.full import build
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.protocol.topics import progress_topic

pytestmark = pytest.mark.cloud


def in_the_middle(world, model, job):
    until(lambda: 0 < world.tasks(job)["one"]["step"] < 80)


@pytest.fixture
def slow(world):
    """A device that has begun a download of about three seconds."""
    (identity,) = world.register("one")
    model = world.device(identity)
    world.online(model)
    world.client.set_faults(rate=20_000)
    job = world.push(world.upload(), "one", wait=False)
    in_the_middle(world, model, job)
    return model, job


def arrived(world, model, job):
    task = world.ended(job)["one"]
    assert task["state"] == "SUCCEEDED"
    assert world.versions("one") == {"default": "app-1.0.1"}
    assert model.state.results[-1].signature_checked


def test_a_download_goes_on_where_the_server_was_cut_off(world, slow):
    model, job = slow
    world.cloud.images.drop()
    arrived(world, model, job)
    assert model.state.resumed >= 1
    assert model.state.downloaded < len(IMAGE) + 420 + 20_000


def test_a_killed_broker_is_started_again_and_nobody_is_lost(world, slow):
    model, job = slow
    os.kill(world.cloud.broker.pid, signal.SIGKILL)
    arrived(world, model, job)
    assert model.state.connections >= 2
    assert any("the broker has ended" in line for line in world.lines)


def test_a_cloud_that_is_interrupted_as_it_starts_leaves_no_thread(tmp_path, tools, cloud_keys, monkeypatch):
    from paho.mqtt.client import Client

    def interrupted(client, begin=Client.loop_start):
        begin(client)
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "loop_start", interrupted)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        World(tmp_path / "云", cloud_keys)
    assert set(threading.enumerate()) <= before


def test_half_a_character_of_a_device_ends_nothing(world):
    (identity,) = world.register("one")
    model = world.device(identity)
    world.online(model)
    topic = progress_topic(PRODUCT, "one")
    model._client.publish(topic, b'{"params":{"step":"20","desc":"\\ud800"}}', qos=1)
    until(lambda: any("passed over: it has half of a character" in line for line in world.lines))
    assert world.push(world.upload(), "one")["one"]["state"] == "SUCCEEDED"
    world.cloud.check()


def test_a_report_is_not_lost_while_the_database_is_held(world):
    """Devices are cut off, and say it anew when it is free."""
    (identity,) = world.register("one")
    world.cloud.platform._storage._base.execute("PRAGMA busy_timeout = 50")
    with contextlib.closing(sqlite3.connect(world.folder / "cloud.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        model = world.device(identity)
        until(lambda: any("is locked" in line for line in world.lines))
        until(lambda: model.state.connections >= 1 and not world.cloud.gate.online)
        assert not world.cloud.gate.is_open.is_set()
        other.execute("ROLLBACK")
    world.online(model)
    assert world.versions("one") == {"default": "app-1.0.0"}
    assert sum("is locked" in line for line in world.lines) == 1
    assert sum("can be used again" in line for line in world.lines) == 1


def test_a_part_that_ends_by_itself_ends_the_cloud(world):
    world.cloud.check()
    world.cloud._client.loop_stop()
    with pytest.raises(BuildError, match="ended by itself: the connection to the broker"):
        world.cloud.check()
    until(lambda: not world.cloud.gate.is_open.is_set())
    until(lambda: any("has ended by itself" in line for line in world.lines))


def test_a_damaged_database_ends_the_cloud_with_its_remedy(world):
    world.cloud._database_failed(sqlite3.DatabaseError("database disk image is malformed"))
    with pytest.raises(FormatError, match="malformed") as caught:
        world.cloud.check()
    assert "restore a copy" in caught.value.remedy


def test_a_certificate_that_ends_while_the_cloud_runs_is_renewed(world, monkeypatch):
    old = (world.folder / "server.pem").read_bytes()
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    ca = data_folder._authority(world.folder, later)
    data_folder.install(world.folder, issue(ca, ["old"], later - datetime.timedelta(days=9), later))
    monkeypatch.setattr(server, "RENEWAL_SECONDS", 0.0)
    until(lambda: any("certificate was renewed" in line for line in world.lines))
    assert (world.folder / "server.pem").read_bytes() != old
    world.online(world.device(*world.register("one")))


def test_a_gate_that_is_shut_has_nobody_to_cut_off(world):
    world.cloud.gate.stop()
    world.cloud.gate.drop()
    world.cloud.gate.stop()


def test_a_cloud_that_is_started_again_goes_on_with_its_tasks(world, slow):
    model, job = slow
    ports = world.cloud.config
    world.cloud.stop()
    world.start()
    assert world.cloud.config == ports
    world.client.set_faults(rate=0)
    arrived(world, model, job)
    assert world.package_state(1) == "VERIFIED"


def test_a_device_without_power_starts_anew_and_is_pushed_to_again(world):
    (identity,) = world.register("one")
    model = world.device(identity, power_cut=1.0)
    world.online(model)
    job = world.push(world.upload(), "one", wait=False)
    until(lambda: model.state.power_cuts >= 2)
    model.stop()
    assert model.join()
    world.device(identity)
    assert world.ended(job)["one"]["state"] == "SUCCEEDED"


def test_a_device_without_power_at_its_first_files_of_a_module_is_pushed_to_again(world):
    """When it starts, it says nothing of a module that it does not have."""
    (identity,) = world.register("one", secure=True)
    device = LOCAL._replace(public_key=world.cloud.signer.public_key)
    model = world.device(identity, device=device, power_cut=1.0)
    world.online(model)
    job = world.push(world.upload(b"print(1)\n" * 300, "js-1.0.1", module="js"), "one", wait=False)
    until(lambda: model.state.power_cuts >= 2)
    model.stop()
    assert model.join()
    world.device(identity, device=device)
    task = world.ended(job)["one"]
    assert (task["state"], task["attempts"]) == ("SUCCEEDED", 1)
    assert world.versions("one") == {"default": "app-1.0.0", "js": "js-1.0.1"}


def test_lost_answers_errors_and_a_server_without_range_end_in_the_right_version_or_a_refusal(world):
    (identity,) = world.register("one")
    model = world.device(identity)
    world.online(model)
    world.client.set_faults(loss=0.5, error=0.3, seed=4)
    arrived(world, model, world.push(world.upload(), "one", wait=False))
    assert model.state.resumed
    world.client.set_faults(ignore_range=True)  # its trailer could be read from the wrong place: not taken
    task = world.push(world.upload(build(PAYLOAD, sign=SIGNER.sign_hash), "app-1.0.2"), "one")["one"]
    assert (task["state"], task["desc"]) == ("FAILED", "OTA download receive failed")


def test_a_damaged_download_is_refused_and_the_retry_succeeds(world):
    (identity,) = world.register("one")
    model = world.device(identity)
    world.online(model)
    world.client.set_faults(corrupt=1.0)
    job = world.push(world.upload(), "one", wait=False, retries=1, retry_after=0.5)
    until(lambda: model.state.results)
    world.client.set_faults()
    task = world.ended(job)["one"]
    assert (task["state"], task["attempts"]) == ("SUCCEEDED", 2)
    assert [r.verdict for r in model.state.results] == [-11, 0]


def test_a_device_that_is_never_heard_of_times_out(world):
    world.register("one")
    task = world.push(world.upload(), "one", timeout=0.5)["one"]
    assert (task["state"], task["desc"]) == ("FAILED", "timed out after 0.5 s")


def test_a_full_disk_changes_nothing_and_passes(world):
    (identity,) = world.register("one")
    model = world.device(identity)
    world.online(model)
    package = world.upload()
    before = world.client.status()["devices"]
    base = world.cloud.platform._storage._base
    with world.cloud.platform._lock:
        base.execute("PRAGMA max_page_count = 1")  # SQLite makes of it as many as there are
    names = [f"device{number}" for number in range(5000)]
    with pytest.raises(SettingsError, match="database or disk is full"):
        world.client.add_devices(PRODUCT, names)
    assert world.client.status()["devices"] == before
    with world.cloud.platform._lock:
        base.execute("PRAGMA max_page_count = 1000000")
    assert len(world.client.add_devices(PRODUCT, names)) == 5000
    assert world.push(package, "one")["one"]["state"] == "SUCCEEDED"


def test_a_canceled_job_ends_at_once(world, slow):
    _, job = slow
    assert world.client.cancel(job) == 1
    assert world.ended(job)["one"]["state"] == "CANCELED"
    assert world.client.cancel(job) == 0


@pytest.mark.parametrize("link", ["ble", "nb-iot", "4g"])
def test_links_of_every_kind(world, link):
    (identity,) = world.register("one")
    model = world.device(identity)
    world.online(model)
    faults = world.client.set_faults(link=link)
    assert faults["rate"]
    assert faults["loss"]
    small = build(PAYLOAD[:6000], sign=SIGNER.sign_hash)
    arrived(world, model, world.push(world.upload(small), "one", wait=False))


def test_the_agent_that_makes_http_of_https(world):
    (identity,) = world.register("one")
    model = world.device(identity, secure_download=False)
    world.online(model)
    arrived(world, model, world.push(world.upload(), "one", wait=False))


def test_a_gateway_and_its_three_sub_devices(world):
    (gateway,) = world.register("gateway")
    subs = world.register("sub1", "sub2", "sub3", gateway="gateway")
    strange = Identity(PRODUCT, "sub4", "x")
    model = world.device(gateway, subs={sub: {"default": "sub-1.0.0"} for sub in (*subs, strange)})
    world.online(model)
    until(lambda: all(world.versions(sub.device_name) for sub in subs))
    names = [sub.device_name for sub in subs]
    tasks = world.push(world.upload(version="sub-1.0.1"), *names)
    assert {task["state"] for task in tasks.values()} == {"SUCCEEDED"}
    assert all(world.versions(name) == {"default": "sub-1.0.1"} for name in names)
    assert world.versions("gateway") == {"default": "app-1.0.0"}


def test_a_module_of_a_device(world):
    (identity,) = world.register("one", secure=True)
    model = world.device(
        identity,
        device=LOCAL._replace(public_key=world.cloud.signer.public_key),
        versions={"default": "app-1.0.0", "js": "js-1.0.0"},
    )
    world.online(model)
    task = world.push(world.upload(b"print(1)\n" * 300, "js-1.0.1", module="js"), "one")["one"]
    assert task["state"] == "SUCCEEDED"
    assert world.versions("one") == {"default": "app-1.0.0", "js": "js-1.0.1"}
    assert model.state.results[0].signature_checked


@pytest.fixture
def namespace(require_tool, monkeypatch):
    """The command's start that runs it in a network namespace of its own, which ends with it."""
    start = [
        "unshare",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        'ip link set lo mtu 1500 gso_max_segs 1 up && exec "$@"',
        "sh",
    ]
    monkeypatch.setenv("PATH", os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"]))
    found = all(shutil.which(name) for name in ("unshare", "ip", "tc"))
    works = (
        found
        and subprocess.run(
            [*start, "tc", "qdisc", "add", "dev", "lo", "root", "htb"], check=False, capture_output=True
        ).returncode
        == 0
    )
    require_tool("a network namespace with tc's htb", works, "Linux, and apt-get install util-linux iproute2")
    return start


@pytest.mark.parametrize("link", ["ble", "nb-iot", "4g"])
def test_a_link_of_the_kernels_own_that_drops_packets(namespace, cloud_keys, tools, tmp_path, link):
    script = Path(__file__).with_name("behind_a_link.py")
    done = subprocess.run(
        [*namespace, sys.executable, script, tmp_path / "云 cloud", cloud_keys, link],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS,
        env={**os.environ, "PYTHONPATH": str(script.parent.parent)},
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["state"] == "SUCCEEDED"
    assert outcome["dropped"] > 0
    assert outcome["sent"] > outcome["size"]
    assert outcome["resumed"] >= 1
    assert outcome["downloaded"] < 2 * outcome["size"]
