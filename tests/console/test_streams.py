"""Standard output and error where the console's encoding lacks characters, as on Windows."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from aos_ota_plugin.console.streams import escape_unencodable, open_missing, require_stdout
from aos_ota_plugin.errors import OutputError


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


def test_a_closed_standard_output_takes_no_product(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    for prepare in (lambda: None, open_missing):
        prepare()
        with pytest.raises(OutputError, match="standard output is closed") as caught:
            require_stdout()
        assert caught.value.remedy
    sys.stdout.close()


def test_one_that_leads_to_the_null_device_is_not_closed():
    code = "from aos_ota_plugin.console.streams import *; open_missing(); require_stdout()"
    with open(os.devnull, "wb") as null:
        assert subprocess.run([sys.executable, "-c", code], stdout=null, check=False).returncode == 0
