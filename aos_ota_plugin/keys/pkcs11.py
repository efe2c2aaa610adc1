"""A signer whose private key stays on a PKCS#11 token: smart card, USB token or HSM.

PKCS#11 2.40 or newer. The image's 32-byte hash is signed with ``CKM_SHA256_RSA_PKCS``. A token without that mechanism
signs, with ``CKM_RSA_PKCS``, the DigestInfo (RFC 8017, 9.2) of the hash's SHA-256: the same signature.
"""

from __future__ import annotations

import hashlib
from typing import Any, Callable, Optional, Tuple

from aos_ota_plugin.keys.pkcs11_module import import_library
from aos_ota_plugin.keys.pkcs11_token import Token
from aos_ota_plugin.keys.pkcs11_uri import Pkcs11Uri
from aos_ota_plugin.keys.rsa import DIGEST_INFO, EXPONENT, KEY_BITS, PublicKey
from aos_ota_plugin.keys.signer import VerifiedSigner

_NO_MECHANISM = {"MechanismInvalid", "MechanismParamInvalid", "FunctionNotSupported", "KeyTypeInconsistent"}


class Pkcs11Signer(VerifiedSigner):
    """A signer with the private key that a PKCS#11 URI names; its repr never shows a PIN.

    ``module`` is the PKCS#11 module's file. ``pin`` is called at most once, when the token requires a PIN.
    Raises SecretError for a PIN that is wrong, locked or missing, else SigningKeyError.
    """

    maker = "the token"

    def __init__(self, uri: Pkcs11Uri, module: str, pin: Callable[[], bytes], *, library: Any = None) -> None:
        self._token = Token(uri, module, pin, library or import_library())
        self._library = self._token.library
        with self._token.session() as (session, _):
            public_key = self._read_public_key(session, self._find_key(session))
        super().__init__(public_key, place=self._token.place)

    def __repr__(self) -> str:
        return f"Pkcs11Signer({self._token.uri.without_query}, {self._public_key.fingerprint})"

    def _make_signature(self, message: bytes) -> bytes:
        with self._token.session() as (session, token):
            return self._sign(self._find_key(session), token, message)

    def _sign(self, key: Any, token: Any, message: bytes) -> bytes:
        mechanisms = self._library.Mechanism
        offered = token.slot.get_mechanisms()
        tried = []
        for mechanism, data in (
            (mechanisms.SHA256_RSA_PKCS, message),
            (mechanisms.RSA_PKCS, DIGEST_INFO + hashlib.sha256(message).digest()),
        ):
            if mechanism not in offered:
                continue
            try:
                return bytes(key.sign(data, mechanism=mechanism))
            except self._library.PKCS11Error as error:
                # Offered by the token, but perhaps not for this key.
                if type(error).__name__ not in _NO_MECHANISM:
                    raise
                tried.append(f"CKM_{mechanism.name}")
        problem = (
            f"does not let this key sign with {' or '.join(tried)}"
            if tried
            else ("offers neither CKM_SHA256_RSA_PKCS nor CKM_RSA_PKCS")
        )
        raise self._token.error(
            f"the token {problem}",
            "use a key and a token that make RSA PKCS#1 v1.5 signatures; devices check no others",
        )

    def _find_key(self, session: Any) -> Any:
        attributes = self._library.Attribute
        wanted = {attributes.CLASS: self._library.ObjectClass.PRIVATE_KEY}
        if self._token.uri.object is not None:
            wanted[attributes.LABEL] = self._token.uri.object
        if self._token.uri.key_id is not None:
            wanted[attributes.ID] = self._token.uri.key_id
        keys = list(session.get_objects(wanted))
        if len(keys) == 1:
            return keys[0]
        if keys:
            raise self._token.error(
                f"{len(keys)} private keys match: {self._describe(keys)}", "select a key with object= or id= in the URI"
            )
        others = self._describe(session.get_objects({attributes.CLASS: self._library.ObjectClass.PRIVATE_KEY}))
        raise self._token.error(
            f"the token has no such private key; it has: {others}", "correct object= or id= in the URI"
        )

    def _describe(self, keys: Any) -> str:
        attributes = self._library.Attribute
        ids = [(self._attribute(key, attributes.LABEL), self._attribute(key, attributes.ID)) for key in keys]
        listed = sorted(f"{label or '(no label)'} (id {(key_id or b'').hex()})" for label, key_id in ids)
        return ", ".join(listed) or "none"

    def _read_public_key(self, session: Any, key: Any) -> PublicKey:
        attributes = self._library.Attribute
        if self._attribute(key, attributes.KEY_TYPE) != self._library.KeyType.RSA:
            raise self._token.error("this key is not an RSA key", "devices take RSA keys of 2048 bits only")
        if self._attribute(key, attributes.SIGN) is False:
            raise self._token.error(
                "the token does not let this key sign (CKA_SIGN is false)", "use a key made for signing"
            )
        numbers = self._numbers(key) or self._find_public_numbers(session, key)
        if numbers is None:
            raise self._token.error(
                "the token does not show the public half of this key",
                "put the public key or its certificate on the token, with the same id",
            )
        modulus, exponent = numbers
        if modulus.bit_length() != KEY_BITS or exponent != EXPONENT:
            raise self._token.error(
                f"this is an RSA key of {modulus.bit_length()} bits with the exponent {exponent}; "
                f"devices take exactly {KEY_BITS} bits and {EXPONENT}",
                "make such a key on the token",
            )
        return PublicKey(modulus, exponent)

    def _find_public_numbers(self, session: Any, key: Any) -> Optional[Tuple[int, int]]:
        """Return the numbers of the public key or certificate with the private key's id."""
        attributes, classes = self._library.Attribute, self._library.ObjectClass
        key_id = self._attribute(key, attributes.ID)
        if not key_id:
            return None
        for public in session.get_objects({attributes.CLASS: classes.PUBLIC_KEY, attributes.ID: key_id}):
            numbers = self._numbers(public)
            if numbers:
                return numbers
        for certificate in session.get_objects({attributes.CLASS: classes.CERTIFICATE, attributes.ID: key_id}):
            numbers = _certificate_numbers(self._attribute(certificate, attributes.VALUE))
            if numbers:
                return numbers
        return None

    def _numbers(self, key: Any) -> Optional[Tuple[int, int]]:
        attributes = self._library.Attribute
        parts = [self._attribute(key, name) for name in (attributes.MODULUS, attributes.PUBLIC_EXPONENT)]
        if not all(parts):
            return None
        return int.from_bytes(parts[0], "big"), int.from_bytes(parts[1], "big")

    def _attribute(self, token_object: Any, name: Any) -> Any:
        """Return an attribute's value, None where the object lacks or hides it."""
        try:
            return token_object[name]
        except self._library.PKCS11Error as error:
            if type(error).__name__ not in ("AttributeTypeInvalid", "AttributeSensitive", "AttributeValueInvalid"):
                raise
            return None


def _certificate_numbers(der: Optional[bytes]) -> Optional[Tuple[int, int]]:
    """Return modulus and exponent of a certificate's RSA key, None for other keys."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_der_x509_certificate

    try:
        key = load_der_x509_certificate(der or b"").public_key()
    except Exception:
        return None
    if not isinstance(key, RSAPublicKey):
        return None
    numbers = key.public_numbers()
    return numbers.n, numbers.e
