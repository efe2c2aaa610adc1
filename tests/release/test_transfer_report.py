"""Which file to send over which channel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.release.artifact import Artifact
from aos_ota_plugin.release.manifest import BaseRelease, Manifest
from aos_ota_plugin.release.transfer import CHANNELS, Channel, advice, format_duration, transfer_report


def artifact(file, kind, size):
    return Artifact(file, kind, size, "0" * 32, "0" * 64)


def manifest(*images, base=None):
    return Manifest("app-1.0.1", "local", "kv", None, artifact("ota_rtos.bin", "payload", 1000), images, (), base=base)


def test_the_table():
    channels = (Channel("http", 100, "test", 5000), Channel("BLE", 7, "test"), Channel("serial", 1000, "test"))
    report = transfer_report(manifest(artifact("a.bin", "full", 1001), artifact("a.bin.xz", "xz", 700)), channels)
    assert [(row.file, row.seconds) for row in report.rows] == [
        ("a.bin", (11, 143, None)),
        ("a.bin.xz", (7, 100, None)),
        ("ota_rtos.bin", (None, None, 1)),
    ]
    assert report.recommended == "a.bin.xz"
    assert len(report.notes) == 1
    assert report.notes[0].startswith("a.bin.xz: the platform does not list this suffix; upload the same bytes")


def test_limits_and_diffs_are_told():
    images = [
        artifact("a.bin", "full", 16_000_001),
        artifact("a.tar.gz", "xz", 16_000_000),
        artifact("a.diff.bin", "diff", 9),
    ]
    report = transfer_report(manifest(*images, base=BaseRelease("app-1.0.0", "0" * 64)))
    mqtt = [channel.name for channel in report.channels].index("mqtt")
    assert [row.seconds[mqtt] for row in report.rows] == [None, 320, 1, None]
    assert report.recommended == "a.diff.bin"
    assert report.notes == (
        "a.bin: over the platform's limit for mqtt",
        "a.diff.bin: only for devices that run app-1.0.0",
        "devices on another version need a.tar.gz",
    )
    assert transfer_report(manifest(artifact("a.bin", "full", 10**9 + 1))).rows[0].seconds[0] is None
    assert transfer_report(manifest()).recommended is None


BASE = BaseRelease("app-1.0.0", "0" * 64)
ADVICE = {
    "both pay": (
        (700, 200),
        700,
        [
            "a.bin.xz is 300 bytes smaller (30 %)",
            "a.diff.bin is 800 bytes smaller (80 %), only for devices that run app-1.0.0",
        ],
    ),
    "diff as large as xz": (
        (700, 700),
        700,
        [
            "a.bin.xz is 300 bytes smaller (30 %)",
            "a.diff.bin has 700 bytes and is no smaller than a.bin.xz with 700: send that instead",
        ],
    ),
    "diff without xz": (
        (None, 200),
        700,
        ["a.diff.bin is 800 bytes smaller (80 %), only for devices that run app-1.0.0"],
    ),
    "diff larger than an xz that was not made": (
        (None, 701),
        700,
        [
            "a.diff.bin has 701 bytes and is no smaller than the compressed image (OTA_COMPRESS_XZ=y) with 700: send that instead"
        ],
    ),
    "nothing pays": (
        (1001, 1000),
        1001,
        [
            "a.bin.xz is no smaller than a.bin: compressing does not pay here, send the latter",
            "a.diff.bin has 1000 bytes and is no smaller than a.bin with 1000: send that instead",
        ],
    ),
    "only xz pays": (
        (900, 1000),
        900,
        [
            "a.bin.xz is 100 bytes smaller (10 %)",
            "a.diff.bin has 1000 bytes and is no smaller than a.bin.xz with 900: send that instead",
        ],
    ),
    "full alone": ((None, None), None, []),
}


@pytest.mark.parametrize("name", ADVICE)
def test_what_a_build_advises(name):
    (packed, diff), compressed_size, lines = ADVICE[name]
    images = [artifact("a.bin", "full", 1000)]
    images += [artifact("a.bin.xz", "xz", packed)] if packed else []
    images += [artifact("a.diff.bin", "diff", diff)] if diff else []
    assert advice(manifest(*images, base=BASE), compressed_size) == lines
    assert advice(manifest(), None) == []


def test_a_diff_that_is_no_smaller_is_not_recommended():
    images = [artifact("a.bin", "full", 1000), artifact("a.bin.xz", "xz", 700), artifact("a.diff.bin", "diff", 700)]
    report = transfer_report(manifest(*images, base=BASE))
    assert report.recommended == "a.bin.xz"
    assert "a.diff.bin: only for devices that run app-1.0.0" in report.notes
    serial = [channel.name for channel in report.channels].index("serial")
    assert [row.seconds[serial] for row in report.rows] == [None, None, None, 1]


def test_every_channel_says_what_it_rests_on():
    assert {"http", "https", "BLE", "NB-IoT", "3G", "4G"} <= {channel.name for channel in CHANNELS}
    assert all(channel.rate > 0 and len(channel.assumption) > 20 for channel in CHANNELS)


@pytest.mark.parametrize(
    "seconds, text", [(0, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min")]
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text


@given(st.integers(1, 2**32), st.sampled_from(CHANNELS))
def test_an_estimate_is_never_too_short(size, channel):
    assert (channel.seconds(size) - 1) * channel.rate < size <= channel.seconds(size) * channel.rate
