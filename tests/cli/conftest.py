"""The command as its own process, in the test's `folder`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = Path(__file__).parents[1] / "keys" / "data"


@pytest.fixture
def run(folder):
    def call(*arguments, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "aos_ota_plugin", *map(str, arguments)],
            cwd=folder,
            text=True,
            encoding="utf-8",
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    return call


@pytest.fixture
def key(folder):
    path = folder / "key.pem"
    path.write_bytes((KEYS / "private.pem").read_bytes())
    path.chmod(0o600)
    return path
