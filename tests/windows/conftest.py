"""CPython for Windows under Wine, set up by `make windows-smoke`; what is missing fails, and is never skipped."""

from __future__ import annotations

import shutil
from typing import Iterator

import pytest
from filelock import FileLock
from wine import FOLDER, Wine


@pytest.fixture(scope="session")
def wine() -> Iterator[Wine]:
    """Wine with its services started, for one run of tests at a time."""
    if not (FOLDER / ".ready").exists() or shutil.which("wine") is None:
        pytest.fail("Wine is not set up: `make windows-smoke` does that", pytrace=False)
    with FileLock(FOLDER / ".lock"):
        wine = Wine()
        wine.start()
        yield wine
        wine.stop()
