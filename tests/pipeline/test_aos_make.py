"""How a build is run: its status, its signals, what goes past the shell; with programs that are no aos in its place."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import BuildError, SecretError, SettingsError
from aos_ota_plugin.pipeline.aos_make import check_built, run_aos_make, split_arguments
from aos_ota_plugin.settings.handover import ORDER, parse_order

pytestmark = pytest.mark.programs


@pytest.fixture
def program(tmp_path):
    """``program(text)``: a Python program in the place of `aos`, in a folder with a space in its name."""

    def write(text):
        path = tmp_path / "some tools" / "aos"
        path.parent.mkdir(exist_ok=True)
        code = path.with_name("aos.py")
        code.write_text(f"import os, signal, sys, time\n{text}\n", encoding="utf-8")
        words = " ".join(shlex.quote(str(word)) for word in (sys.executable, code))  # `#!` takes no path with a space
        path.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "status"), [("", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", 137)]
)
def test_the_status_is_that_of_the_program(program, tmp_path, text, status):
    assert run_aos_make(program(text), str(tmp_path), "", [], []) == (status, None)


def test_the_order_is_the_owners_and_gone_afterwards(program, tmp_path):
    values = (("OTA_SIGNING_KEY", "a b'\"$(id);\\\n中\udcff"),)
    run_aos_make(
        program(
            "place = os.environ['AOS_OTA_MAKE']\n"
            "open('seen', 'w').write(oct(os.stat(place).st_mode & 0o777) + place + '\\n' + open(place + '/order.json').read())\n"
            "open('arguments', 'w').write(repr(sys.argv[1:]))"
        ),
        str(tmp_path),
        "haas100",
        values,
        ["LWIP_DEBUG=1"],
    )
    first, order = (tmp_path / "seen").read_text().split("\n", 1)
    assert first.startswith("0o700")
    assert not os.path.exists(first[len("0o700") :])
    order = parse_order(order.encode(), ORDER)
    assert (order.solution, order.board, order.settings) == (str(tmp_path), "haas100", values)
    assert (tmp_path / "arguments").read_text() == "['make', 'BOARD=haas100', 'LWIP_DEBUG=1']"


def test_a_report_of_another_build_is_none_of_this_one(program, tmp_path):
    report = '{"nonce": "%s", "state": "built", "manifest": "m"}'
    write = (
        "place = os.environ['AOS_OTA_MAKE']\nimport json\nnonce = json.load(open(place + '/order.json'))['nonce']\n"
        f"open(place + '/report.json', 'w').write('{report}' % (nonce[::-1] if len(sys.argv) > 2 else nonce))"
    )
    assert run_aos_make(program(write), str(tmp_path), "", [], []).report.state == "built"
    ending = run_aos_make(program(write), str(tmp_path), "", [], ["A=1"])
    assert ending == (0, None)
    with pytest.raises(BuildError, match="did not run in this build"):
        check_built(ending, str(tmp_path), None)


def test_what_is_no_program_is_an_error_of_ours(tmp_path):
    with pytest.raises(BuildError, match="cannot be started"):
        run_aos_make(str(tmp_path / "aos"), str(tmp_path), "", [], [])


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_that_runs(program, tmp_path, number):
    """Without a terminal, as in CI; the build's own children are ended, too."""
    aos = program(
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {child.pid}.')\nchild.wait()"
    )
    script = (
        "import sys\nfrom aos_ota_plugin.children import unwind_on_signals\nfrom aos_ota_plugin.pipeline.aos_make import run_aos_make\n"
        "with unwind_on_signals():\n    run_aos_make(sys.argv[1], sys.argv[2], '', [], [])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, aos, str(tmp_path)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pids = tmp_path / "pids"
    until = time.monotonic() + 60
    while not (pids.exists() and pids.read_text().endswith(".")):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) != 0
    while any(running(int(pid)) for pid in pids.read_text().rstrip(".").split()):
        assert time.monotonic() < until
        time.sleep(0.02)


def running(pid):
    """Whether a process of this number does anything yet; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- what is whose


def test_settings_are_handed_over_and_the_rest_is_passed_on():
    pairs = [
        ("OTA_APP_VERSION", "a b"),
        ("LWIP_DEBUG", "1"),
        ("OTA_APP_VERSON", "app-1"),
        ("V", "1"),
        ("CFLAGS", "-DX=1"),
    ]
    assert split_arguments(pairs) == (
        [("OTA_APP_VERSION", "a b")],
        ["LWIP_DEBUG=1", "OTA_APP_VERSON=app-1", "V=1", "CFLAGS=-DX=1"],
    )


@settings(deadline=None)
@given(st.text(max_size=8))
def test_no_value_of_anothers_reaches_a_shell_that_would_read_it(value):
    try:
        _, others = split_arguments([("OTHER", value)])
    except SettingsError:
        return
    shown = shell_words(others[0])
    assert shown == [f"OTHER={value}"]


def shell_words(line):
    """The words that a shell makes of it, by Python's reading of its rules."""
    import shlex

    assert not set(line) & set("$`;&|<>()*?[]#~!{}%^\n\r\t")
    return shlex.split(line)


@pytest.mark.parametrize("name", ["", "A B", "A;B", "-x", "1A", "A\n"])
def test_a_name_is_a_name(name):
    with pytest.raises(SettingsError):
        split_arguments([(name, "1")])


def test_a_secret_is_refused():
    with pytest.raises(SecretError, match="on the command line"):
        split_arguments([("OTA_DEVICE_SECRET", "hush0hush")])
