"""PublicKey's check against the library that runs on devices, mbedtls 2.28, called with the parameters devices use."""

import hashlib
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from aos_ota_plugin.keys.signer import load_signer

DATA = Path(__file__).parent / "data"

PROGRAM = r"""
#include <stdio.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>

int main(void)
{
    unsigned char n[256], e[3] = {1, 0, 1}, message[32], signature[256], digest[32];
    while (fread(n, 1, 256, stdin) == 256 && fread(message, 1, 32, stdin) == 32
           && fread(signature, 1, 256, stdin) == 256) {
        mbedtls_rsa_context rsa;
        int failed;
        mbedtls_rsa_init(&rsa, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_SHA256);
        mbedtls_mpi_read_binary(&rsa.N, n, 256);
        mbedtls_mpi_read_binary(&rsa.E, e, 3);
        rsa.len = 256;
        mbedtls_sha256_ret(message, 32, digest, 0);
        failed = mbedtls_rsa_check_pubkey(&rsa)
                 || mbedtls_rsa_pkcs1_verify(&rsa, NULL, NULL, MBEDTLS_RSA_PUBLIC, MBEDTLS_MD_SHA256, 0, digest,
                                             signature);
        putchar(failed ? '0' : '1');
        mbedtls_rsa_free(&rsa);
    }
    return 0;
}
"""


@pytest.mark.native
@pytest.mark.skipif(not shutil.which("cc"), reason="no host C compiler")
def test_same_verdicts(tmp_path):
    (tmp_path / "verify.c").write_text(PROGRAM)
    built = subprocess.run(
        ["cc", "verify.c", "-o", "verify", "-lmbedcrypto"], cwd=tmp_path, capture_output=True, check=False
    )
    if b"mbedtls/rsa.h" in built.stderr or b"lmbedcrypto" in built.stderr:
        pytest.skip("no mbedtls 2.28")
    assert built.returncode == 0, built.stderr.decode()

    signer = load_signer((DATA / "private.pem").read_bytes(), file="key", passphrase=None)
    other = load_signer((DATA / "other-private.pem").read_bytes(), file="key", passphrase=None)
    d = signer._key.private_numbers().d
    modulus = signer.public_key.modulus
    chance = random.Random(1)
    cases = []
    for number in range(40):
        message = hashlib.sha256(b"%d" % number).digest()
        good = signer.sign_hash(message)
        cases += [(message, good), (message, other.sign_hash(message))]
        larger = int.from_bytes(good, "big") + modulus
        if larger < 1 << 2048:
            cases.append((message, larger.to_bytes(256, "big")))
        block = bytearray(pow(int.from_bytes(good, "big"), 65537, modulus).to_bytes(256, "big"))
        block[chance.randrange(1, 256)] ^= 1 << chance.randrange(8)
        cases.append((message, pow(int.from_bytes(block, "big"), d, modulus).to_bytes(256, "big")))
    records = b"".join(signer.public_key.n_bytes + message + signature for message, signature in cases)
    verdicts = subprocess.run([tmp_path / "verify"], input=records, capture_output=True, check=True).stdout.decode()
    assert len(verdicts) == len(cases)
    assert set(verdicts) == {"0", "1"}
    ours = "".join("1" if signer.public_key.verify_hash(*case) else "0" for case in cases)
    assert ours == verdicts
