"""Standard output and error of whatever encoding the console has."""

from __future__ import annotations

import sys


def escape_unencodable() -> None:
    """Let standard output and error escape (`\\u4e2d`) what their encoding lacks; by default that raises an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
