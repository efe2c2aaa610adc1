"""The private key of a file: which block counts, whether it is encrypted, and what other files are."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import SecretError, SigningKeyError
from aos_ota_plugin.keys.access import Access
from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.keys.load import load_private_key
from aos_ota_plugin.keys.private_file import find_private_key
from aos_ota_plugin.keys.reference import parse_reference
from aos_ota_plugin.keys.secret import Secret
from aos_ota_plugin.keys.signer import _CIPHERS, load_signer

KEYS = Path(__file__).parent / "data"
PEM = generate_private_pem(None)
OTHER = generate_private_pem(b"secret")


def says(data, *parts, passphrase=b"secret"):
    with pytest.raises(SigningKeyError) as caught:
        load_signer(data, file="key", passphrase=passphrase)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.remedy


def made_by(tmp_path, *command):
    """What a tool makes of the key: `command` has KEY for its file and OUT for the result's."""
    key, out = tmp_path / "key.pem", tmp_path / "out"
    key.write_bytes(PEM)
    words = [str({"KEY": key, "OUT": out}.get(word, word)) for word in command]
    subprocess.run(words, check=True, capture_output=True)
    return out.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.parametrize(
    "text",
    [
        b"ENCRYPTED\n" + PEM,
        PEM + b"# Proc-Type: 4,ENCRYPTED\n",
        b"-----BEGIN ENCRYPTED NOTE-----\nAAAA\n-----END ENCRYPTED NOTE-----\n" + PEM,
    ],
    ids=["a word", "a comment", "another block"],
)
def test_the_block_that_is_loaded_decides_whether_the_key_is_open(tmp_path, text):
    path = tmp_path / "key.pem"
    path.write_bytes(text)
    path.chmod(0o666)
    with pytest.raises(SecretError, match="not encrypted and others on this machine can read it"):
        load_private_key(parse_reference(str(path)), Access())
    path.write_bytes(OTHER)
    load_private_key(parse_reference(str(path)), Access(Secret("secret")))


def test_two_private_keys_are_refused():
    says(PEM + OTHER, "there are 2 private keys in this file", "keep one key in a file")
    both = load_signer(
        PEM + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file="k", passphrase=None
    )
    assert both.public_key == load_signer(PEM, file="k", passphrase=None).public_key


def test_der_is_judged_by_its_structure(tmp_path):
    plain = made_by(tmp_path, "openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "KEY", "-outform", "DER", "-out", "OUT")
    assert not find_private_key(plain).encrypted
    encrypted = made_by(
        tmp_path,
        *("openssl", "pkcs8", "-topk8", "-in", "KEY", "-outform", "DER", "-out", "OUT", "-passout", "pass:secret"),
    )
    assert find_private_key(encrypted).encrypted
    assert load_signer(encrypted, file="k", passphrase=b"secret")


@pytest.mark.parametrize(
    ("options", "cipher"),
    [
        (("pkcs8", "-topk8", "-v2", "aria-256-cbc"), "aria-256-cbc (1.2.410.200046.1.1.12)"),
        (("pkcs8", "-topk8", "-v2", "camellia-128-cbc"), "camellia-128-cbc (1.2.392.200011.61.1.1.1.2)"),
        (("pkcs8", "-topk8", "-v2", "aes-256-cfb"), "2.16.840.1.101.3.4.1.44"),
        (("rsa", "-traditional", "-camellia256"), "CAMELLIA-256-CBC"),
    ],
)
def test_a_cipher_that_cannot_be_read_is_named(tmp_path, options, cipher):
    command = ("openssl", *options, "-in", "KEY", "-out", "OUT", "-passout", "pass:secret")
    says(made_by(tmp_path, *command), f"is encrypted with {cipher}, which cannot be read here", "-v2 aes-256-cbc")
    good = made_by(tmp_path, "openssl", "rsa", "-traditional", "-aes256", *command[-6:])
    assert find_private_key(good).cipher == "AES-256-CBC"
    says(good, "the passphrase does not open the private key", passphrase=b"wrong")


@pytest.mark.parametrize(("identifier", "name"), _CIPHERS.items())
def test_ciphers_are_named_as_openssl_names_them(tmp_path, identifier, name):
    """Each name is one of openssl's options, and its identifier the one that stands in the key."""
    option = "-v1" if name.startswith("PBE-") else "-v2"
    words = ("openssl", "pkcs8", "-topk8", option, name, "-provider", "legacy", "-provider", "default")
    key = made_by(tmp_path, *words, "-in", "KEY", "-out", "OUT", "-passout", "pass:secret")
    says(key, f"is encrypted with {name} ({identifier}), which cannot be read here")


def test_rc2_with_a_short_key_is_named(tmp_path):
    words = ("openssl", "pkcs8", "-topk8", "-v2", "rc2-40-cbc", "-provider", "legacy", "-provider", "default")
    key = made_by(tmp_path, *words, "-in", "KEY", "-out", "OUT", "-passout", "pass:secret")
    says(key, "is encrypted with rc2-cbc with less than 128 bits, which cannot be read here")


def test_little_is_repeated_of_a_ciphers_name():
    header = b"Proc-Type: 4,ENCRYPTED\nDEK-Info: \x1b[2J" + b"X" * 200_000 + b"," + b"0" * 32 + b"\n\n"
    with pytest.raises(SigningKeyError, match="is encrypted with") as caught:
        load_signer(PEM.replace(b"-----\n", b"-----\n" + header, 1), file="key", passphrase=b"secret")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("file", [PEM, OTHER, (KEYS / "public.pem").read_bytes()])
def test_pem_that_windows_saved_is_named(encoding, file):
    says(file.decode("ascii").encode(encoding), "this key is PEM, but saved as UTF-16", "save it as UTF-8")


def test_other_files_are_named_for_what_they_are(tmp_path, require_tool):
    certificate = made_by(tmp_path, "openssl", "req", "-x509", "-key", "KEY", "-subj", "/CN=a", "-out", "OUT")
    says(certificate, "a certificate, where the private key is expected")
    (tmp_path / "c.pem").write_bytes(certificate)
    bag = made_by(
        tmp_path,
        *("openssl", "pkcs12", "-export", "-inkey", "KEY", "-in", str(tmp_path / "c.pem"), "-out", "OUT"),
        *("-passout", "pass:secret"),
    )
    says(bag, "this is a PKCS#12 file", "openssl pkcs12 -in FILE -nocerts")
    require_tool("ssh-keygen", shutil.which("ssh-keygen") is not None, "apt-get install openssh-client")
    for kind, part in (
        ("ed25519", "of the kind ssh-ed25519; devices take RSA-2048 keys only"),
        ("rsa", "ssh-keygen -p"),
    ):
        path = tmp_path / kind
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
        says(path.read_bytes(), "a private key in OpenSSH form", part)


@pytest.mark.parametrize(
    "part", [b" ", b"DEK-Info:", b"DEK-Info: A,", b"-----BEGIN ", b"-----BEGIN PRIVATE KEY-----\n", b"a: b\n", b"\r"]
)
def test_twice_the_text_takes_twice_the_time(part):
    """A header of 200 KB of spaces once took a minute."""

    def seconds(size):
        text = b"-----BEGIN RSA PRIVATE KEY-----\nDEK-Info" + part * (size // len(part))
        times = []
        for _ in range(2):
            begin = time.process_time()
            with pytest.raises(SigningKeyError):
                find_private_key(text)
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(1 << 18) < 3 * seconds(1 << 17) + 0.05


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                (
                    b"-----BEGIN RSA PRIVATE KEY-----\n",
                    b"-----END RSA PRIVATE KEY-----\n",
                    b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
                    b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n",
                    b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n",
                    b"\x30\x82\x01\x00\x02\x01\x03",
                    PEM,
                )
            ),
        ),
        max_size=8,
    ).map(b"".join)
)
def test_any_file_is_a_key_or_our_error(data):
    try:
        found = find_private_key(data)
    except SigningKeyError as error:
        assert error.remedy
    else:
        assert found.data
        try:
            load_signer(data, file="k", passphrase=b"x")
        except SigningKeyError as error:
            assert error.remedy
