"""The story over real protocols: mosquitto, TLS, HTTP, and devices that answer as the acceptance model does."""

import pytest
from cloud_world import IMAGE

pytestmark = pytest.mark.cloud


def test_a_release_is_verified_on_one_device_and_then_reaches_the_others(world):
    models = [world.device(identity) for identity in world.register("one", "two", "three")]
    world.online(*models)
    package = world.upload()
    task = world.push(package, "one")["one"]
    assert (task["state"], task["step"], task["attempts"]) == ("SUCCEEDED", 100, 1)
    assert world.package_state(package) == "VERIFIED"
    assert world.versions("one") == {"default": "app-1.0.1"}
    assert world.versions("two") == {"default": "app-1.0.0"}
    tasks = world.push(package, "one", "two", "three", kind="batch")
    assert {name: task["state"] for name, task in tasks.items()} == {"two": "SUCCEEDED", "three": "SUCCEEDED"}
    for model in models:
        (result,) = model.state.results
        assert (result.version, result.verdict, result.signature_checked) == ("app-1.0.1", 0, True)
        assert model.state.downloaded == len(IMAGE) + 420


def test_plain_http_where_the_cloud_sends_devices_there(world):
    world.cloud.stop()
    world.start(scheme="http")
    model = world.device(*world.register("one"))
    world.online(model)
    assert world.push(world.upload(), "one")["one"]["state"] == "SUCCEEDED"
    assert not model.state.problems
