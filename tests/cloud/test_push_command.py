"""`aos-ota cloud push` against a cloud that answers from a table."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli.cloud_push import command
from aos_ota_plugin.cloud import client, rollout
from aos_ota_plugin.errors import ProofError


@pytest.fixture
def push(monkeypatch):
    """``push(skipped, current, *words)``: the command's result, and the kinds of the jobs that it started."""

    def run(skipped, current, *words, tasks=()):
        started = []

        class Client:
            def __init__(self, folder):
                pass

            def start_job(self, **values):
                started.append(values["kind"])
                return {"job": 1, "skipped": skipped, "current": current}

            def is_running(self, job):
                return False

            def status(self):
                return {"jobs": [{"number": 1, "kind": started[-1], "counts": rollout.count(()), "tasks": tasks}]}

        monkeypatch.setattr(client, "Client", Client)
        return CliRunner().invoke(command, ["1", *words]), started

    return run


def test_a_busy_device_verifies_nothing(push):
    result, started = push({"d7": "is in another task that has not ended"}, [], "--verify-on", "d7", "d8")
    assert started == ["verify"]
    assert isinstance(result.exception, ProofError)
    assert str(result.exception).startswith("1 devices did not get to the version")
    assert "d7" in result.output
    assert "left out" in result.output


def test_a_device_that_runs_the_version_is_no_failure(push):
    result, started = push({"d7": "runs v2 already"}, ["d7"], "--verify-on", "d7", "d8")
    assert started == ["verify", "batch"]
    assert result.exception is None


def test_a_device_that_a_batch_left_out_is_a_failure(push):
    result, _ = push({"d8": "reported nothing, and the diff is from v1"}, [], "d8")
    assert isinstance(result.exception, ProofError)


def test_names_stand_beside_the_codes_of_a_failure(push):
    task = {"device_name": "d7", "state": "FAILED", "step": -3, "desc": "status -12"}
    result, _ = push({}, [], "d7", tasks=[task, {**task, "device_name": "d8", "step": 40, "desc": ""}])
    rows = {line.split()[0]: line for line in result.output.splitlines() if line}
    assert " -3 OTA_REPORT_VERIFY_ERR " in rows["d7"]
    assert rows["d7"].endswith(" status -12 OTA_VERIFY_RSA_FAIL")
    assert rows["d8"].endswith(" 40")
