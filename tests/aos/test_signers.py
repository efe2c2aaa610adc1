"""The real ``aos make`` with a token and with a program in the place of the key's file."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest
from softhsm import PIN
from terminal import typed
from test_fails_closed import refused
from test_secret_search import Searched

from aos_ota_plugin.keys.signer import load_signer

pytestmark = [pytest.mark.aos]

URI = "pkcs11:token=OTA%20keys;object=ota?module-name=softhsm2"
NEXT = "OTA_APP_VERSION=app-1.0.1"
TOOL = """\
import subprocess, sys
message = bytes.fromhex(sys.argv[2])
assert message == sys.stdin.buffer.read()
print("signing", sys.argv[2], file=sys.stderr)
sys.stdout.buffer.write(subprocess.run(
    ["openssl", "dgst", "-sha256", "-sign", sys.argv[1]], input=message, capture_output=True, check=True).stdout)
"""


def sign_with(workspace, reference, **others):
    lines = "".join(f"\n  {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in others.items())
    workspace.edit(
        workspace.package,
        "OTA_SIGNING_KEY: keys/ota_dev_key.pem",
        f"OTA_SIGNING_KEY: {json.dumps(reference, ensure_ascii=False)}{lines}\n ",
    )


@pytest.fixture
def token(softhsm, tmp_path, dev_key):
    """A token that holds the development key."""
    made = softhsm()
    (tmp_path / "ota.pem").write_bytes(dev_key)
    made.bring(tmp_path / "ota.pem", "ota", "01")
    (tmp_path / "ota.pem").unlink()
    return made


@pytest.mark.hsm
def test_a_token_signs_the_build(built_workspace, token):
    workspace = built_workspace
    expected = workspace.snapshot()
    workspace.key.unlink()
    workspace.image.unlink()
    workspace.manifest.unlink()
    sign_with(workspace, URI)
    workspace.made(env=token.env())
    assert workspace.snapshot() == expected

    # Nothing to do: no token is needed, and nothing is made.
    assert "image" not in workspace.made(env=token.environ).count()
    assert workspace.snapshot() == expected

    # aos-tools rewrites package.yaml: the URI survives.
    workspace.made("-b", "haas100", env=token.env())
    assert URI in workspace.package.read_text(encoding="utf-8")

    refused(workspace, NEXT, says=["the token wants a PIN, and none was given"], env=token.environ)
    said = refused(workspace, NEXT, says=["the token does not take this PIN"], env=token.env("987654")).output
    assert "987654" not in said
    workspace.made(NEXT, env=token.env())
    assert json.loads(workspace.manifest.read_bytes())["version"] == "app-1.0.1"


@pytest.mark.hsm
def test_another_key_on_the_token_goes_into_the_firmware(built_workspace, token, other_key, tmp_path):
    workspace = built_workspace
    (tmp_path / "other.pem").write_bytes(other_key)
    token.bring(tmp_path / "other.pem", "next", "02")
    sign_with(workspace, URI)
    workspace.made(env=token.env())
    # aos-tools hands its arguments to a shell: quoted once more, ; and & arrive.
    workspace.made("OTA_SIGNING_KEY='" + URI.replace("object=ota", "object=next") + "'", env=token.env())
    fingerprint = load_signer(other_key, file="other", passphrase=None).public_key.fingerprint
    assert json.loads(workspace.manifest.read_bytes())["key_fingerprint"] == fingerprint


@pytest.mark.hsm
@pytest.mark.parametrize("source", ["environment", pytest.param("pin-source", marks=pytest.mark.faults)])
def test_the_pin_is_found_nowhere(workspace, token, tmp_path, source):
    uri, env, may_hold = URI, token.env(), ()
    if source == "pin-source":
        uri, env, may_hold = f"{URI}&pin-source=keys/pin", token.environ, ("solutions/ota_demo/keys/pin",)
        workspace.write_key(workspace.solution / "keys" / "pin", f"{PIN}\n".encode())
    workspace.key.unlink()
    sign_with(workspace, uri)
    searched = Searched(workspace, tmp_path / "watched", env=env).succeeded()
    assert searched.traces(PIN, but=may_hold) == {}
    assert b"pkcs11" not in workspace.manifest.read_bytes()
    shown = workspace.run("aos-ota", "config", env=env).output
    assert uri in shown
    assert PIN not in shown
    assert (" pkcs11_pin set " in " ".join(shown.split())) == (source != "pin-source")


@pytest.mark.hsm
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_the_pin_is_asked_for_once(built_workspace, token):
    """Rendering asks for the public key, and signing for a signature: two logins, one question."""
    workspace = built_workspace
    workspace.image.unlink()
    sign_with(workspace, URI)
    path = os.pathsep.join((str(workspace.aos.parent), os.environ["PATH"]))
    status, shown = typed([str(workspace.aos), "make"], PIN, workspace.solution, PATH=path, **token.environ)
    assert status == 0, shown
    assert shown.count("PIN of pkcs11:token=OTA%20keys;object=ota:") == 1
    assert PIN not in shown
    assert workspace.image.exists()


@pytest.fixture
def program(built_workspace):
    """A solution that is built, and whose images a program can sign."""
    workspace = built_workspace
    tools = workspace.solution / "签名 tools"
    tools.mkdir()
    (tools / "sign.py").write_text(TOOL, encoding="utf-8")
    public = workspace.solution / "keys" / "ota.pub.pem"
    public.write_text(load_signer(workspace.key.read_bytes(), file="key", passphrase=None).public_key.to_pem())
    workspace.command = (
        f"command:{shlex.quote(sys.executable)} '签名 tools/sign.py' keys/ota_dev_key.pem {{message_hex}}"
    )
    return workspace


def test_a_program_signs_the_build(program, tmp_path):
    workspace = program
    expected = workspace.snapshot()
    workspace.image.unlink()
    workspace.manifest.unlink()
    sign_with(workspace, workspace.command, OTA_PUBLIC_KEY="keys/ota.pub.pem")
    assert "signing " not in workspace.made().output
    assert workspace.snapshot() == expected
    assert "image" not in workspace.made().count()

    tool = workspace.solution / "签名 tools" / "sign.py"
    tool.write_text("import sys\nsys.exit('the KMS is closed on Sundays')\n")
    refused(workspace, NEXT, says=["the signing command failed with status 1\n    the KMS is closed on Sundays\n"])
    tool.write_text(TOOL.replace("input=message", "input=b'another'"))
    refused(workspace, NEXT, says=["the signature that the signing command made does not verify"])
    tool.write_text(TOOL)
    workspace.made(NEXT)
    assert json.loads(workspace.manifest.read_bytes())["version"] == "app-1.0.1"


def test_openssl_itself_signs_the_build(program):
    expected = program.snapshot()
    program.image.unlink()
    sign_with(program, "command:openssl dgst -sha256 -sign keys/ota_dev_key.pem", OTA_PUBLIC_KEY="keys/ota.pub.pem")
    program.made()
    assert program.snapshot() == expected


def test_the_passphrase_of_a_build_from_a_program(built_workspace):
    workspace = built_workspace
    expected = workspace.snapshot()
    workspace.image.unlink()
    encrypted = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", workspace.key, "-passout", "pass:secret-words"],
        check=True,
        capture_output=True,
    ).stdout
    workspace.write_key(workspace.key, encrypted)
    ask = workspace.solution.parent / "ask.py"
    ask.write_text("print('secret-words')")
    env = {"AOS_OTA_PASSPHRASE_COMMAND": f"{shlex.quote(sys.executable)} '{ask}'"}
    assert "secret-words" not in workspace.made(env=env).output
    assert workspace.snapshot() == expected
    refused(workspace, NEXT, says=["is encrypted and no passphrase was given"])
