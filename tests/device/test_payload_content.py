"""What is no firmware is told by its content, wherever a file becomes a payload; a private key goes to no device."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from aos_ota_plugin.device.payload_content import FIRMWARE, check_payload, name_content, refuse_private_key
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images.info import ImageMagic
from aos_ota_plugin.images.pack import PackFile, build
from aos_ota_plugin.keys.private_file import is_private_key
from aos_ota_plugin.keys.rsa import PublicKey

PEM = (Path(__file__).parents[1] / "keys" / "data" / "private.pem").read_bytes()
FLASH = bytes(range(256)) * 16


def packed(kind):
    stream = io.BytesIO()
    if kind == "tar":
        with tarfile.open(fileobj=stream, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    else:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a", FLASH)
    return stream.getvalue()


HEX = b":10010000214601360121470136007EFE09D2190140\r\n:00000001FF\r\n"
FILES = {
    "an ELF file": b"\x7fELF" + FLASH,
    "a static library": b"!<arch>\n" + FLASH,
    "Intel HEX": HEX,
    "a file of S-records": b"S00600004844521B\nS9030000FC\n",
    "a gzip file": gzip.compress(FLASH),
    "a zip archive": packed("zip"),
    "a tar archive": packed("tar"),
    "a UF2 file": b"UF2\n" + FLASH,
    "a Windows program": b"MZ\x90\0" + FLASH,
    "a PDF document": b"%PDF-1.7\n" + FLASH,
    "a PNG picture": b"\x89PNG\r\n\x1a\n" + FLASH,
    "an SQLite database": b"SQLite format 3\0" + FLASH,
    "a JSON document, such as a manifest": b'{"schema": "aos-ota-manifest/1"}\n',
    "a PEM file": b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
    "nothing but bytes 0xff": b"\xff" * 4096,
    "nothing but bytes 0x00": bytes(4096),
}


@pytest.mark.parametrize("name", FILES)
def test_other_files_than_firmware(name):
    """They are no firmware; a second chip, a file system and a module may be made of them."""
    assert name_content(FILES[name]) == name
    for magic in FIRMWARE:
        with pytest.raises(FormatError, match=f"this is {name}, not firmware"):
            check_payload(FILES[name], magic)
    check_payload(FILES[name], ImageMagic.MCU)
    check_payload(FILES[name], ImageMagic.FS)


@pytest.mark.parametrize("name", ["Intel HEX", "a file of S-records"])
def test_records_behind_empty_lines(name):
    assert name_content(b"\r\n \n" + FILES[name]) == name
    assert name_content(FILES[name].decode("ascii").encode("utf-16")) == name


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_documents_as_windows_saves_them(encoding):
    assert name_content(json.dumps({"version": "app-1.0.1"}).encode(encoding)).startswith("a JSON document")
    assert is_private_key(PEM.decode("ascii").encode(encoding))


@pytest.mark.parametrize(
    "data",
    [
        b"{not JSON" + FLASH,
        b"[" * 5000 + FLASH,
        b":10010000214601360121470136007EFE09D2190141\n",  # its sum is wrong
        b"S00600004844521C\n",
        b"\xff" * 4096 + b"\0",
        b"PK" + FLASH,
        b"firmware" * 8,
        b"\xef\xbb\xbf" + FLASH,
    ],
)
def test_what_may_be_firmware(data):
    check_payload(data)


RSA, EC = load_pem_private_key(PEM, None), ec.generate_private_key(ec.SECP256R1())
NONE, SECRET = NoEncryption(), BestAvailableEncryption(b"secret")
KEYS = {
    "PKCS#8": RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NONE),
    "PKCS#8, encrypted": RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, SECRET),
    "PKCS#1": RSA.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NONE),
    "elliptic curve": EC.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NONE),
    "PKCS#12": pkcs12.serialize_key_and_certificates(b"k", RSA, None, None, SECRET),
    "PEM": PEM,
    "PEM, encrypted": RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, SECRET),
    "PEM of an elliptic curve": EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NONE),
    "OpenSSH": ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NONE),
    "PuTTY": b"PuTTY-User-Key-File-3: ssh-rsa\r\nEncryption: none\r\n",
    "behind a text": b"Bag Attributes\n    localKeyID: 01\n" + PEM,
    "in a partition": PEM + b"\xff" * 1000,
    "DER in a partition": RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NONE) + bytes(1000),
    "DER before other bytes": RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NONE) + FLASH,
    "PEM before other bytes": PEM + FLASH,
    "behind erased flash": b"\xff" * 100 + bytes(100) + PEM + FLASH,
    "UTF-16 without a mark": PEM.decode("ascii").encode("utf-16-le"),
    "UTF-16, big-endian": PEM.decode("ascii").encode("utf-16-be"),
    "base64 alone": b"".join(PEM.splitlines()[1:-1]) + b"\n",
    "base64 without padding": b"".join(PEM.splitlines()[1:-1]).rstrip(b"="),
    "base64url": b"".join(PEM.splitlines()[1:-1]).translate(bytes.maketrans(b"+/", b"-_")),
    "UTF-16 behind Chinese": "\u6211\u7684\u5bc6\u94a5\n".encode("utf-16-le") + PEM.decode("ascii").encode("utf-16-le"),
    "UTF-16 with a mark behind Chinese": ("\u6211\u7684\n" + PEM.decode("ascii")).encode("utf-16"),
    "DER behind a line end": b"\n" + RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NONE),
    "PVK": bytes.fromhex("1ef1b5b0") + bytes(600),
    "MSBLOB": bytes.fromhex("0702000000a40000") + b"RSA2" + bytes(600),
    "Java's key store": bytes.fromhex("feedfeed") + bytes(600),
    "SSH2": b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n",
}


@pytest.mark.parametrize("name", KEYS)
def test_a_private_key_goes_into_no_image(name):
    for magic in ImageMagic:
        with pytest.raises(FormatError, match="this is a private key"):
            check_payload(KEYS[name], magic)


PLAIN = RSA.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NONE)
OWN = PublicKey(RSA.public_key().public_numbers().n)
LABELS = b"\0-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----\0"
INSIDE = {
    "PKCS#1": PLAIN,
    "PKCS#8": RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NONE),
    "PEM": LABELS + PEM,
    "PEM with line ends of Windows": PEM.replace(b"\n", b"\r\n"),
    "PEM in a C string": PEM.replace(b"\n", b"\\n"),
    "PEM as UTF-16": PEM.decode("ascii").encode("utf-16-le"),
    "PEM as UTF-16, big-endian": PEM.decode("ascii").encode("utf-16-be"),
    "PEM as UTF-32": PEM.decode("ascii").encode("utf-32-le"),
    "PEM in one line": b"-----BEGIN PRIVATE KEY-----" + b"".join(PEM.splitlines()[1:-1]) + b"-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("name", INSIDE)
def test_the_signing_key_goes_into_no_image_wherever_it_lies(name):
    firmware = FLASH + INSIDE[name] + FLASH
    for magic in ImageMagic:
        with pytest.raises(FormatError, match=f"holds the private key {OWN.short_fingerprint}, which signs updates"):
            check_payload(firmware, magic, None, OWN)
        check_payload(firmware, magic, PublicKey(OWN.modulus - 2))


@pytest.mark.parametrize(
    "data",
    [
        RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        LABELS * 100,
        OWN.n_bytes + OWN.e_bytes,
    ],
)
def test_the_public_key_belongs_into_firmware(data):
    check_payload(FLASH + data + FLASH, ImageMagic.ALL, OWN)


def test_a_private_key_in_a_pack():
    pack = build((PackFile("certs/ca.pem", b"-----BEGIN CERTIFICATE-----"), PackFile("certs/own.key", KEYS["PKCS#1"])))
    with pytest.raises(FormatError, match=r"this pack holds a private key, 'certs/own\.key'"):
        refuse_private_key(pack)


@pytest.mark.parametrize(
    "data",
    [
        RSA.public_key().public_numbers().n.to_bytes(256, "big"),
        b"\0-----BEGIN RSA PRIVATE KEY-----\0" + FLASH,  # a label of mbedtls
        b"\x30\x03\x02\x01\0" + FLASH,
        b"\x30\x82",
        b"\x30\x84\xff\xff\xff\xff",
        base64.b64decode(
            b"".join((Path(__file__).parents[1] / "keys/data/public.pem").read_bytes().splitlines()[1:-1])
        ),
    ],
)
def test_what_is_no_private_key(data):
    refuse_private_key(data)
