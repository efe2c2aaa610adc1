"""A private certificate authority and server certificates issued by it: PEM, RSA-2048."""

from __future__ import annotations

import datetime
import ipaddress
from typing import TYPE_CHECKING, List, NamedTuple, Sequence, Tuple

from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.keys.rsa import EXPONENT, KEY_BITS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate, GeneralName, Name

CA_DAYS = 3650
SERVER_DAYS = 825
_NAME = "aos-ota local cloud"
_SERVER_AUTH = "1.3.6.1.5.5.7.3.1"


class Issued(NamedTuple):
    """A certificate and its private key, both PEM. Its repr has no key."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Issued({len(self.certificate)} bytes)"


def make_ca(now: datetime.datetime) -> Issued:
    """Return a new authority that is valid for ten years."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    key = _new_key()
    name = _name(_NAME)
    subject = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(subject, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _issued(certificate, key)


def issue(
    authority: Issued, hosts: Sequence[str], not_before: datetime.datetime, not_after: datetime.datetime
) -> Issued:
    """Return a server's certificate for names and addresses.

    Addresses stand in it as names, too: mbedtls 2.28 looks at names only.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    ca = x509.load_pem_x509_certificate(authority.certificate)
    ca_key = load_pem_private_key(authority.key, None)
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]
    key = _new_key()
    names: List[GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(host)) for host in hosts if is_address(host)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(hosts[0]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(_SERVER_AUTH)]), critical=False)
        .add_extension(authority_key, critical=False)
        .sign(ca_key, hashes.SHA256())  # type: ignore[arg-type]
    )
    return _issued(certificate, key)


def is_good(certificate: bytes, authority: bytes, hosts: Sequence[str], now: datetime.datetime) -> bool:
    """Return whether the authority issued a server's certificate for these hosts, good for another week."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        read = x509.load_pem_x509_certificate(certificate)
        read.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    begins, ends = _validity(read)
    is_valid = begins <= now and ends > now + datetime.timedelta(days=7)
    return names.get_values_for_type(x509.DNSName) == list(hosts) and is_valid


def validity(certificate: bytes) -> Tuple[datetime.datetime, datetime.datetime]:
    """Return the first and the last moment of a PEM certificate. Raises FormatError."""
    from cryptography import x509

    try:
        return _validity(x509.load_pem_x509_certificate(certificate))
    except ValueError:
        raise FormatError("this certificate cannot be read", remedy="restore an undamaged copy of it") from None


def _validity(certificate: Certificate) -> Tuple[datetime.datetime, datetime.datetime]:
    # not_valid_after_utc came with cryptography 42; the other went with a later one.
    begins, ends = (
        getattr(certificate, f"{name}_utc", None) or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
        for name in ("not_valid_before", "not_valid_after")
    )
    return begins, ends


def is_address(host: str) -> bool:
    """Return whether `host` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _new_key() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(EXPONENT, KEY_BITS)


def _name(text: str) -> Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _issued(certificate: Certificate, key: RSAPrivateKey) -> Issued:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Issued(
        certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
