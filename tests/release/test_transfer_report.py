"""Which file to send over which channel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.release.manifest import Artifact, BaseRelease, Manifest
from aos_ota_plugin.release.report import CHANNELS, Channel, duration, transfer_report


def artifact(file, kind, size):
    return Artifact(file, kind, size, "0" * 32, "0" * 64)


def manifest(*images, base=None):
    return Manifest("app-1.0.1", "local", "kv", None, artifact("ota_rtos.bin", "payload", 1000), images, (), base=base)


def test_the_table():
    channels = (Channel("http", 100, "test", 5000), Channel("BLE", 7, "test"), Channel("serial", 1000, "test"))
    report = transfer_report(manifest(artifact("a.bin", "full", 1001), artifact("a.bin.xz", "xz", 700)), channels)
    assert [(row.file, row.seconds) for row in report.rows] == [
        ("a.bin", (11, 143, None)), ("a.bin.xz", (7, 100, None)), ("ota_rtos.bin", (None, None, 1))]
    assert report.recommended == "a.bin.xz"
    assert len(report.notes) == 1
    assert report.notes[0].startswith("a.bin.xz: the platform does not list this suffix; upload the same bytes")


def test_limits_and_diffs_are_told():
    images = [artifact("a.bin", "full", 16_000_001), artifact("a.tar.gz", "xz", 16_000_000), artifact("a.diff.bin", "diff", 9)]
    report = transfer_report(manifest(*images, base=BaseRelease("app-1.0.0", "0" * 64)))
    mqtt = [channel.name for channel in report.channels].index("mqtt")
    assert [row.seconds[mqtt] for row in report.rows] == [None, 320, 1, None]
    assert report.recommended == "a.diff.bin"
    assert report.notes == ("a.bin: over the platform's limit for mqtt", "a.diff.bin: only for devices that run app-1.0.0",
                            "devices on another version need a.tar.gz")
    assert transfer_report(manifest(artifact("a.bin", "full", 10**9 + 1))).rows[0].seconds[0] is None
    assert transfer_report(manifest()).recommended is None


def test_every_channel_says_what_it_rests_on():
    assert {"http", "https", "BLE", "NB-IoT", "3G", "4G"} <= {channel.name for channel in CHANNELS}
    assert all(channel.rate > 0 and len(channel.assumption) > 20 for channel in CHANNELS)


@pytest.mark.parametrize("seconds, text", [(0, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text


@given(st.integers(1, 2**32), st.sampled_from(CHANNELS))
def test_an_estimate_is_never_too_short(size, channel):
    assert (channel.seconds(size) - 1) * channel.rate < size <= channel.seconds(size) * channel.rate
