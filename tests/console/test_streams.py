"""Standard output and error where the console's encoding lacks characters, as on Windows."""

from __future__ import annotations

import io
import sys

import pytest

from aos_ota_plugin.console.streams import escape_unencodable


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_the_encoding_lacks_is_escaped(monkeypatch, name):
    written = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding="cp1252"))
    escape_unencodable()
    print("ñ 中", file=getattr(sys, name), flush=True)
    assert written.getvalue() == b"\xf1 \\u4e2d\n"


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "中".encode()), ("cp1252", b"\\u4e2d")])
def test_a_byte_that_is_not_utf_8_is_shown_as_a_shell_takes_it(monkeypatch, encoding, shown):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    escape_unencodable()
    print("中\udcff\udc80a\ud800.bin", flush=True)
    assert written.getvalue() == shown + b"\\xff\\x80a\\ud800.bin\n"


def test_a_stream_without_an_encoding_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)  # a program without a console has none
    escape_unencodable()
    print("中")
    assert sys.stdout.getvalue() == "中\n"
