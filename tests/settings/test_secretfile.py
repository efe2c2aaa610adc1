"""Secrets: where they come from, and what is refused without being shown."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import OtaError, SecretError, SettingsError
from aos_ota_plugin.files.git import tracked_by_git
from aos_ota_plugin.keys.secret import Secret
from aos_ota_plugin.settings.secretfile import load_secrets, read_environment, read_secrets_yaml

needs_posix = pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def write(folder, text, mode=0o600):
    file = folder / "ota.secrets.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_file_and_environment(tmp_path):
    file = write(tmp_path, "device_secret: 'abc'\nkey_passphrase: 'a \"b\" 版'\n")
    secrets = load_secrets(str(tmp_path), {"AOS_OTA_DEVICE_SECRET": "from env", "AOS_OTA_PRODUCT_SECRET": ""})
    assert secrets.device_secret == Secret("from env")
    assert secrets.product_secret is None
    assert secrets.key_passphrase == Secret('a "b" 版')
    assert str(secrets.origins["device_secret"]) == "environment"
    assert str(secrets.origins["key_passphrase"]) == f"{file}:2:17"
    assert "abc" not in repr(secrets)
    assert "from env" not in repr(secrets)


def test_as_windows_editors_save_it(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        write(tmp_path, "").write_bytes("key_passphrase: 'a 版'\r\n".encode(encoding))
        assert load_secrets(str(tmp_path), {}).key_passphrase == Secret("a 版")


@needs_posix
def test_bytes_of_a_variable_that_are_no_text(tmp_path):
    secrets = load_secrets(str(tmp_path), {"AOS_OTA_KEY_PASSPHRASE": os.fsdecode(b"\xff\xe9")})
    assert secrets.key_passphrase == Secret(b"\xff\xe9")
    with pytest.raises(SettingsError, match="the value is not text"):
        load_secrets(str(tmp_path), {"AOS_OTA_KEY_PASSPHRASE": "\ud800"})


def test_without_a_file_only_the_environment_speaks(tmp_path):
    assert load_secrets(str(tmp_path), {}).origins == {}


def test_an_empty_file_is_no_error(tmp_path):
    write(tmp_path, "# nothing yet\n")
    assert load_secrets(str(tmp_path), {}).device_secret is None


@needs_posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_others_can_reach_is_refused(tmp_path, mode):
    file = write(tmp_path, "device_secret: 'zq81hunter2'\n", mode)
    with pytest.raises(SecretError) as caught:
        load_secrets(str(tmp_path), {})
    text = str(caught.value)
    assert text.startswith(f"{file}: others can read or change this secrets file (mode {mode:04o})")
    assert f"chmod 600 '{file}'" in text
    assert "zq81hunter2" not in text


@needs_posix
def test_an_exposed_file_is_refused_even_when_the_environment_would_do(tmp_path):
    write(tmp_path, "device_secret: 'abc'\n", 0o644)
    with pytest.raises(SecretError):
        load_secrets(str(tmp_path), {"AOS_OTA_DEVICE_SECRET": "abc"})


def test_a_folder_in_the_files_place(tmp_path):
    (tmp_path / "ota.secrets.yaml").mkdir()
    with pytest.raises(SecretError, match="cannot be read"):
        load_secrets(str(tmp_path), {})


def test_bytes_that_are_no_text(tmp_path):
    file = write(tmp_path, "")
    file.write_bytes(b"device_secret: '\xff\xfe'\n")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_secrets(str(tmp_path), {})


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("number", "device_secret: 12345678\n", "s:1:16: device_secret: YAML does not read this value as text"),
        ("float", "product_secret: 1234e5.1\ndevice_secret: 12.5\n", "s:2:16: device_secret: YAML does not read"),
        ("boolean", "product_secret: yes\n", "s:1:17: product_secret: YAML does not read this value as text"),
        ("date", "device_secret: 2020-01-01\n", "s:1:16: device_secret: YAML does not read this value as text"),
        ("nothing", "device_secret:\n", "s:1:15: device_secret: YAML does not read this value as text"),
        ("list", "device_secret: [zq81]\n", "s:1:16: device_secret: YAML does not read this value as text"),
        ("empty", "device_secret: ''\n", "s:1:16: device_secret: the value is empty"),
        (
            "too long",
            f"device_secret: {'zq81' * 17}\n",
            "s:1:16: device_secret: the value is longer than 64 characters",
        ),
        ("too long", f"product_secret: {'zq81' * 17}\n", "s:1:17: product_secret: the value is longer than 64"),
        ("NUL", 'device_secret: "zq81\\0"\n', "s:1:16: device_secret: the value has a line break or another control"),
        (
            "newline",
            'device_secret: "zq81\\n"\n',
            "s:1:16: device_secret: the value has a line break or another control",
        ),
        ("newline", 'key_passphrase: "zq81\\n"\n', "s:1:17: key_passphrase: the value has a line break or another"),
        ("quote", 'device_secret: zq81"x\n', "s:1:16: device_secret: the value has a quote or a backslash in it"),
        ("quote", "device_secret: zq81'x\n", "s:1:16: device_secret: the value has a quote or a backslash in it"),
        (
            "backslash",
            "product_secret: zq81\\x\n",
            "s:1:17: product_secret: the value has a quote or a backslash in it",
        ),
        ("Chinese", "device_secret: zq81版\n", "s:1:16: device_secret: the value has a character outside ASCII in it"),
        ("misspelt", "device_secert: zq81\n", "s:1: no secret has this name\n  fix: did you mean device_secret?"),
        (
            "variable",
            "AOS_OTA_PRODUCT_SECRET: zq81\n",
            "s:1: no secret has this name\n  fix: did you mean product_secret?",
        ),
        (
            "unknown",
            "# x\nzq81: x\n",
            "s:2: no secret has this name\n  fix: the names are device_secret, product_secret, key_passphrase",
        ),
        ("a list", "- zq81\n", "s:1: a secrets file is a mapping"),
        ("a text", "zq81\n", "s:1: a secrets file is a mapping"),
        ("a key that is no text", "81: zq81\n", "s: a secrets file is a mapping"),
        ("no YAML", "device_secret: 'zq81\n", "s:2:1: this is not YAML\n"),
        ("no YAML", "device_secret: *zq81\n", "s:1:16: this is not YAML\n"),
        ("no YAML", "device_secret: !zq81 x\n", "s:1:16: this is not YAML\n"),
    ],
)
def test_bad_secrets_file(name, text, message):
    with pytest.raises(SettingsError) as caught:
        read_secrets_yaml(text, "s")
    shown = str(caught.value)
    assert shown.startswith(message), name
    assert "\n  fix: " in shown
    assert "zq81" not in shown + repr(caught.value)


@pytest.mark.parametrize(
    "value, message",
    [
        ("x" * 65, "AOS_OTA_DEVICE_SECRET: the value is longer than 64 characters"),
        ("a\nb", "AOS_OTA_DEVICE_SECRET: the value has a line break"),
        ('a"b', "AOS_OTA_DEVICE_SECRET: the value has a quote"),
        ("版", "AOS_OTA_DEVICE_SECRET: the value has a character outside ASCII"),
    ],
)
def test_bad_environment(value, message):
    with pytest.raises(SettingsError) as caught:
        read_environment({"AOS_OTA_DEVICE_SECRET": value})
    assert str(caught.value).startswith(message)
    assert value not in str(caught.value)


def test_longest_secrets_fit():
    raws = read_secrets_yaml(
        f"device_secret: {'d' * 64}\nproduct_secret: {'p' * 64}\nkey_passphrase: {'k' * 500}\n", "s"
    )
    assert [raw.value.reveal() for raw in raws] == [b"d" * 64, b"p" * 64, b"k" * 500]
    assert {raw.text for raw in raws} == {"<secret>"}


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    "device_secret",
                    "key_passphrase",
                    ": ",
                    "\n",
                    "'",
                    '"',
                    "zq",
                    "1",
                    "[",
                    "\\",
                    "&a ",
                    "*a",
                    "!x ",
                    "- ",
                ]
            ),
            max_size=15,
        ).map("".join),
    )
)
def test_any_text_is_secrets_or_our_error(text):
    try:
        raws = read_secrets_yaml(text, "s")
    except OtaError as error:
        assert error.remedy
    else:
        assert all(isinstance(raw.value, Secret) and raw.value.reveal() for raw in raws)


def git(folder, *arguments):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        env=environ,
    )


@needs_git
@pytest.mark.skipif(os.name != "posix", reason="links")
def test_git_tracks_what_a_link_leads_to(tmp_path):
    (tmp_path / "real.yaml").write_text("device_secret: 'abc'\n")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    git(tmp_path, "init", "-q")
    assert not tracked_by_git(str(tmp_path / "link.yaml"))
    git(tmp_path, "add", "real.yaml")
    assert tracked_by_git(str(tmp_path / "link.yaml"))


@needs_git
def test_git_knows_what_it_tracks(tmp_path, monkeypatch):
    folder = tmp_path / "a b" / "版"
    folder.mkdir(parents=True)
    file = write(folder, "device_secret: 'abc'\n")
    assert not tracked_by_git(str(file)), "no repository"
    git(tmp_path, "init", "-q")
    assert not tracked_by_git(str(file)), "not added"
    git(tmp_path, "add", ".")
    assert tracked_by_git(str(file))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert tracked_by_git(str(file)), "a hook's GIT_DIR must not mislead"
    git(tmp_path, "rm", "-q", "--cached", str(file))
    assert not tracked_by_git(str(file)), "taken out again"
    (folder / "*").write_text("x")
    git(tmp_path, "add", ".")
    git(tmp_path, "rm", "-q", "--cached", "--", ":(literal)a b/版/*")
    assert not tracked_by_git(str(folder / "*")), "a name is no pattern"


@needs_git
def test_a_tracked_file_is_refused(tmp_path):
    file = write(tmp_path, "device_secret: 'abc'\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-f", "ota.secrets.yaml")
    with pytest.raises(SecretError) as caught:
        load_secrets(str(tmp_path), {})
    text = str(caught.value)
    assert text.startswith(f"{file}: git tracks this secrets file")
    assert f"git rm --cached '{file}'" in text
    assert "issue new secrets" in text


def test_without_a_git_program_nothing_is_tracked(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not tracked_by_git(str(tmp_path / "x"))
