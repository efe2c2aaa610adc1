"""Keys that no product may ship with: marked development keys, and published sample keys.

The mark is the first 16 bytes of the modulus: it survives every conversion, a token, the C arrays and the ELF, and
cannot be removed. It does not weaken the key: a modulus with a chosen beginning is as hard to factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Optional

from aos_ota_plugin.keys.rsa import EXPONENT, KEY_BITS, PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MARK = b"\x80aos-ota dev key"
"""The modulus's first bytes, big-endian. The first byte keeps p and q at 1024 bits each."""

# By fingerprint. The private half of the first is published; that of the others may be in any hands.
PUBLISHED_SAMPLES: Dict[str, str] = {
    "a14bcb1bf9bb821146ba32838217e476f5412621320534ffe490a1890c994660": "the sample root-rsa-2048.pem of MCUboot",
    "48fb61f198986f9a0688804b11b6d30fe5843ca547852a1ec0762f0188196d56": "a sample in sources of the ota component",
    "a4d3fa2c4a8d072e0e0e69baa0c4d77f72fa3e0e76e701ae769abb57fef39458": "a sample in sources of the ota component",
}


def is_development(key: PublicKey) -> bool:
    """Return True for a key made for development, by `aos-ota keygen --dev` or `aos-ota demo`."""
    return key.n_bytes.startswith(MARK)


def published_sample(key: PublicKey) -> Optional[str]:
    """Return where a key has been published, None for a key that is not in the list."""
    return PUBLISHED_SAMPLES.get(key.fingerprint)


def development_private_pem() -> bytes:
    """Return a new RSA-2048 private key with the mark, as PKCS#8 PEM, not encrypted."""
    import math  # signing looks for the mark only
    import secrets

    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    small = math.prod(range(3, 2000, 2))
    free = KEY_BITS - 8 * len(MARK)
    while True:
        p = rsa.generate_private_key(EXPONENT, KEY_BITS).private_numbers().p
        product = (int.from_bytes(MARK, "big") << free) | secrets.randbits(free - 1)
        q = (product // p) | 1  # every candidate below gives a product with the mark
        for candidate in range(q, q + 20_000, 2):
            # Most candidates have a small factor; finding it is a hundred times quicker than a power.
            if math.gcd(candidate, small) == 1 and pow(2, candidate - 1, candidate) == 1:
                key = _key_from_primes(p, candidate)
                if key is not None:
                    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _key_from_primes(p: int, q: int) -> Optional[RSAPrivateKey]:
    """Return the private key of two primes; None where the library refuses them."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    if (q - 1) % EXPONENT == 0:
        return None
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(EXPONENT, p * q),
    )
    try:
        return numbers.private_key()
    except ValueError:
        return None
