"""The platform with its database, without a broker: what it takes from devices and users, and what not."""

import json
import sqlite3

import pytest
from cloud_world import IMAGE, SIGNER

from aos_ota_plugin.cloud import rules
from aos_ota_plugin.cloud.data_folder import DATABASE
from aos_ota_plugin.cloud.jobs import failed_devices
from aos_ota_plugin.cloud.platform import Platform
from aos_ota_plugin.cloud.rollout import Job
from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.protocol.login import login_password
from aos_ota_plugin.protocol.topics import inform_topic, session_topic


@pytest.fixture
def platform(tmp_path):
    published = []
    made = Platform(
        tmp_path,
        SIGNER,
        publish=lambda *message: published.append(message),
        url_of=lambda package: f"https://127.0.0.1:1/{package.sha256}",
    )
    made.published = published
    made.add_product("pk", "", secure=False)
    yield made
    made.close()


def report(platform, name, version, **params):
    message = json.dumps({"params": {"version": version, **params}}).encode()
    platform.handle_message(inform_topic("pk", name), message)


def versions(platform, name):
    return next(one["versions"] for one in platform.status()["devices"] if one["device_name"] == name)


def test_a_device_has_so_many_modules_and_its_firmware(platform):
    platform.add_devices("pk", ["one"])
    for number in range(rules.MODULES_MAX):
        report(platform, "one", "v1", module=f"m{number}")
    with pytest.raises(FormatError, match="has reported 64 modules"):
        report(platform, "one", "v1", module="more")
    report(platform, "one", "v2", module="m3")
    report(platform, "one", "v2")
    stored = versions(platform, "one")
    assert len(stored) == rules.MODULES_MAX + 1
    assert (stored["m3"], stored["default"]) == ("v2", "v2")


def test_a_message_of_a_device_that_is_not_registered_is_not_dropped_in_silence(platform):
    with pytest.raises(FormatError, match="no such device"):
        report(platform, "stranger", "v1")


def test_a_sub_device_has_no_sub_devices(platform):
    platform.add_devices("pk", ["gateway"])
    platform.add_devices("pk", ["sub"], "gateway")
    with pytest.raises(SettingsError, match="'sub' is a sub-device itself") as caught:
        platform.add_devices("pk", ["subsub"], "sub")
    assert caught.value.remedy == "give its gateway, gateway"
    assert platform.identity("pk", "subsub") is None


def test_a_sub_device_of_a_sub_device_has_no_rights_and_is_named(platform):
    """An earlier version has registered it, and devices that are their own gateway."""
    platform.add_devices("pk", ["gateway", "own"])
    platform.add_devices("pk", ["sub", "third"], "gateway")
    before = platform.access()
    assert platform.warnings() == []
    with platform._storage as storage:
        storage._base.execute("UPDATE device SET gateway = 'sub' WHERE device_name = 'third'")
        storage._base.execute("UPDATE device SET gateway = 'own' WHERE device_name = 'own'")
    lines = platform.access()
    assert "topic write /ota/device/inform/pk/third" in before[: before.index("user sub&pk")]
    assert lines.count("topic write /ota/device/inform/pk/third") == 1
    assert lines[lines.index("user third&pk") + 1] == "topic write /ota/device/inform/pk/third"
    assert lines.count("topic write /ota/device/inform/pk/own") == 1
    own, third = platform.warnings()
    assert own.startswith("WARNING: own of pk is registered as a sub-device of own")
    assert third.startswith("WARNING: third of pk is registered as a sub-device of sub")


def test_a_device_that_is_given_twice_is_named(platform):
    with pytest.raises(SettingsError, match="the device one is given twice"):
        platform.add_devices("pk", ["one", "two", "one"])
    assert platform.identity("pk", "two") is None


def test_a_sub_device_logs_nobody_in(platform):
    """Also where an earlier version has registered one below it."""
    platform.add_devices("pk", ["gateway"])
    platform.add_devices("pk", ["sub"], "gateway")
    (third,) = platform.add_devices("pk", ["third"], "gateway")
    codes = []
    for gateway in ("gateway", "sub"):
        with platform._storage as storage:
            storage._base.execute("UPDATE device SET gateway = ? WHERE device_name = 'third'", (gateway,))
        sign = login_password(third, "c", "hmacsha1", None)
        params = {"productKey": "pk", "deviceName": "third", "clientId": "c", "signMethod": "hmacsha1", "sign": sign}
        platform.handle_message(session_topic("pk", gateway, "login"), json.dumps({"params": params}).encode())
        codes.append(json.loads(platform.published[-1][1])["code"])
    assert codes == [200, 460]


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", "\ud800"])
def test_names_of_products(platform, name):
    with pytest.raises(SettingsError, match="the product name"):
        platform.add_product("other", name, secure=False)


def test_who_was_left_out_and_does_not_run_the_version_counts_as_failed(platform):
    platform.add_devices("pk", ["busy", "there", "new"])
    report(platform, "there", "v2")
    package = platform.add_package(IMAGE, rules.Upload("pk", "first", "a.bin", "v2")).number
    platform.start_job(Job(0, package, "verify"), ["busy"])
    job, skipped, current = platform.start_job(Job(0, package, "verify"), ["busy", "there", "new"])
    assert set(skipped) == {"busy", "there"}
    assert current == ["there"]
    row = {"counts": platform.counts(job.number), "skipped": skipped, "current": current}
    assert failed_devices([row]) == 1
    assert failed_devices([{**row, "skipped": {"there": skipped["there"]}}]) == 0


def test_a_database_that_is_held_is_an_error_and_no_lost_report(platform, tmp_path):
    platform.add_devices("pk", ["one"])
    platform._storage._base.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for call in (lambda: report(platform, "one", "v1"), platform.check_database):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            call()
    other.execute("ROLLBACK")
    other.close()
    platform.check_database()
    report(platform, "one", "v1")
    assert versions(platform, "one") == {"default": "v1"}
