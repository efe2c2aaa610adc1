"""Where passphrases and PINs come from, in which order, and what ends the search."""

import os
import subprocess
import sys

import pytest

from aos_ota_plugin.errors import OtaError, SecretError
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.passwords import passphrase, pin
from aos_ota_plugin.keys.pkcs11_uri import parse_uri
from aos_ota_plugin.keys.secret import Secret

URI = parse_uri("pkcs11:object=k")
SECRET = "zq81 版"


def nobody(question):
    raise AssertionError(f"asked for the {question}")


def command(tmp_path, monkeypatch, text):
    (tmp_path / "ask.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("AOS_OTA_PASSPHRASE_COMMAND", f"'{sys.executable}' ask.py")


def test_what_is_known_is_used(tmp_path, monkeypatch):
    command(tmp_path, monkeypatch, "1 / 0")
    access = Access(passphrase=Secret(SECRET), pin=Secret(SECRET), ask=nobody, folder=str(tmp_path))
    assert passphrase(access, "a.pem") == pin(access, URI._replace(pin_source="nowhere")) == SECRET.encode()


def test_a_program_comes_before_a_question(tmp_path, monkeypatch):
    monkeypatch.setenv("AOS_OTA_DEVICE_SECRET", "another")
    command(
        tmp_path,
        monkeypatch,
        "import os, sys\nsys.stdout.reconfigure(encoding='utf-8')\n"
        f"print({SECRET!r}, *sorted(n for n in os.environ if n.startswith('AOS_OTA')), os.environ['AOS_OTA_PASSPHRASE_FOR'])\nprint(2)",
    )
    found = passphrase(Access(ask=nobody, folder=str(tmp_path)), "a 版.pem")
    assert found.decode() == f"{SECRET} AOS_OTA_PASSPHRASE_FOR a 版.pem"


def test_questions():
    asked = []
    access = Access(ask=lambda question: asked.append(question) or SECRET)
    assert passphrase(access, "a.pem") == pin(access, URI) == SECRET.encode()
    assert asked == ["passphrase of a.pem", "PIN of pkcs11:object=k"]
    assert passphrase(Access(), "a.pem") is None
    assert passphrase(Access(ask=lambda question: None), "a.pem") is None
    with pytest.raises(SecretError, match="the token wants a PIN, and none was given"):
        pin(Access(ask=lambda question: None), URI)


@pytest.mark.parametrize(
    ("variable", "find"),
    [
        ("AOS_OTA_KEY_PASSPHRASE", lambda access: passphrase(access, "a.pem")),
        ("AOS_OTA_PASSPHRASE_COMMAND", lambda access: passphrase(access, "a.pem")),
        ("AOS_OTA_PKCS11_PIN", lambda access: pin(access, URI)),
    ],
)
def test_what_is_empty_ends_the_search(monkeypatch, variable, find):
    with pytest.raises(SecretError, match="is empty"):
        find(Access(ask=lambda question: ""))
    monkeypatch.setenv(variable, "")
    with pytest.raises(SecretError, match=f"{variable} is empty"):
        find(Access(ask=nobody))


PIN_FILES = [
    (f"{SECRET}\r\nmore\n".encode(), 0o600, SECRET),
    (f"  {SECRET}  ".encode(), 0o400, SECRET),
    (b"", 0o600, "the first line of .* is empty"),
    (b"\nzq81", 0o600, "the first line of .* is empty"),
    (b"\xff\xfe", 0o600, "the PIN is not UTF-8"),
    (SECRET.encode(), 0o640, "others can read or change the file with the PIN"),
]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
@pytest.mark.parametrize(("data", "mode", "expected"), PIN_FILES, ids=range(len(PIN_FILES)))
@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}"])
def test_pin_files(tmp_path, data, mode, expected, form):
    path = tmp_path / "密 pin"
    path.write_bytes(data)
    path.chmod(mode)
    uri = URI._replace(pin_source=form.format(path))
    if expected == SECRET:
        assert pin(Access(ask=nobody), uri) == SECRET.encode()
        assert pin(Access(ask=nobody, folder=str(tmp_path)), URI._replace(pin_source="密 pin")) == SECRET.encode()
    else:
        with pytest.raises(SecretError, match=expected) as caught:
            pin(Access(ask=nobody), uri)
        assert "zq81" not in str(caught.value)
        assert caught.value.remedy


def test_a_pin_file_that_git_tracks(tmp_path):
    path = tmp_path / "pin"
    path.write_bytes(b"zq81")
    path.chmod(0o600)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "pin"], cwd=tmp_path, check=True)
    with pytest.raises(SecretError, match="git tracks the file with the PIN"):
        pin(Access(ask=nobody), URI._replace(pin_source=str(path)))


def test_a_pin_file_that_is_not_there(tmp_path):
    with pytest.raises(SecretError, match="the file of pin-source cannot be read"):
        pin(Access(ask=nobody, folder=str(tmp_path)), URI._replace(pin_source="no"))


@pytest.mark.parametrize("words", ["", "no-such-program-of-ours", "'open"])
def test_commands_that_are_none(monkeypatch, words):
    monkeypatch.setenv("AOS_OTA_PASSPHRASE_COMMAND", words)
    with pytest.raises(OtaError) as caught:
        passphrase(Access(ask=nobody), "a.pem")
    assert caught.value.remedy
