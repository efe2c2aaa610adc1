"""Asking for a secret on the terminal, without showing it."""

from __future__ import annotations

import functools
import sys
from typing import Optional


@functools.cache
def ask_secret(question: str) -> Optional[str]:
    """The answer, None where nobody can be asked; one process asks each question once.

    Nobody can where standard input or standard error is no terminal: a build server must fail, not wait.
    """
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return None
    import getpass

    try:
        return getpass.getpass(f"{question}: ", stream=sys.stderr)
    except EOFError:
        return None
