"""What is rendered and signed depends on the keys that this build read, not on what SCons finds in their files later."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from setting_values import settings_of

from aos_ota_plugin.scons.actions import KeyStore

KEYS = Path(__file__).parents[1] / "keys" / "data"


@pytest.fixture
def builders(monkeypatch):
    """The module, with stand-ins for SCons: its emitters alone are called."""
    for name in ("SCons", "SCons.Action", "SCons.Builder"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(Action=None, Builder=None))
    yield importlib.import_module("aos_ota_plugin.scons.builders")
    sys.modules.pop("aos_ota_plugin.scons.builders")


class Environment(dict):
    """What emitters use of an environment."""

    def Value(self, value):
        return ("value", value)

    def File(self, path):
        return ("file", path)

    def Depends(self, target, depends):
        self.depends = depends

    def Precious(self, target):
        pass


class Target(str):
    @property
    def abspath(self):
        return str(self)


def depends(emit, name, settings, store):
    env = Environment(OTA_SETTINGS=settings, OTA_KEYS=store)
    emit([Target(name)], [], env)
    return [node for node in env.depends if "private" in str(node) or "k.pem" in str(node)]


@pytest.mark.parametrize(
    ("emit", "name"), [("_emit_source", "out/ota_hal_digest.c"), ("_emit_image", "out/ota_rtos_ota.bin")]
)
def test_a_key_that_is_swapped_while_the_build_runs(builders, tmp_path, emit, name):
    settings = settings_of(str(tmp_path), OTA_SIGNING_KEY="k.pem")
    shutil.copy(KEYS / "private.pem", tmp_path / "k.pem")
    store = KeyStore()
    store.of(settings).digests(store.of(settings).files)  # as the checks at the start read them
    shutil.copy(KEYS / "other-private.pem", tmp_path / "k.pem")
    swapped = depends(getattr(builders, emit), name, settings, store)
    later = depends(getattr(builders, emit), name, settings, KeyStore())
    assert {kind for kind, _ in (*swapped, *later)} == {"value"}
    assert swapped != later  # the next build makes it again, with the key that is there by then
    shutil.copy(KEYS / "private.pem", tmp_path / "k.pem")
    assert depends(getattr(builders, emit), name, settings, KeyStore()) == swapped
