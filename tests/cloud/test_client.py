"""The client says what a cloud, or what stands in its place, answers."""

import http.client
import io
from types import SimpleNamespace

import pytest

from aos_ota_plugin.cloud import data_folder
from aos_ota_plugin.cloud.client import Client
from aos_ota_plugin.errors import SettingsError, WorkspaceError


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """``ask(status, body)``: the client of a cloud that answers so."""

    def client(status, body):
        answer = SimpleNamespace(status=status, read=io.BytesIO(body).read)
        monkeypatch.setattr(http.client.HTTPConnection, "request", lambda *_: None)
        monkeypatch.setattr(http.client.HTTPConnection, "getresponse", lambda _: answer)
        data_folder.write_config(tmp_path, data_folder.new_config("127.0.0.1"))
        return Client(tmp_path)

    return client


def test_a_refusal_is_shown_without_control_characters(ask):
    with pytest.raises(SettingsError) as caught:
        ask(400, b'{"error": "bad \\u001b[2J\\u202e\\n", "remedy": "do \\u009b"}').status()
    assert str(caught.value) == "the cloud refused: bad \\x1b[2J\\u202e\\n\n  fix: do \\x9b"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.add_devices("pk", ["d\udcff"]),
        lambda client: client.add_devices("pk", ["d"], "gate\udcff"),
        lambda client: client.add_product("pk\udcff"),
        lambda client: client.start_job(package=1, kind="verify", device_names=["d\udcff"]),
        lambda client: client.upload(b"", {"file": "d\udcff.bin"}),
    ],
)
def test_a_name_of_the_command_line_that_is_no_text_is_told_so(ask, call):
    with pytest.raises(SettingsError, match=r"\\udcff.* is not UTF-8") as caught:
        call(ask(200, b"{}"))
    assert "give another one" in caught.value.remedy


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"3", b"\xff"])
def test_what_is_no_answer_of_a_cloud_is_none(ask, body):
    with pytest.raises(WorkspaceError, match=r"no cloud answers on 127\.0\.0\.1"):
        ask(200, body).status()
