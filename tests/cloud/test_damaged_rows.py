"""A database whose rows are not those of this program is named at once, by whoever meets it first."""

import json
import sqlite3
from contextlib import closing

import pytest
from cloud_world import IMAGE, PRODUCT, SIGNER, until

from aos_ota_plugin.cloud import rules
from aos_ota_plugin.cloud.data_folder import DATABASE
from aos_ota_plugin.cloud.database_errors import is_damaged
from aos_ota_plugin.cloud.platform import Platform
from aos_ota_plugin.cloud.rollout import Job
from aos_ota_plugin.cloud.server import Cloud
from aos_ota_plugin.errors import FormatError, SettingsError
from aos_ota_plugin.protocol.topics import inform_topic


def made(folder):
    return Platform(folder, SIGNER, publish=lambda *_: None, url_of=lambda package: f"https://1/{package.sha256}")


@pytest.fixture
def platform(tmp_path):
    found = made(tmp_path)
    found.add_product("pk", "", secure=False)
    found.add_devices("pk", ["one"])
    found.handle_message(inform_topic("pk", "one"), b'{"params":{"version":"v1"}}')
    package = found.add_package(IMAGE, rules.Upload("pk", "first", "a.bin", "v2"))
    found.start_job(Job(0, package.number, "verify"), ["one"])
    found.status()
    yield found
    found.close()


def damage(folder, change):
    """Change the database from outside, as a shell of sqlite3 does."""
    with closing(sqlite3.connect(folder / DATABASE)) as base:
        base.execute(change)
        base.commit()


ROWS = [
    "UPDATE task SET changed = 'x'",
    "UPDATE task SET state = 'LOST'",
    "UPDATE task SET step = 1.5",
    "UPDATE task SET desc = x'ff'",
    "UPDATE task SET desc = CAST(x'ff' AS TEXT)",
    "UPDATE job SET kind = 'all'",
    "UPDATE job SET timeout = 'x'",
    "UPDATE package SET state = 9",
    "UPDATE package SET size = 'x'",
    "UPDATE product SET secure = 7",
    "UPDATE device SET seen = 'x'",
    "UPDATE device SET gateway = x'00'",
    "UPDATE version SET version = x'00'",
]
COLUMNS = [
    "ALTER TABLE task RENAME COLUMN desc TO description",
    "ALTER TABLE job ADD COLUMN more TEXT",
    "ALTER TABLE version ADD COLUMN more TEXT",
    "ALTER TABLE device RENAME COLUMN seen TO heard",
    "DROP TABLE version",
]


@pytest.mark.parametrize("change", [*ROWS, *COLUMNS])
def test_what_is_no_row_of_ours_is_damage(platform, tmp_path, change):
    damage(tmp_path, change)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        platform.status()
    assert is_damaged(caught.value), caught.value


def test_no_secret_stands_in_the_error(platform, tmp_path):
    secret = platform.identity("pk", "one").device_secret
    damage(tmp_path, "UPDATE device SET device_secret = CAST(device_secret AS BLOB)")
    with pytest.raises(sqlite3.DatabaseError, match="malformed") as caught:
        platform.identity("pk", "one")
    assert secret not in str(caught.value)


@pytest.mark.parametrize("table", ["package", "product", "job"])
def test_a_row_that_others_refer_to_is_missed_at_the_start(platform, tmp_path, table):
    platform.close()
    damage(tmp_path, f"DELETE FROM {table}")
    with pytest.raises(FormatError, match="it refers to one that is missing") as caught:
        made(tmp_path)
    assert "restore a copy" in caught.value.remedy


@pytest.mark.parametrize("change", ["UPDATE product SET secure = 7", "ALTER TABLE device RENAME COLUMN seen TO heard"])
def test_a_cloud_does_not_start_on_a_damaged_row(world, change):
    world.register("one")
    world.cloud.stop()
    damage(world.folder, change)
    with pytest.raises(FormatError, match=r"cloud\.sqlite cannot be used") as caught:
        Cloud(world.folder, world.cloud.config)
    assert "restore a copy" in caught.value.remedy


def seen_through_the_api(world, identity):
    damage(world.folder, "UPDATE device SET seen = 'x'")
    with pytest.raises(SettingsError, match="cannot be used") as caught:
        world.client.status()
    assert "restore a copy" in caught.value.remedy


def seen_at_a_login(world, identity):
    damage(world.folder, "UPDATE device SET device_secret = CAST(device_secret AS BLOB)")
    world.device(identity)
    until(lambda: any("devices are cut off" in line for line in world.lines))
    assert not world.cloud.gate.is_open.is_set()


def seen_by_a_message(world, identity):
    world.online(world.device(identity))
    damage(world.folder, "ALTER TABLE version RENAME COLUMN module TO component")
    message = json.dumps({"params": {"version": "v9"}}).encode()
    world.cloud._client.on_message(
        None, None, type("M", (), {"topic": inform_topic(PRODUCT, "one"), "payload": message})
    )


def seen_by_the_clock(world, identity):
    world.push(world.upload(), "one", wait=False)
    damage(world.folder, "UPDATE task SET changed = 'x'")


@pytest.mark.parametrize("see", [seen_through_the_api, seen_at_a_login, seen_by_a_message, seen_by_the_clock])
def test_whoever_meets_a_damaged_database_first_ends_the_cloud(world, see):
    (identity,) = world.register("one")
    see(world, identity)
    until(lambda: world.cloud._failure)
    with pytest.raises(FormatError, match=r"cloud\.sqlite cannot be used") as caught:
        world.cloud.check()
    assert "restore a copy" in caught.value.remedy


def test_a_sub_device_of_a_sub_device_is_named_when_the_cloud_starts(world):
    world.register("gateway")
    world.register("sub", "third", gateway="gateway")
    world.cloud.stop()
    damage(world.folder, "UPDATE device SET gateway = 'sub' WHERE device_name = 'third'")
    world.start()
    assert [line.split(",")[0] for line in world.lines if "sub-device" in line] == [
        f"WARNING: third of {PRODUCT} is registered as a sub-device of sub"
    ]
