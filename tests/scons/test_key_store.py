"""Emitters and actions of one run of SCons have the same keys."""

from __future__ import annotations

from dataclasses import replace

from setting_values import settings_of

from aos_ota_plugin.scons.actions import KeyStore, keys_of


def test_equal_settings_have_the_same_keys():
    store, settings = KeyStore(), settings_of()
    keys = store.of(settings)
    assert store.of(settings) is store.of(settings_of()) is keys
    assert store.of(replace(settings, app_version="app-2")) is not keys


def test_the_settings_of_an_environment_decide():
    env = {"OTA_KEYS": KeyStore(), "OTA_SETTINGS": settings_of()}
    assert keys_of(env) is keys_of(dict(env))
