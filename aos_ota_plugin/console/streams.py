"""Standard output and error in any console's encoding."""

from __future__ import annotations

import codecs
import os
import sys
from typing import Tuple

from aos_ota_plugin.errors import OutputError


def open_missing() -> None:
    """Open the standard streams that the caller has closed, as empty ones: Python sets them to None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends


def require_stdout() -> None:
    """Raise OutputError where the caller has closed standard output, and a command's product goes there."""
    if sys.stdout is None or getattr(sys.stdout, "name", None) == os.devnull:  # redirected to it, its name is <stdout>
        raise OutputError(
            "standard output is closed, and what this command makes goes there",
            remedy="open it, or redirect it to a file",
        )


def escape_unencodable() -> None:
    """Escape (`\\u4e2d`) what the encoding of standard output and error lacks, instead of an error.

    A byte of a file's name that is not UTF-8 is shown as `\\xff`: a shell takes it so, in `$'…'`.
    """
    codecs.register_error("escape", _escape)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="escape")


def _escape(error: UnicodeError) -> Tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    error.end = error.start + 1
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) & 0xFF:02x}", error.end
    shown, end = codecs.backslashreplace_errors(error)
    return str(shown), end
