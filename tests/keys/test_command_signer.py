"""Programs as signers: their words, what they get, what they answer, and that nothing of them stays behind."""

import base64
import hashlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import growing, until

from aos_ota_plugin.errors import SigningKeyError
from aos_ota_plugin.keys.command import CommandSigner, find_program, parse_command, read_timeout
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.keys.signer import load_signer

DATA = Path(__file__).parent / "data"
KEY = parse_public_key((DATA / "public.pem").read_bytes(), file="public")
SIGNER = load_signer((DATA / "private.pem").read_bytes(), file="key", passphrase=None)
HASH = hashlib.sha256(b"an image").digest()
DIGEST = hashlib.sha256(HASH).digest()

WORDS = [
    ("command:a", ("a",)),
    ("command:  a  b\tc ", ("a", "b", "c")),
    ("COMMAND:a 'b c' \"d e\" f'g h'", ("a", "b c", "d e", "fg h")),
    ("command:C:\\tools\\sign.exe \\n", ("C:\\tools\\sign.exe", "\\n")),
    ("command:a $HOME `id` ; | > & # * ~ !", ("a", "$HOME", "`id`", ";", "|", ">", "&", "#", "*", "~", "!")),
    ("command:a ''", ("a", "")),
    ("command:工具/签名 {digest_hex} {}", ("工具/签名", "{digest_hex}", "{}")),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words(text, words):
    assert parse_command(text) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("command:", "there is no program"),
        ("command:   ", "there is no program"),
        ("command:'' a", "there is no program"),
        ("command:a 'b", "never closed"),
        ('command:a "b', "never closed"),
        ("command:a {digest}", "{digest} in the signing command is not a placeholder"),
        ("command:a --x={message_HEX}", "{message_HEX} in the signing command is not a placeholder"),
    ],
)
def test_bad_words(text, message):
    with pytest.raises(SigningKeyError) as caught:
        parse_command(text)
    assert message in str(caught.value)
    assert caught.value.remedy


@given(st.text(max_size=40))
def test_any_text_is_words_or_refused(text):
    try:
        words = parse_command("command:" + text)
    except SigningKeyError as error:
        assert error.remedy
    else:
        assert words
        assert all(isinstance(word, str) for word in words)


@pytest.fixture
def tool(tmp_path):
    """``tool(text, *words, **options)``: a signer that runs a Python script in a folder with awkward characters."""
    folder = tmp_path / "工 作"
    folder.mkdir()

    def make(text, *words, **options):
        (folder / "tool.py").write_text(
            f"import base64, hashlib, os, sys, time, subprocess\nKEY = {str(DATA / 'private.pem')!r}\n"
            "def signed(data):\n    return subprocess.run(['openssl', 'dgst', '-sha256', '-sign', KEY], "
            f"input=data, capture_output=True, check=True).stdout\n{text}",
            encoding="utf-8",
        )
        options.setdefault("timeout", 30)
        return CommandSigner((sys.executable, "tool.py", *words), KEY, folder=str(folder), **options)

    make.folder = folder
    return make


@pytest.mark.parametrize(
    "text",
    [
        "sys.stdout.buffer.write(signed(sys.stdin.buffer.read()))",
        "print(signed(sys.stdin.buffer.read()).hex())",
        "print(base64.b64encode(signed(sys.stdin.buffer.read())).decode())",
        "print(base64.b64encode(signed(bytes.fromhex(os.environ['AOS_OTA_SIGN_MESSAGE']))).decode())",
    ],
)
def test_signs(tool, text):
    signer = tool(text)
    assert signer.public_key == KEY
    assert signer.sign_hash(HASH) == SIGNER.sign_hash(HASH)


def test_a_tool_that_signs_a_digest(tool):
    """What a KMS does: no hashing of its own."""
    signer = tool(
        "import binascii\n"
        "digest = base64.b64decode(sys.argv[1])\n"
        "done = subprocess.run(['openssl', 'pkeyutl', '-sign', '-inkey', KEY, '-pkeyopt', 'digest:sha256', "
        "'-pkeyopt', 'rsa_padding_mode:pkcs1'], input=digest, capture_output=True, check=True)\n"
        "print(base64.b64encode(done.stdout).decode())",
        "{digest_base64}",
    )
    assert signer.sign_hash(HASH) == SIGNER.sign_hash(HASH)


def test_what_the_tool_gets(tool, monkeypatch):
    monkeypatch.setenv("AOS_OTA_KEY_PASSPHRASE", "zq81")
    monkeypatch.setenv("AOS_OTA_PKCS11_PIN", "zq82")
    monkeypatch.setenv("KMS_TOKEN", "the tool's own")
    signer = tool(
        "got = sys.stdin.buffer.read()\n"
        "with open('got', 'w') as file:\n"
        "    print(got.hex(), *sys.argv[1:], sorted(n for n in os.environ if n.startswith('AOS_OTA')), "
        "os.environ['AOS_OTA_SIGN_MESSAGE'], os.environ['AOS_OTA_SIGN_DIGEST'], os.environ['KMS_TOKEN'], sep='\\n', file=file)\n"
        "sys.stdout.buffer.write(signed(got))",
        "a={message_hex},{digest_hex}",
        "{message_base64}",
        "{digest_base64}",
        "$HOME; id",
    )
    signer.sign_hash(HASH)
    assert (tool.folder / "got").read_text().splitlines() == [
        HASH.hex(),
        f"a={HASH.hex()},{DIGEST.hex()}",
        base64.b64encode(HASH).decode(),
        base64.b64encode(DIGEST).decode(),
        "$HOME; id",
        "['AOS_OTA_SIGN_DIGEST', 'AOS_OTA_SIGN_MESSAGE']",
        HASH.hex(),
        DIGEST.hex(),
        "the tool's own",
    ]


BAD = {
    "a lie": (
        "sys.stdout.buffer.write(signed(b'another'))",
        "the signature that the signing command made does not verify",
    ),
    "signs the digest as a message": (
        "sys.stdout.buffer.write(signed(hashlib.sha256(sys.stdin.buffer.read()).digest()))",
        "does not verify",
    ),
    "zeros": ("sys.stdout.buffer.write(bytes(256))", "does not verify"),
    "nothing": ("", "what the signing command wrote to standard output of 0 bytes is not an RSA-2048 signature"),
    "text": ("print('signed!')", "is not an RSA-2048 signature"),
    "status": (
        "sys.stderr.write('no\\x1b[31m such key\\nask Li\\n'); sys.exit(7)",
        "the signing command failed with status 7\n    no [31m such key\n    ask Li\n",
    ),
    "good answer and status 1": (
        "sys.stdout.buffer.write(signed(sys.stdin.buffer.read())); sys.stdout.flush(); sys.exit(1)",
        "failed with status 1",
    ),
    "too much": ("while True: print('a' * 1000)", "wrote more than 4096 bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_answers(tool, name):
    text, message = BAD[name]
    with pytest.raises(SigningKeyError) as caught:
        tool(text).sign_hash(HASH)
    assert message in str(caught.value)
    assert caught.value.remedy
    assert caught.value.place.file.startswith("command:")


def test_much_on_standard_error_stops_nobody(tool):
    signer = tool("sys.stderr.write('x' * 10_000_000); sys.stdout.buffer.write(signed(sys.stdin.buffer.read()))")
    assert signer.sign_hash(HASH) == SIGNER.sign_hash(HASH)


@pytest.mark.skipif(os.name != "posix", reason="looks at POSIX processes")
@pytest.mark.parametrize("last", ["time.sleep(600)", "sys.exit(0)", "os.close(1); os.close(2); time.sleep(600)"])
def test_at_the_time_out_the_whole_tree_is_ended(tool, last):
    """Also when only what the tool started is still there."""
    pids = tool.folder / "pids"
    for seconds in growing(1.5):
        signer = tool(
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            f"with open('new', 'w') as file:\n    print(os.getpid(), child.pid, file=file)\nos.rename('new', 'pids')\n{last}",
            timeout=seconds,
        )
        with pytest.raises(SigningKeyError) as caught:
            signer.sign_hash(HASH)
        assert f"did not end within {seconds:g} seconds and was ended" in str(caught.value)
        assert "AOS_OTA_SIGNER_TIMEOUT" in caught.value.remedy
        if pids.exists():  # else the limit was over before the tool had begun
            break
    for pid in pids.read_text().split():
        until(lambda pid=int(pid): ended(pid))


def ended(pid):
    """Gone, or waiting for its new parent to take note of it."""
    try:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        os.kill(pid, 0)
    except (ProcessLookupError, FileNotFoundError):
        return True
    return False


def test_a_hash_of_another_size(tool):
    with pytest.raises(SigningKeyError, match="a hash of 20 bytes cannot be signed"):
        tool("").sign_hash(bytes(20))


def test_repr_shows_no_arguments(tool):
    assert "token" not in repr(tool("", "--token=zq81"))


def test_programs_are_found(tmp_path):
    program = tmp_path / "工 具" / "sign"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    with pytest.raises(SigningKeyError, match="is not there, or cannot be run"):
        find_program("工 具/sign", str(tmp_path))
    program.chmod(0o755)
    assert find_program("工 具/sign", str(tmp_path)) == str(program)
    assert os.path.isabs(find_program("openssl", str(tmp_path)))
    with pytest.raises(SigningKeyError, match="the program sign is not there"):
        find_program("sign", str(program.parent))
    batch = tmp_path / "sign.bat"
    batch.write_text("")
    batch.chmod(0o755)
    with pytest.raises(SigningKeyError, match="is a batch file"):
        find_program("./sign.bat", str(tmp_path))


def test_the_time_out_is_read():
    assert read_timeout({}) == 60
    assert read_timeout({"AOS_OTA_SIGNER_TIMEOUT": ""}) == 60
    assert read_timeout({"AOS_OTA_SIGNER_TIMEOUT": "7"}) == 7
    for bad in ("0", "-1", "1.5", "ten", "100000", "７"):
        with pytest.raises(SigningKeyError, match="not a whole number of seconds"):
            read_timeout({"AOS_OTA_SIGNER_TIMEOUT": bad})
