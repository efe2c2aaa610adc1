"""Progress of long work: few plain lines on a pipe, a bar on a terminal."""

from __future__ import annotations

import io

import pytest

from aos_ota_plugin.console.progress import INTERVAL, WorkProgress


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_quick_work_on_a_pipe_is_one_line():
    stream, clock = io.StringIO(), Clock()
    with WorkProgress(stream, prefix="p: ", clock=clock) as progress:
        for done in range(9):
            progress("图.diff.bin", done, 8)
            clock.now += INTERVAL / 20
    assert stream.getvalue() == "p: making 图.diff.bin\n"


def test_long_work_on_a_pipe_is_a_line_now_and_then():
    stream, clock = io.StringIO(), Clock()
    with WorkProgress(stream, clock=clock) as progress:
        for done in range(101):
            progress("a", done, 100)
            clock.now += INTERVAL / 10
        progress("b", 1, 2)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "making a"
    assert lines[-1] == "making b"
    assert lines[1:-1] == [f"a: {percent} %" for percent in range(10, 100, 10)]


def test_terminal_gets_a_bar_that_is_gone_afterwards():
    stream = Terminal()
    with WorkProgress(stream, prefix="p: ") as progress:
        progress("[a].bin", 0, 4)
        progress("[a].bin", 4, 4)
    shown = stream.getvalue()
    assert "p: [a].bin" in shown
    assert "100%" in shown
    assert "making" not in shown


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["pipe", "terminal"])
def test_nothing_to_do_shows_nothing(stream):
    with WorkProgress(stream):
        pass
    assert stream.getvalue() == ""


def test_bar_is_taken_down_when_the_work_fails():
    stream = Terminal()

    def work():
        with WorkProgress(stream) as progress:
            progress("a", 1, 4)
            raise OSError("it fails")

    with pytest.raises(OSError, match="it fails"):
        work()
    assert stream.getvalue().endswith("\x1b[2K")  # the cursor's line is cleared
    assert "\x1b[?25h" in stream.getvalue()  # and the cursor is back
