"""Standard output and error in any console's encoding."""

from __future__ import annotations

import os
import sys


def open_missing() -> None:
    """Open the standard streams that the caller has closed, as empty ones: Python sets them to None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends


def escape_unencodable() -> None:
    """Escape (`\\u4e2d`) what the encoding of standard output and error lacks, instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
