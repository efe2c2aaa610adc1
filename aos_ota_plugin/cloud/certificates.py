"""A private certificate authority and server certificates issued by it: PEM, RSA-2048."""

from __future__ import annotations

import datetime
import ipaddress
from typing import TYPE_CHECKING, List, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.keys.rsa import EXPONENT, KEY_BITS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate, GeneralName, Name

CA_DAYS = 3650
SERVER_DAYS = 825
_NAME = "aos-ota local cloud"
_CA_USAGES = ("digital_signature", "key_cert_sign", "crl_sign")
_OTHER_USAGES = "content_commitment key_encipherment data_encipherment key_agreement encipher_only decipher_only"
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
    usage = x509.KeyUsage(**{name: name in _CA_USAGES for name in (*_CA_USAGES, *_OTHER_USAGES.split())})
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


def authority_problem(certificate: bytes) -> Optional[str]:
    """Return why a certificate is not one of an authority, or None."""
    from cryptography import x509

    try:
        read = x509.load_pem_x509_certificate(certificate)
        is_authority = read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.DuplicateExtension):
        return "this certificate cannot be read"
    except x509.ExtensionNotFound:
        is_authority = False
    return None if is_authority else "this certificate is not one of an authority (CA:true): devices refuse this cloud"


def authority_key_problem(authority: Issued) -> Optional[str]:
    """Return why a key is not that of an authority's certificate, which has been read, or None."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    certified = x509.load_pem_x509_certificate(authority.certificate).public_key()
    try:
        own = load_pem_private_key(authority.key, None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "the key of the root certificate cannot be read"
    return None if own == certified else "this key is not that of the root certificate"


def server_problem(certificate: bytes, authority: bytes, hosts: Sequence[str], now: datetime.datetime) -> Optional[str]:
    """Return why a server's certificate is not the authority's for these hosts and another week, or None."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        read = x509.load_pem_x509_certificate(certificate)
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return "no certificate of a server can be read in it"
    try:
        read.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    except (ValueError, TypeError, InvalidSignature):
        return "another root has signed it"
    if names.get_values_for_type(x509.DNSName) != list(hosts):
        return "it is for another host"
    begins, ends = _validity(read)
    return None if begins <= now and ends > now + datetime.timedelta(days=7) else "it is not good for another week"


def validity(certificate: bytes) -> Tuple[datetime.datetime, datetime.datetime]:
    """Return the first and the last moment of an authority's certificate, which has been checked."""
    from cryptography import x509

    return _validity(x509.load_pem_x509_certificate(certificate))


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
