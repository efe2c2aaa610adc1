"""Signers: objects that sign images' hashes with a private key.

Other rooms use `Signer` only; a signer for another device or service is a class derived from `VerifiedSigner`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional, Protocol, Union

from aos_ota_plugin.errors import Place, SecretError, SigningKeyError
from aos_ota_plugin.keys.private_file import PrivateKeyData, find_private_key, no_key_error
from aos_ota_plugin.keys.rsa import EXPONENT, HASH_SIZE, KEY_BITS, PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

PASSPHRASE_MAX = 1023
"""Bytes of the longest passphrase that the library cryptography takes."""
PASSPHRASE_VARIABLE = "AOS_OTA_KEY_PASSPHRASE"  # noqa: S105 - a variable's name

_CIPHERS = {
    "1.2.392.200011.61.1.1.1.2": "camellia-128-cbc",
    "1.2.392.200011.61.1.1.1.3": "camellia-192-cbc",
    "1.2.392.200011.61.1.1.1.4": "camellia-256-cbc",
    "1.2.410.200046.1.1.2": "aria-128-cbc",
    "1.2.410.200046.1.1.7": "aria-192-cbc",
    "1.2.410.200046.1.1.12": "aria-256-cbc",
    "1.2.410.200004.1.4": "seed-cbc",
    "1.2.156.10197.1.104.2": "sm4-cbc",
    "1.3.14.3.2.7": "des-cbc",
    "1.2.840.113549.1.5.6": "PBE-MD5-RC2-64",
    "1.2.840.113549.1.5.10": "PBE-SHA1-DES",
    "1.2.840.113549.1.5.11": "PBE-SHA1-RC2-64",
    "1.2.840.113549.1.12.1.5": "PBE-SHA1-RC2-128",
}
"""What OpenSSL calls ciphers that the library cryptography cannot read, by their object identifiers."""
_RC2_SIZE = "Invalid key"
"""What that library says of RC2 with keys of 40 or 64 bits, and of nothing else."""

Passphrase = Union[None, bytes, Callable[[], Optional[bytes]]]
"""A passphrase, or a function that returns it: called for an encrypted key only, and it may ask the user."""


class HashSigner(Protocol):
    """The interface of signers that sign images' hashes only, with an RSA-2048 key."""

    @property
    def public_key(self) -> PublicKey:
        """Return the public half, as devices hold it."""

    def sign_hash(self, hash32: bytes) -> bytes:
        """Return the 256-byte RSASSA-PKCS1-v1_5 signature, with SHA-256, over an image's 32-byte hash."""


class Signer(HashSigner, Protocol):
    """The interface of signers that also sign other documents."""

    def sign_message(self, message: bytes) -> bytes:
        """Return the same kind of signature over another document.

        Never over 16 or 32 bytes: devices would take them for a digest.
        """


def require_valid(
    signature: bytes, key: PublicKey, message: bytes, *, maker: str, place: Optional[Place] = None
) -> bytes:
    """Return ``signature``. Raises SigningKeyError unless devices with ``key`` take it for ``message``.

    ``maker`` names in the error what made it. A faulty signature is never given out: devices refuse it, and it can
    reveal the private key.
    """
    if not key.verify_message(message, signature):
        raise SigningKeyError(
            f"the signature that {maker} made does not verify with the public key {key.short_fingerprint}: devices "
            "would refuse it (OTA_VERIFY_RSA_FAIL)",
            place=place,
            remedy="check that key and public key belong together, and that RSASSA-PKCS1-v1_5 with SHA-256 is made "
            "over the 32 bytes of the image's hash",
        )
    return signature


class BaseSigner:
    """The base class of signers: its repr shows the public key's fingerprint and nothing else."""

    def __init__(self, public_key: PublicKey, *, place: Optional[Place] = None) -> None:
        self._public_key = public_key
        self._place = place

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._public_key.fingerprint})"

    @property
    def public_key(self) -> PublicKey:
        """Return the public half, as devices hold it."""
        return self._public_key


class VerifiedSigner(BaseSigner):
    """The base class of signers that make signatures; each is verified as a device would verify it."""

    maker = "this signer"
    """What made a signature, for the error about one that does not verify."""

    def sign_hash(self, hash32: bytes) -> bytes:
        """Sign an image's 32-byte hash. Raises SigningKeyError."""
        if len(hash32) != HASH_SIZE:
            raise SigningKeyError(f"a hash of {len(hash32)} bytes cannot be signed; devices check 32 (SHA-256)")
        return self.sign_message(hash32)

    def sign_message(self, message: bytes) -> bytes:
        """Sign a message of any length. Raises SigningKeyError."""
        signature = self._make_signature(message)
        return require_valid(signature, self._public_key, message, maker=self.maker, place=self._place)

    def _make_signature(self, message: bytes) -> bytes:
        raise NotImplementedError


class PemSigner(VerifiedSigner):
    """A signer with its private key in memory. Its signatures are deterministic."""

    maker = "this key"

    def __init__(self, key: RSAPrivateKey) -> None:
        numbers = key.public_key().public_numbers()
        super().__init__(PublicKey(numbers.n, numbers.e))
        self._key = key

    def _make_signature(self, message: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return self._key.sign(message, PKCS1v15(), SHA256())


def load_signer(data: bytes, *, file: str, passphrase: Passphrase) -> PemSigner:
    """Load an RSA-2048 private key from PEM or DER, PKCS#8 or PKCS#1, encrypted or not.

    `file` is named in errors. A passphrase is ignored when the key is not encrypted. Raises SigningKeyError,
    never with key material in it.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    place = Place(file)
    key = _load(find_private_key(data, place), passphrase, place)
    if not isinstance(key, RSAPrivateKey):
        raise SigningKeyError("not an RSA private key", place=place, remedy="make one with `aos-ota keygen`")
    exponent = key.public_key().public_numbers().e
    if key.key_size != KEY_BITS or exponent != EXPONENT:
        raise SigningKeyError(
            f"an RSA key of {key.key_size} bits with the exponent {exponent}; "
            f"devices take exactly {KEY_BITS} bits and {EXPONENT}",
            place=place,
            remedy="make one with `aos-ota keygen`",
        )
    if not _is_consistent(key):
        raise SigningKeyError(
            "the numbers of this private key do not belong together",
            place=place,
            remedy="restore an undamaged copy of it, or make a new one with `aos-ota keygen`",
        )
    return PemSigner(key)


def _is_consistent(key: RSAPrivateKey) -> bool:
    """Check the key's numbers, which loading skips to be quick; the primality of p and q is not checked.

    With a factor that is not prime signatures do not verify, and every signature is verified.
    """
    numbers = key.private_numbers()
    p, q, d, public = numbers.p, numbers.q, numbers.d, numbers.public_numbers
    return (
        p > 1
        and q > 1
        and p % 2 == 1
        and q % 2 == 1
        and p * q == public.n
        and (public.e * d - 1) % (p - 1) == 0
        and (public.e * d - 1) % (q - 1) == 0
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and numbers.iqmp * q % p == 1
    )


def _load(found: PrivateKeyData, passphrase: Passphrase, place: Place) -> object:
    """Return the private key; the passphrase is used only where it is encrypted."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    def load(passphrase: Optional[bytes]) -> object:
        # OpenSSL's tests of the primes take longer than signing. With a key whose numbers do not belong together
        # signatures do not verify, and every signature is verified.
        read = load_pem_private_key if found.data.startswith(b"-----BEGIN ") else load_der_private_key
        try:
            return read(found.data, passphrase, unsafe_skip_rsa_key_validation=True)
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # Rust's, which cannot be imported
                raise ValueError from None
            raise

    # Errors are raised `from None`: a library's own text must not carry key material into a log.
    if not found.encrypted:
        try:
            return load(None)
        except Exception:
            raise no_key_error(found.data, place) from None
    if callable(passphrase):
        passphrase = passphrase()
    if not passphrase:
        problem = "is encrypted and no passphrase was given"
        raise SigningKeyError(
            f"the private key {problem}",
            place=place,
            remedy=f"set {PASSPHRASE_VARIABLE}, or AOS_OTA_PASSPHRASE_COMMAND to a program that writes the passphrase",
        )
    require_usable(passphrase, place)
    try:
        return load(passphrase)
    except Exception as error:
        raise _not_opened(found, str(error), place) from None


def require_usable(passphrase: Optional[bytes], place: Optional[Place] = None) -> None:
    """Raise SecretError for a passphrase that is longer than the library cryptography takes."""
    if passphrase and len(passphrase) > PASSPHRASE_MAX:
        raise SecretError(
            f"the passphrase has {len(passphrase)} bytes, and at most {PASSPHRASE_MAX} can be used",
            place=place,
            remedy="take a shorter one; a key that has such a passphrase can be given another with openssl pkcs8",
        )


def _not_opened(found: PrivateKeyData, said: str, place: Place) -> SigningKeyError:
    """Return the error for an encrypted key that was not opened; ``said`` is the library's reason."""
    unknown = "Unknown key encryption algorithm: "
    if said.startswith(unknown) or said in ("Key encrypted with unknown cipher.", _RC2_SIZE):
        identifier = said[len(unknown) :][:80] if said.startswith(unknown) else ""
        name = _CIPHERS.get(identifier, ascii(found.cipher[:80])[1:-1])
        cipher = f"{name} ({identifier})" if name and identifier else name or identifier
        if said == _RC2_SIZE:
            cipher = "rc2-cbc with less than 128 bits"
        return SigningKeyError(
            f"the private key is encrypted with {cipher}, which cannot be read here",
            place=place,
            remedy="encrypt a copy of it with AES: openssl pkcs8 -topk8 -v2 aes-256-cbc -in <copy> -out ota_key.pem",
        )
    return SigningKeyError(
        "the passphrase does not open the private key",
        place=place,
        remedy=f"correct {PASSPHRASE_VARIABLE}, or where else it comes from; if it is right, the file is damaged",
    )
