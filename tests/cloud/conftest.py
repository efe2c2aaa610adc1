"""A real cloud for the tests: mosquitto, TLS, HTTP."""

import importlib.util

import pytest
from cloud_world import World, make_keys

from aos_ota_plugin.cloud.broker import find_mosquitto
from aos_ota_plugin.errors import BuildError


@pytest.fixture(scope="session")
def tools(require_tool):
    try:
        find_mosquitto()
        found = True
    except BuildError:
        found = False
    require_tool("mosquitto", found, "apt-get install mosquitto")
    require_tool("paho-mqtt", importlib.util.find_spec("paho") is not None, "pip install paho-mqtt")


@pytest.fixture(scope="session")
def cloud_keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


@pytest.fixture(scope="module")
def still_world(tmp_path_factory, tools, cloud_keys):
    """One for tests that change nothing in it."""
    made = World(tmp_path_factory.mktemp("still") / "云 cloud", cloud_keys)
    yield made
    made.end()


@pytest.fixture
def world(tmp_path, tools, cloud_keys):
    made = World(tmp_path / "云 cloud", cloud_keys)
    yield made
    made.end()
