"""Standard output and error in any console's encoding."""

from __future__ import annotations

import sys


def escape_unencodable() -> None:
    """Escape (`\\u4e2d`) what the encoding of standard output and error lacks, instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
