"""Development keys carry their mark wherever they go; keys that anyone may have are known."""

from __future__ import annotations

import hashlib
import re
import subprocess

from aos_ota_plugin.keys.development import (
    MARK,
    PUBLISHED_SAMPLES,
    development_private_pem,
    is_development,
    published_sample,
)
from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.keys.public import parse_public_key
from aos_ota_plugin.keys.rsa import PublicKey
from aos_ota_plugin.keys.signer import load_signer


def test_mark_survives_what_openssl_makes_of_the_key(tmp_path):
    pem = development_private_pem()
    (tmp_path / "key.pem").write_bytes(pem)
    check = subprocess.run(
        ["openssl", "rsa", "-in", "key.pem", "-check", "-noout"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stderr
    assert "RSA key ok" in check.stdout + check.stderr
    der = subprocess.run(
        ["openssl", "rsa", "-in", "key.pem", "-pubout", "-outform", "DER"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    ).stdout
    key = parse_public_key(der, file="der")
    assert key.n_bytes.startswith(MARK)
    assert is_development(key)
    assert key.is_usable
    signature = load_signer(pem, file="k", passphrase=None).sign_hash(b"\5" * 32)
    assert key.verify_hash(b"\5" * 32, signature)


def test_two_development_keys_differ_and_a_product_key_has_no_mark():
    first, second = (load_signer(development_private_pem(), file="k", passphrase=None).public_key for _ in range(2))
    assert first != second
    assert len({first.n_bytes[16:40], second.n_bytes[16:40], bytes(24)}) == 3  # nothing but the mark is given
    assert not is_development(load_signer(generate_private_pem(None), file="k", passphrase=None).public_key)


# The modulus of the published root-rsa-2048.pem; of its PKCS#1 form the SHA-256 is widely quoted as that key's hash.
SAMPLE = re.sub(
    r"\s",
    "",
    """
    d106081a18442c18e8fbfdf70da34f1fbbee5ef9aad24b18d35ae96d188019f9f09c341bcbf3bc74db42e78c7f10537e435e0d572c44d167
    080f0dbb5ceeecb399dfe04d840baa774160ed152849a701b43c10e6698c2f5fac414d9e5c14dff2f8cf3d1e6fe75bbab4a9c8887e473c94
    c37767544baa8d3835ca62617eb7e115db7773d4be7b7221896924fbf8656e643ec80ed785d55c4ae4530d2fffb7fdf31339833fa3aed20f
    a76a9df9feb8cefa2abeafb8e0fa823754f43ee12bd0d3085818f65e4cc8888131ad5fb08217f28a692723f3ab873e931a1dfee8f81a2466
    59f81cabdcce681b666435ecfa0d119daf5c3aa7d167c647efb14b2c62e1d1c9""",
)


def test_published_sample_is_known():
    pkcs1 = bytes.fromhex("3082010a0282010100" + SAMPLE + "0203010001")
    assert hashlib.sha256(pkcs1).hexdigest() == "fc5701dc6135e1323847bdc40f04d2e5bee5833b23c29f93593d00018cfa9994"
    assert "MCUboot" in published_sample(PublicKey(int(SAMPLE, 16)))
    assert published_sample(PublicKey(int(SAMPLE, 16) + 2)) is None
    assert all(re.fullmatch("[0-9a-f]{64}", fingerprint) for fingerprint in PUBLISHED_SAMPLES)
