"""The commands as a user runs them, and that nothing of them stays behind, however they end."""

import hashlib
import itertools
import json
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from cloud_world import IMAGE, LOCAL, SIGNER
from marked import Marked
from ports import free_port
from waiting import HANGS, until

from aos_ota_plugin.cloud import rollout
from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.cloud.data_folder import read_config
from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.lab.models.device_model import DeviceModel, Settings
from aos_ota_plugin.lab.models.download import client_context
from aos_ota_plugin.protocol.login import Identity
from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import Manifest

pytestmark = pytest.mark.cloud


def aos_ota(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "aos_ota_plugin", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=HANGS,
        check=False,
    )


def on_cloud(*words, cwd):
    """`aos-ota cloud` with these words."""
    return aos_ota("cloud", *words, cwd=cwd)


def answers(folder):
    try:
        return Client(folder).status()
    except OtaError:
        return None


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def start(tmp_path, tools):
    """``start(*words)``: `aos-ota cloud run` in build/cloud of a folder, once it answers."""
    running = []

    def begin(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "aos_ota_plugin", "cloud", "run", "build/云", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        running.append(process)
        until(lambda: answers(tmp_path / "build" / "云") or process.poll() is not None)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_from_a_release_to_devices_that_run_it(start, tmp_path):
    process = start()
    folder = tmp_path / "build" / "云"
    done = on_cloud("register", "demo", "one", "two", "--cloud", "build/云", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    identities = [
        Identity(**json.loads((folder / "devices" / "demo" / f"{name}.json").read_text())) for name in ("one", "two")
    ]
    assert all(one.device_secret not in done.stdout for one in identities)
    assert (folder / "devices" / "demo" / "one.json").stat().st_mode & 0o777 == 0o600
    settings = Settings(read_config(folder).mqtt_port, client_context(str(folder / "ca.pem")), pause=0.1)
    models = [DeviceModel(one, LOCAL, {"default": "app-1.0.0"}, settings) for one in identities]
    for model in models:
        model.start()
    try:
        until(lambda: all(one["versions"] for one in Client(folder).status()["devices"]))
        digests = {"size": len(IMAGE), "md5": "0" * 32, "sha256": hashlib.sha256(IMAGE).hexdigest()}
        image = Artifact("ota_rtos_ota.bin", "full", **digests)
        manifest = Manifest("app-1.0.1", "local", "kv", SIGNER.public_key.fingerprint, image, (image,), ())
        (tmp_path / "ota_rtos_ota.json").write_bytes(manifest.to_json())
        (tmp_path / "ota_rtos_ota.bin").write_bytes(IMAGE[:-1] + b"x")
        done = on_cloud("upload", "ota_rtos_ota.json", "--product", "demo", "--cloud", folder, cwd=tmp_path)
        assert done.returncode == 1
        assert "not the file that the manifest describes" in done.stderr
        (tmp_path / "ota_rtos_ota.bin").write_bytes(IMAGE)
        done = on_cloud("upload", "ota_rtos_ota.json", "--product", "demo", "--cloud", folder, cwd=tmp_path)
        assert (done.returncode, done.stdout.split(",")[0]) == (0, "package 1: app-1.0.1")
        done = on_cloud("push", 1, "--all", "--cloud", folder, cwd=tmp_path)
        assert done.returncode == 1
        assert "verify it on one device first" in done.stderr
        done = on_cloud("push", 1, "--verify-on", "one", "--all", "--cloud", folder, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "job 1, verify: 1 SUCCEEDED" in done.stdout
        assert "job 2, batch: 1 SUCCEEDED" in done.stdout
        assert "runs app-1.0.1 already" in done.stdout
        upload = ("upload", "ota_rtos_ota.bin", "--product", "demo", "--version", "app-1.0.0", "--cloud", folder)
        (tmp_path / "ota_rtos_ota.bin").write_bytes(b"unsigned, of a vendor's image step")
        done = on_cloud(*upload, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "ota_rtos_ota.bin: the manifest beside this file does not describe it" in done.stderr
        (tmp_path / "ota_rtos_ota.bin").write_bytes(IMAGE)
        assert "--version is app-1.0.0, and the manifest of this file says" in on_cloud(*upload, cwd=tmp_path).stderr
        (tmp_path / "ota_rtos_ota.json").write_bytes(manifest._replace(version="app-1.0.0").to_json())
        done = on_cloud(*upload, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        done = on_cloud("push", 2, "--verify-on", "two", "--all", "--cloud", folder, "--json", cwd=tmp_path)
        assert done.returncode == 1
        (job,) = json.loads(done.stdout)["jobs"]  # the batch was not begun
        assert job["tasks"][0]["desc"] == "OTA transport verion is too old"
        done = on_cloud("cancel", job["number"], "--cloud", folder, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"job {job['number']}: 0 devices given up\n")
        assert on_cloud("push", "--cloud", folder, cwd=tmp_path).returncode == 2
        assert "there is no job 99" in on_cloud("cancel", 99, "--cloud", folder, cwd=tmp_path).stderr
        done = on_cloud("status", "--cloud", folder, cwd=tmp_path)
        assert done.returncode == 0
        assert "default app-1.0.1" in done.stdout
        assert "2 FAILED" not in done.stdout
        assert json.loads(on_cloud("status", "--json", "--cloud", folder, cwd=tmp_path).stdout)["online"] == [
            "one&demo",
            "two&demo",
        ]
    finally:
        for model in models:
            model.stop()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=HANGS)[0].endswith("nothing of it runs any more\n")
    assert process.returncode == 0


@pytest.mark.parametrize("number, status", [("SIGINT", 0), ("SIGTERM", 0), ("SIGHUP", 0), ("SIGKILL", -9)])
def test_nothing_stays_behind(start, tmp_path, number, status):
    ports = [free_port() for _ in range(3)]
    process = start(*itertools.chain(*zip(("--mqtt-port", "--image-port", "--api-port"), map(str, ports))))
    broker = answers(tmp_path / "build" / "云")["broker"]
    assert is_alive(broker)
    process.send_signal(getattr(signal, number))
    process.wait(HANGS)
    assert process.returncode == status
    until(lambda: not is_alive(broker))
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_ends_the_start_and_all_that_was_started(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for option in ("--mqtt-port", "--image-port", "--api-port"):
            process = start(option, str(taken.getsockname()[1]))
            said = process.communicate(timeout=HANGS)[0]
            assert process.returncode == 1
            assert f"cannot listen on 127.0.0.1:{taken.getsockname()[1]}" in said
            assert "Traceback" not in said
    assert not (tmp_path / "build" / "云" / "cloud.json").exists()


@pytest.mark.parametrize(
    "words, problem",
    [
        (["status"], "there is no cloud in"),
        (["upload", "x.bin", "--product", "demo", "--version", "1"], "there is no cloud in"),
        (["push", "1", "--all"], "there is no cloud in"),
        (["register", "demo", "one"], "there is no cloud in"),
    ],
)
def test_without_a_cloud_the_commands_say_how_to_start_one(tmp_path, words, problem):
    done = on_cloud(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert problem in done.stderr
    assert "fix: start one: aos-ota cloud run" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_cloud_that_has_ended_is_named(start, tmp_path):
    process = start()
    process.terminate()
    process.wait(HANGS)
    done = on_cloud("status", "--cloud", "build/云", cwd=tmp_path)
    assert done.returncode == 1
    assert "no cloud answers on 127.0.0.1:" in done.stderr


@pytest.mark.parametrize(
    "name, content, problem",
    [
        ("cloud.json", b"{", "no configuration of a cloud"),
        ("cloud.json", b'{"x":1}', "no configuration of a cloud"),
        ("cloud.sqlite", b"no database" * 100, "cannot be used"),
        ("ota_key.pem", b"no key", "no private key can be read"),
        ("server.key", b"no key", "certificate"),
        ("ca.key", b"", "certificate"),
    ],
)
def test_a_damaged_folder_is_an_error_and_no_traceback(start, tmp_path, name, content, problem, cloud_keys):
    folder = tmp_path / "build" / "云"
    shutil.copytree(cloud_keys, folder)
    (folder / name).write_bytes(content)
    if name == "ca.key":
        (folder / "server.pem").unlink()
    process = start()
    said = process.communicate(timeout=HANGS)[0]
    assert (process.returncode, "Traceback" in said) == (1, False), said
    assert problem in said
    assert (folder / name).read_bytes() == content


def test_a_small_fleet_with_faults(tmp_path, tools):
    done = aos_ota("fleet", "--devices", 40, "--size", 4000, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["lost"] == []
    assert outcome["right"] == {
        "as it should be": 20,
        "downloads over http": 6,
        "loses power in downloads": 6,
        "trusts another key": 2,
        "has no key": 2,
        "partition too small": 2,
        "runs a newer version": 2,
    }
    assert outcome["connections"] > 80  # broker and cloud were lost on the way
    assert list(tmp_path.iterdir()) == []


ENDED = {"SIGINT": 1, "SIGTERM": 143, "SIGHUP": 129, "SIGKILL": -9}
"""What ends a fleet, and its status."""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("phase", ["keys", "broker"])
def test_a_cloud_that_is_ended_while_it_starts_leaves_nothing(tmp_path, tools, phase, number):
    with Marked(["cloud", "run", "云"], cwd=tmp_path) as command:
        command.until(
            lambda: (tmp_path / "云" / "cloud.lock").exists() if phase == "keys" else command.pids("mosquitto")
        )
        assert command.end(getattr(signal, number)) == (-9 if number == "SIGKILL" else 0)
        command.until(lambda: not command.pids())
        assert "Traceback" not in command.said
        if number != "SIGKILL":
            assert command.said.endswith("nothing of it runs any more\n")
            assert list(command.temporary.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", ENDED)
@pytest.mark.parametrize("phase", ["starts", "runs"])
def test_a_fleet_that_is_ended_leaves_nothing(tmp_path, tools, phase, number):
    with Marked(["fleet", "--devices", "20"], cwd=tmp_path) as command:
        command.until(lambda: command.pids("mosquitto"))
        if phase == "runs":
            command.until(lambda: any(online(folder) > 5 for folder in command.temporary.glob("aos_ota_plugin-*")))
        assert command.end(getattr(signal, number)) == ENDED[number]
        command.until(lambda: not command.pids())
        assert "Traceback" not in command.said
        if number != "SIGKILL":
            assert list(command.temporary.iterdir()) == []


def online(folder):
    status = answers(folder)
    return len(status["online"]) if status else 0


def test_a_task_that_goes_back_to_a_state_has_not_ended(still_world, monkeypatch):
    """As a device's does that starts anew in its middle; the states are looked at together."""
    ways = itertools.cycle(["IN_PROGRESS", "IN_PROGRESS", "NOTIFIED"])
    monkeypatch.setattr(still_world.client, "counts", lambda job: {**rollout.count(()), next(ways): 1})
    assert [still_world.client.is_running(1) for _ in range(8)] == [True] * 8
    monkeypatch.setattr(
        still_world.client, "counts", lambda job: {**rollout.count(()), "SUCCEEDED": 1, "FAILED": 1, "CANCELED": 1}
    )
    assert not still_world.client.is_running(1)


def test_an_image_of_another_fleet_is_a_lost_fleet():
    """What judges a fleet sees what is not as it has to be."""
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.lab.models.fleet import Member, kinds, problem_of

    good, *_, newer = kinds(SIGNER.public_key, PublicKey(0))

    def member(kind, runs):
        model = DeviceModel(Identity("p", "d", "s"), kind.device, {"default": runs}, Settings(1, None))
        return Member(kind, model)

    done = {"state": "SUCCEEDED", "desc": ""}
    assert problem_of(member(good, "app-1.0.1"), done, "app-1.0.1") is None
    assert "the cloud believes" in problem_of(member(good, "app-1.0.1"), done, "app-1.0.0")
    assert "no task" in problem_of(member(good, "app-1.0.1"), None, "app-1.0.1")
    assert problem_of(member(good, "app-1.0.0"), {"state": "FAILED", "desc": "x"}, "app-1.0.0")
    old = {"state": "FAILED", "desc": "OTA transport verion is too old"}
    assert problem_of(member(newer, "app-1.0.2"), old, "app-1.0.2") is None
    otherwise = problem_of(
        member(newer, "app-1.0.2"), {"state": "FAILED", "desc": "OTA verfiy RSA failed"}, "app-1.0.2"
    )
    assert otherwise.startswith("FAILED OTA verfiy RSA failed")
    assert "(-12 OTA_VERIFY_RSA_FAIL), " in otherwise
    assert otherwise.endswith("it has to refuse with -4 OTA_TRANSPORT_VER_FAIL")
    assert problem_of(member(newer, "app-1.0.1"), done, "app-1.0.1")


def test_a_registered_device_gets_its_file_again(start, tmp_path):
    start()
    folder = tmp_path / "build" / "云" / "devices" / "demo"
    words = ("register", "demo", "one", "two:2", "--cloud", "build/云")
    assert on_cloud(*words, cwd=tmp_path).returncode == 0
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(first) == ["one.json", "two_2.json"]
    done = on_cloud(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "one.json is there already" in done.stderr
    assert "leave one out" in done.stderr
    for name in first:
        (folder / name).unlink()
    assert on_cloud(*words, cwd=tmp_path).returncode == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    for names, problem, remedy in (
        (("a", "b", "a"), "the device a is given twice", "give each name once"),
        (("d\udcff",), "is not UTF-8", "give another one"),
    ):
        done = on_cloud("register", "demo", *names, "--cloud", "build/云", cwd=tmp_path)
        assert (done.returncode, problem in done.stderr, remedy in done.stderr) == (1, True, True), done.stderr
    done = on_cloud("register", "demo", "a:1", "a_1", "--cloud", "build/云", cwd=tmp_path)
    assert done.returncode == 1
    assert "would have one file" in done.stderr
    assert (
        on_cloud("register", "demo", "three", "--gateway", "one", "--cloud", "build/云", cwd=tmp_path).returncode == 0
    )
    (folder / "three.json").unlink()
    done = on_cloud("register", "demo", "three", "--cloud", "build/云", cwd=tmp_path)  # not through that gateway
    assert done.returncode == 1
    assert "registered already" in done.stderr
    assert not (folder / "three.json").exists()
