"""What we start is ended with us, also when we are interrupted in the moment in which it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest
from waiting import HANGS

from aos_ota_plugin import children, programs
from aos_ota_plugin.cloud import broker
from aos_ota_plugin.lab.demo import workspace_copy
from aos_ota_plugin.lab.models.cloud_process import CloudProcess
from aos_ota_plugin.lab.simulate import console, machine, network

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
ENDLESS = [sys.executable, "-c", "import time; time.sleep(600)"]


def script(folder, name):
    """A program that goes on for ever, in place of a real one."""
    path = folder / name
    path.write_text("#!/bin/sh\nexec sleep 600\n", encoding="ascii")
    path.chmod(0o755)
    return str(path)


def start_broker(folder, monkeypatch):
    monkeypatch.setattr(broker, "find_mosquitto", lambda: script(folder, "mosquitto"))
    broker.Broker([])


def start_device(folder, monkeypatch):
    (folder / machine.FLASH).write_bytes(b"\xff" * 0x2A000)
    monkeypatch.setattr(machine, "find_qemu", lambda: script(folder, machine.QEMU))
    with network.NetworkDevice(folder):
        pass


def start_console(folder, monkeypatch):
    (folder / machine.FLASH).write_bytes(b"\xff" * 0x2A000)
    monkeypatch.setattr(console, "find_qemu", lambda: script(folder, machine.QEMU))
    with console.Console(folder):
        pass


def start_make(folder, monkeypatch):
    workspace_copy.run_make(script(folder, "aos"), folder, [], quiet=True)


def start_fleet(folder, monkeypatch):
    CloudProcess(folder).start()


def start_tool(folder, monkeypatch):
    programs.run_tool(
        programs.Tool(ENDLESS, folder=str(folder), environment=os.environ, timeout=600, limit=100, what="it"), b""
    )


@pytest.mark.parametrize("start", [start_broker, start_device, start_console, start_make, start_fleet, start_tool])
def test_interrupted_in_the_moment_in_which_it_starts(tmp_path, monkeypatch, start):
    started = []

    class Interrupted(subprocess.Popen):
        """The signal comes when the program runs, and before its caller has it."""

        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(100):  # Python answers it here, unless it has to wait
                pass

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of several ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path, monkeypatch)
        assert [process.poll() is not None for process in started] == [True]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def test_only_who_answers_signals_puts_them_off(monkeypatch):
    """What is ignored or left to the system stays so: what is started in here inherits it."""
    monkeypatch.setattr(children, "ending_signals", lambda: [signal.SIGHUP])
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with children.delay_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_than_the_main_one_changes_nothing():
    seen = []

    def work():
        before = signal.getsignal(signal.SIGINT)
        with children.delay_signals():
            seen.append(signal.getsignal(signal.SIGINT) is before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_a_process_that_will_not_end_is_killed():
    script = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    deaf = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert deaf.stdout.readline() == b"up\n"
    children.end_process(deaf, 0.1)
    assert deaf.returncode == -signal.SIGKILL
    deaf.stdout.close()
    willing = subprocess.Popen([sys.executable, "-c", "import time\ntime.sleep(600)"])
    children.end_process(willing, HANGS)
    assert willing.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["printf", "1.2"], b"1.2"),
        (["sh", "-c", "printf 1.2; exit 1"], None),
        (["no-such-program"], None),
        (ENDLESS, None),
    ],
    ids=["answers", "fails", "is missing", "takes too long"],
)
def test_the_output_of_a_program_that_fails_is_none(command, output):
    assert children.program_output(command, seconds=HANGS if output else 0.5) == output
