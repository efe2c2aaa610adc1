"""The command as its own process, in the test's `folder`."""

from __future__ import annotations

from pathlib import Path

import pytest
from forked_command import run_command

KEYS = Path(__file__).parents[1] / "keys" / "data"


@pytest.fixture
def run(folder, tmp_path_factory):
    outputs = tmp_path_factory.mktemp("printed")

    def call(*arguments, **environment):
        done = run_command(arguments, cwd=folder, folder=outputs, extra=environment)
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    return call


@pytest.fixture
def key(folder):
    path = folder / "key.pem"
    path.write_bytes((KEYS / "private.pem").read_bytes())
    path.chmod(0o600)
    return path
