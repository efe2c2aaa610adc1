"""Signing, the strict check of signatures, and new keys."""

import hashlib
import os
import pickle
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aos_ota_plugin.errors import SecretError, SigningKeyError
from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.keys.load import check_private_file
from aos_ota_plugin.keys.public import PublicKey, parse_public_key
from aos_ota_plugin.keys.signer import PemSigner, load_signer

DATA = Path(__file__).parent / "data"
PASSPHRASE = b"correct horse"
FINGERPRINT = "7c440f8e8eac75a97b984f266d8a63292b668807da0983bcd0d6b8ba0fd37a62"
HASH = hashlib.sha256(b"an image").digest()
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def load(name, passphrase=None):
    return load_signer((DATA / name).read_bytes(), file=name, passphrase=passphrase)


SIGNER = load("private.pem")
KEY = SIGNER.public_key


def raw_sign(block):
    """Sign any 256-byte block, with padding or what else is in it."""
    numbers = SIGNER._key.private_numbers()
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


def block_of(message, info=SHA256_INFO, head=b"\x00\x01", fill=b"\xff", tail=b""):
    end = b"\x00" + info + hashlib.sha256(message).digest() + tail
    return head + fill * (256 - len(head) - len(end)) + end


FORMS = [
    ("private.pem", None),
    ("private-pkcs1.pem", None),
    ("private.der", None),
    ("private-encrypted.pem", PASSPHRASE),
    ("private-encrypted.der", PASSPHRASE),
    ("private-pkcs1-encrypted.pem", PASSPHRASE),
    ("private.pem", b"set for another key"),
]


@pytest.mark.parametrize(("name", "passphrase"), FORMS)
def test_every_form_loads_the_same_key(name, passphrase):
    signer = load(name, passphrase)
    assert signer.public_key.fingerprint == FINGERPRINT
    assert signer.sign_hash(HASH) == SIGNER.sign_hash(HASH)


def test_crlf_and_byte_order_mark():
    data = b"\xef\xbb\xbf" + (DATA / "private.pem").read_bytes().replace(b"\n", b"\r\n")
    assert load_signer(data, file="key", passphrase=None).public_key == KEY


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_signature_is_the_one_openssl_makes():
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", DATA / "private.pem"], input=HASH, capture_output=True, check=True
    )
    assert SIGNER.sign_hash(HASH) == made.stdout
    assert KEY.verify_hash(HASH, made.stdout)


def test_raw_signing_of_this_test_makes_a_good_signature():
    assert raw_sign(block_of(HASH)) == SIGNER.sign_hash(HASH)


def padded_random(message):
    block = bytearray(block_of(message))
    block[100] = 0xFE
    return bytes(block)


FORGED = {
    "block type 0": block_of(HASH, head=b"\x00\x00", fill=b"\x00"),
    "block type 2": block_of(HASH, head=b"\x00\x02"),
    "first byte 1": b"\x01" + block_of(HASH)[1:],
    "one fill byte other": padded_random(HASH),
    "bytes after the digest": block_of(HASH, tail=b"\x00"),
    "short fill, garbage after (Bleichenbacher 2006)": (
        b"\x00\x01" + b"\xff" * 8 + b"\x00" + SHA256_INFO + hashlib.sha256(HASH).digest() + b"\x00" * 194
    )[:256],
    "algorithm without NULL": block_of(HASH, info=bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20"),
    "no algorithm": block_of(HASH, info=b""),
    "hashed once": block_of(b"")[: 256 - 32] + HASH,
    "another hash": block_of(b"x" * 32),
    "SHA-1's algorithm": block_of(HASH, info=bytes.fromhex("3021300906052b0e03021a05000414")),
    "zero": bytes(256),
    "one": bytes(255) + b"\x01",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_block_is_refused(name):
    assert len(FORGED[name]) == 256
    assert not KEY.verify_hash(HASH, raw_sign(FORGED[name]))


def test_signature_plus_modulus_is_refused():
    for number in range(200):
        digest = hashlib.sha256(b"%d" % number).digest()
        larger = int.from_bytes(SIGNER.sign_hash(digest), "big") + KEY.modulus
        if larger < 1 << 2048:
            break
    assert larger < 1 << 2048
    assert KEY.verify_hash(digest, (larger - KEY.modulus).to_bytes(256, "big"))
    assert not KEY.verify_hash(digest, larger.to_bytes(256, "big"))


def test_lengths():
    good = SIGNER.sign_hash(HASH)
    assert KEY.verify_hash(HASH, good)
    assert not KEY.verify_hash(HASH, good[:-1])
    assert not KEY.verify_hash(HASH, b"\0" + good)
    assert not KEY.verify_hash(HASH[:-1], good)
    assert not KEY.verify_hash(b"", b"")
    for size in (0, 16, 31, 33):  # even when it is what was signed
        assert not KEY.verify_hash(bytes(size), raw_sign(block_of(bytes(size))))


@pytest.mark.parametrize(
    "key", [PublicKey(0), load("other-private.pem").public_key, PublicKey(KEY.modulus, 3), PublicKey(KEY.modulus, 1)]
)
def test_other_keys_refuse(key):
    assert not key.verify_hash(HASH, SIGNER.sign_hash(HASH))


def test_exponent_3_is_refused_even_if_the_signature_fits():
    """Devices hold 01 00 01; a key with another exponent must not count as working."""
    public = PublicKey(KEY.modulus, 3)
    cube = 5
    assert not public.verify_hash(HASH, cube.to_bytes(256, "big"))
    assert not public.is_usable


@pytest.mark.parametrize("digest", [hashlib.md5(b"file").digest(), hashlib.sha256(b"file").digest()])
def test_digest_of_file(digest):
    signature = raw_sign(block_of(digest))
    assert KEY.verify_digest_of_file(digest, signature)
    assert not KEY.verify_digest_of_file(digest, raw_sign(block_of(digest + b"\0")))
    assert not KEY.verify_digest_of_file(digest[:-1] + bytes([digest[-1] ^ 1]), signature)


@pytest.mark.parametrize("size", [0, 15, 17, 20, 31, 33])
def test_digest_of_another_length(size):
    assert not KEY.verify_digest_of_file(bytes(size), raw_sign(block_of(bytes(size))))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2047))
def test_one_bit_in_the_signature(bit):
    signature = int.from_bytes(SIGNER.sign_hash(HASH), "big") ^ 1 << bit
    assert not KEY.verify_hash(HASH, signature.to_bytes(256, "big"))


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_what_is_signed_verifies(digest):
    assert KEY.verify_hash(digest, SIGNER.sign_hash(digest))


@given(st.binary(max_size=40), st.binary(max_size=300))
def test_arbitrary_bytes_never_verify_and_never_raise(digest, signature):
    assert not KEY.verify_hash(digest, signature)
    assert not KEY.verify_digest_of_file(digest, signature)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_only_32_bytes_are_signed(size):
    with pytest.raises(SigningKeyError, match=f"a hash of {size} bytes cannot be signed"):
        SIGNER.sign_hash(bytes(size))


def test_faulty_signature_is_never_returned():
    class Faulty:
        def __init__(self, key):
            self.public_key = key.public_key

        def sign(self, *_):
            return bytes(256)

    with pytest.raises(SigningKeyError, match="the signature that this key made does not verify"):
        PemSigner(Faulty(SIGNER._key)).sign_hash(HASH)


BAD = {
    "empty": (b"\n", None, "key: the private key file is empty"),
    "prose": (b"my key", None, "no private key can be read from this file"),
    "public": ((DATA / "public.pem").read_bytes(), None, "a public key, where the private key is expected"),
    "certificate": ((DATA / "certificate.pem").read_bytes(), None, "a certificate, where the private key is expected"),
    "OpenSSH": (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAA\n-----END", None, "ssh-keygen -p -m PKCS8"),
    "damaged": ((DATA / "private.pem").read_bytes().replace(b"MII", b"MIM"), None, "no private key can be read"),
    "no passphrase": ((DATA / "private-encrypted.pem").read_bytes(), None, "set AOS_OTA_KEY_PASSPHRASE"),
    "empty passphrase": ((DATA / "private-encrypted.pem").read_bytes(), b"", "is encrypted and no passphrase"),
    "no passphrase, DER": ((DATA / "private-encrypted.der").read_bytes(), None, "set AOS_OTA_KEY_PASSPHRASE"),
    "no passphrase, PKCS#1": ((DATA / "private-pkcs1-encrypted.pem").read_bytes(), None, "set AOS_OTA_KEY_PASSPHRASE"),
    "wrong": ((DATA / "private-encrypted.pem").read_bytes(), b"wrong-pass", "the passphrase does not open"),
    "wrong, DER": ((DATA / "private-encrypted.der").read_bytes(), b"wrong-pass", "correct AOS_OTA_KEY_PASSPHRASE"),
    "wrong, PKCS#1": (
        (DATA / "private-pkcs1-encrypted.pem").read_bytes(),
        b"wrong-pass",
        "correct AOS_OTA_KEY_PASSPHRASE",
    ),
    "short IV": (
        (DATA / "private-pkcs1-encrypted.pem").read_bytes().replace(b"7A99D771", b""),
        b"wrong-pass",
        "DEK-Info",
    ),
    "no DEK-Info, an open key": (
        (DATA / "private.pem").read_bytes().replace(b"KEY-----\n", b"KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
        b"wrong-pass",
        "header of this private key is damaged: DEK-Info is missing",
    ),
    "no DEK-Info, no passphrase": (
        re.sub(b"DEK-Info.*\n", b"", (DATA / "private-pkcs1-encrypted.pem").read_bytes()),
        None,
        "header of this private key is damaged: DEK-Info is missing",
    ),
    "no Proc-Type": (
        re.sub(b"Proc-Type.*\n", b"", (DATA / "private-pkcs1-encrypted.pem").read_bytes()),
        b"wrong-pass",
        "header of this private key is damaged: Proc-Type: 4,ENCRYPTED is missing",
    ),
    "EC": ((DATA / "ec-private.pem").read_bytes(), None, "not an RSA private key"),
    "Ed25519": ((DATA / "ed25519-private.pem").read_bytes(), None, "not an RSA private key"),
    "1024": ((DATA / "rsa1024-private.pem").read_bytes(), None, "an RSA key of 1024 bits with the exponent 65537"),
    "2047": ((DATA / "rsa2047-private.pem").read_bytes(), None, "an RSA key of 2047 bits"),
    "3072": ((DATA / "rsa3072-private.pem").read_bytes(), None, "an RSA key of 3072 bits"),
    "e = 3": ((DATA / "e3-private.pem").read_bytes(), None, "an RSA key of 2048 bits with the exponent 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_private_key(name):
    data, passphrase, message = BAD[name]
    with pytest.raises(SigningKeyError) as caught:
        load_signer(data, file="key", passphrase=passphrase)
    assert message in str(caught.value)
    assert caught.value.place.file == "key"
    assert caught.value.remedy
    assert "wrong-pass" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.skipif(os.name != "posix", reason="modes")
@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"name: solution\n", SigningKeyError, "no private key can be read from this file"),
        (b"0: a number, and no DER\n", SigningKeyError, "no private key can be read from this file"),
        (b"\n", SigningKeyError, "the private key file is empty"),
        ((DATA / "private.pem").read_bytes(), SecretError, "others on this machine can read it"),
        ((DATA / "private.der").read_bytes(), SecretError, "others on this machine can read it"),
        (b"\xef\xbb\xbf" + (DATA / "private.pem").read_bytes(), SecretError, "others on this machine can read it"),
    ],
    ids=["yaml", "a number", "empty", "PEM", "DER", "PEM with a byte order mark"],
)
def test_a_file_without_a_key_is_named_so_before_its_mode(tmp_path, data, error, says):
    file = tmp_path / "package.yaml"
    file.write_bytes(data)
    file.chmod(0o644)
    with pytest.raises(error, match=says):
        check_private_file(str(file), data)


def test_a_panic_of_the_library_is_a_file_that_cannot_be_read(monkeypatch):
    class PanicException(BaseException):
        pass

    def panics(*_arguments, **_names):
        raise PanicException

    monkeypatch.setattr("cryptography.hazmat.primitives.serialization.load_pem_private_key", panics)
    with pytest.raises(SigningKeyError, match="no private key can be read"):
        load_signer((DATA / "private.pem").read_bytes(), file="key", passphrase=None)


def test_repr_and_str_show_the_fingerprint_only():
    assert repr(SIGNER) == str(SIGNER) == f"PemSigner({FINGERPRINT})"


def test_a_signer_cannot_be_pickled():
    with pytest.raises(TypeError):
        pickle.dumps(SIGNER)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([None, b"x"]))
def test_load_survives_anything(data, passphrase):
    with pytest.raises(SigningKeyError):
        load_signer(data, file="key", passphrase=passphrase)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["private.pem", "private.der"]), st.integers(0, 1700), st.binary(min_size=1, max_size=4))
def test_load_survives_mutation(name, at, patch):
    data = (DATA / name).read_bytes()
    try:
        signer = load_signer(data[:at] + patch + data[at + len(patch) :], file="key", passphrase=None)
    except SigningKeyError:
        return
    assert signer.public_key.is_usable


def test_new_keys():
    plain = generate_private_pem(None)
    assert plain.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    signer = load_signer(plain, file="new", passphrase=None)
    assert signer.public_key.is_usable
    assert parse_public_key(signer.public_key.to_pem().encode(), file="pub") == signer.public_key

    locked = generate_private_pem(PASSPHRASE)
    assert locked.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    other = load_signer(locked, file="new", passphrase=PASSPHRASE).public_key
    assert other.is_usable
    assert other != signer.public_key


def test_empty_passphrase_is_never_no_encryption():
    with pytest.raises(SecretError, match="the passphrase for the new key is empty") as caught:
        generate_private_pem(b"")
    assert "AOS_OTA_KEY_PASSPHRASE" in caught.value.remedy


@pytest.mark.parametrize("part", ["d", "dmp1", "dmq1", "iqmp"])
def test_key_whose_numbers_do_not_belong_together(part):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    path = Path(__file__).parent / "data" / "private.pem"
    good = serialization.load_pem_private_key(path.read_bytes(), None).private_numbers()
    numbers = {name: getattr(good, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    numbers[part] += 2
    try:
        bad = rsa.RSAPrivateNumbers(**numbers, public_numbers=good.public_numbers).private_key(
            unsafe_skip_rsa_key_validation=True
        )
    except ValueError:
        pytest.skip("this cryptography does not even make such a key")
    pem = bad.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(SigningKeyError, match="do not belong together|no private key can be read"):
        load_signer(pem, file="damaged.pem", passphrase=None)
