"""What a token can answer that SoftHSM never does: taken out, locked, a PIN pad, a certificate only, a lie."""

import enum
import hashlib
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from aos_ota_plugin.errors import SecretError, SigningKeyError
from aos_ota_plugin.keys.pkcs11 import Pkcs11Signer
from aos_ota_plugin.keys.pkcs11_module import find_module
from aos_ota_plugin.keys.pkcs11_uri import parse_uri
from aos_ota_plugin.keys.signer import load_signer

DATA = Path(__file__).parent / "data"
SIGNER = load_signer((DATA / "private.pem").read_bytes(), file="key", passphrase=None)
KEY = SIGNER.public_key
HASH = hashlib.sha256(b"an image").digest()
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
URI = parse_uri("pkcs11:token=OTA;object=ota?module-path=/x.so")
PIN = "zq81"


class PKCS11Error(RuntimeError):
    pass


def answer(name, *arguments):
    return type(name, (PKCS11Error,), {})(*arguments)


Names = enum.Enum("Names", "CLASS LABEL ID KEY_TYPE SIGN MODULUS PUBLIC_EXPONENT VALUE")
Classes = enum.Enum("Classes", "PRIVATE_KEY PUBLIC_KEY CERTIFICATE")
KeyType = enum.Enum("KeyType", "RSA EC")
Mechanism = enum.Enum("Mechanism", "SHA256_RSA_PKCS RSA_PKCS ECDSA")


class Flags(enum.IntFlag):
    LOGIN_REQUIRED = 1
    TOKEN_INITIALIZED = 2
    USER_PIN_LOCKED = 4
    USER_PIN_FINAL_TRY = 8
    USER_PIN_COUNT_LOW = 16
    PROTECTED_AUTHENTICATION_PATH = 32


class Object(dict):
    def __getitem__(self, name):
        if name not in self:
            raise answer("AttributeTypeInvalid")
        return dict.__getitem__(self, name)

    def sign(self, data, mechanism):
        return self.maker(data, mechanism)


def private(**others):
    one = Object(
        {
            Names.CLASS: Classes.PRIVATE_KEY,
            Names.LABEL: "ota",
            Names.ID: b"\1",
            Names.KEY_TYPE: KeyType.RSA,
            Names.MODULUS: KEY.n_bytes,
            Names.PUBLIC_EXPONENT: b"\1\0\1",
        }
    )
    for name, value in others.items():
        if value is None:
            del one[Names[name]]
        else:
            one[Names[name]] = value
    one.maker = sign_well
    return one


def sign_well(data, mechanism):
    """As a token does: pads what it is given for RSA_PKCS, and hashes first for SHA256_RSA_PKCS."""
    info = DIGEST_INFO + hashlib.sha256(data).digest() if mechanism is Mechanism.SHA256_RSA_PKCS else data
    block = b"\0\1" + b"\xff" * (253 - len(info)) + b"\0" + info
    numbers = SIGNER._key.private_numbers()
    return pow(int.from_bytes(block, "big"), numbers.d, KEY.modulus).to_bytes(256, "big")


class Library:
    """Stands for the module ``pkcs11`` and for a token in its one slot."""

    def __init__(
        self, *objects, flags=Flags.LOGIN_REQUIRED | Flags.TOKEN_INITIALIZED, mechanisms=tuple(Mechanism), login=None
    ):
        self.PKCS11Error, self.Attribute, self.ObjectClass, self.KeyType = PKCS11Error, Names, Classes, KeyType
        self.Mechanism, self.TokenFlag, self.types = Mechanism, Flags, SimpleNamespace(PROTECTED_AUTH="the pad")
        self.library_version, self.library_description, self.manufacturer_id = (2, 6), "Fake", "Us "
        self.objects, self.flags, self.mechanisms, self.login = objects or (private(),), flags, mechanisms, login
        self.pins, self.tokens, self.open_sessions = [], 1, 0

    def lib(self, path):
        assert path == "/x.so"
        return self

    def get_slots(self, token_present):
        assert token_present
        slots = []
        for number in range(self.tokens):
            slot = SimpleNamespace(
                slot_id=number,
                manufacturer_id="Us",
                slot_description="Slot",
                get_mechanisms=lambda: set(self.mechanisms),
            )
            token = SimpleNamespace(
                label="OTA ",
                serial=b"%02d" % number,
                manufacturer_id="Us",
                model="M",
                flags=self.flags,
                slot=slot,
                open=self.open,
            )
            slot.get_token = lambda token=token: token
            slots.append(slot)
        return slots

    @contextmanager
    def open(self, user_pin=None):
        self.pins.append(user_pin)
        if self.login:
            raise self.login
        self.open_sessions += 1
        try:
            yield SimpleNamespace(get_objects=self.get_objects)
        finally:
            self.open_sessions -= 1

    def get_objects(self, wanted):
        return iter([one for one in self.objects if all(one.get(name) == value for name, value in wanted.items())])


def signer_of(library, uri=URI, pin=PIN.encode):
    return Pkcs11Signer(uri, "/x.so", pin, library=library)


def refused(library, message, error=SigningKeyError, **options):
    with pytest.raises(error) as caught:
        signer_of(library, **options).sign_hash(HASH)
    assert message in str(caught.value)
    assert caught.value.remedy
    assert caught.value.place.file == options.get("uri", URI).without_query
    assert PIN not in str(caught.value)
    assert library.open_sessions == 0
    return caught.value


def test_signs_and_asks_for_the_pin_once():
    asked = []
    library = Library()
    signer = signer_of(library, pin=lambda: asked.append(1) or PIN.encode())
    assert signer.public_key == KEY
    assert signer.sign_hash(HASH) == signer.sign_hash(HASH) == SIGNER.sign_hash(HASH)
    assert asked == [1]
    assert library.pins == [PIN] * 3
    assert library.open_sessions == 0
    assert PIN not in repr(signer)


@pytest.mark.parametrize("mechanisms", [(Mechanism.SHA256_RSA_PKCS,), (Mechanism.RSA_PKCS,), tuple(Mechanism)])
def test_every_mechanism_makes_the_same_bytes(mechanisms):
    assert signer_of(Library(mechanisms=mechanisms)).sign_hash(HASH) == SIGNER.sign_hash(HASH)


def test_a_mechanism_that_this_key_may_not_use():
    key = private()
    key.maker = lambda data, mechanism: (
        refuse() if mechanism is Mechanism.SHA256_RSA_PKCS else sign_well(data, mechanism)
    )

    def refuse():
        raise answer("MechanismInvalid")

    assert signer_of(Library(key)).sign_hash(HASH) == SIGNER.sign_hash(HASH)


def broken(error):
    key = private()

    def maker(data, mechanism):
        raise error

    key.maker = maker
    return key


def test_no_mechanism():
    refused(Library(mechanisms=(Mechanism.ECDSA,)), "offers neither CKM_SHA256_RSA_PKCS nor CKM_RSA_PKCS")
    refused(Library(broken(answer("MechanismInvalid"))), "sign with CKM_SHA256_RSA_PKCS or CKM_RSA_PKCS")


@pytest.mark.parametrize(
    "lie",
    [
        lambda data, mechanism: bytes(256),
        lambda data, mechanism: b"",
        lambda data, mechanism: sign_well(b"x", Mechanism.SHA256_RSA_PKCS),
    ],
)
def test_a_token_that_lies(lie):
    key = private()
    key.maker = lie
    refused(Library(key), "the signature that the token made does not verify")


@pytest.mark.parametrize("name", ["DeviceRemoved", "TokenNotPresent", "SessionHandleInvalid", "DeviceError"])
def test_taken_out_while_signing(name):
    refused(Library(broken(answer(name))), f"the token was taken out, or does not answer any more ({name})")


def test_taken_out_before_signing():
    library = Library()
    signer = signer_of(library)
    library.tokens = 0
    with pytest.raises(SigningKeyError, match="there is no such token"):
        signer.sign_hash(HASH)


def test_another_failure_is_named():
    refused(Library(broken(answer("FunctionFailed", "code 7"))), "the token answers FunctionFailed: code 7")
    refused(Library(broken(answer("UserNotLoggedIn"))), "does not let this key sign (UserNotLoggedIn)")


PINS = [
    ("PinIncorrect", Flags(0), "the token does not take this PIN\n"),
    ("PinLenRange", Flags.USER_PIN_COUNT_LOW, "this PIN, and few tries are left"),
    ("PinIncorrect", Flags.USER_PIN_FINAL_TRY, "this PIN, and locks after one more wrong one"),
    ("PinLocked", Flags(0), "the token's PIN is locked"),
    ("PinExpired", Flags(0), "has to be set anew first (PinExpired)"),
    ("UserPinNotInitialized", Flags(0), "has to be set anew first"),
]


@pytest.mark.parametrize(("name", "flags", "message"), PINS)
def test_pin_is_refused(name, flags, message):
    library = Library(flags=Flags.LOGIN_REQUIRED | Flags.TOKEN_INITIALIZED | flags, login=answer(name))
    refused(library, message, SecretError)
    assert len(library.pins) == 1


def test_a_locked_token_is_not_tried():
    library = Library(flags=Flags.LOGIN_REQUIRED | Flags.TOKEN_INITIALIZED | Flags.USER_PIN_LOCKED)
    refused(library, "locked after too many wrong ones", SecretError)
    assert library.pins == []


def nobody():
    raise AssertionError("asked for a PIN")


def test_a_token_without_login_and_one_with_a_pad():
    library = Library(flags=Flags.TOKEN_INITIALIZED)
    assert signer_of(library, pin=nobody).sign_hash(HASH)
    assert library.pins == [None, None]
    library = Library(flags=Flags.TOKEN_INITIALIZED | Flags.LOGIN_REQUIRED | Flags.PROTECTED_AUTHENTICATION_PATH)
    assert signer_of(library, pin=nobody).sign_hash(HASH)
    assert library.pins == ["the pad", "the pad"]


def test_tokens_that_fit():
    library = Library()
    library.tokens = 2
    refused(library, "2 tokens match: OTA (serial 00), OTA (serial 01)")
    for text in ("pkcs11:serial=01", "pkcs11:slot-id=1"):
        assert signer_of(library, parse_uri(text)).public_key == KEY
    refused(Library(flags=Flags(0)), "there is no such token")
    refused(Library(), "there is no such token; x.so sees: OTA", uri=parse_uri("pkcs11:token=ota"))
    for one in ("manufacturer=x", "model=x", "serial=x", "slot-id=5", "slot-manufacturer=x", "slot-description=x"):
        refused(Library(), "there is no such token", uri=parse_uri(f"pkcs11:{one}"))
    for one in ("library-manufacturer=x", "library-description=x", "library-version=2.5", "library-version=3"):
        refused(
            Library(), "is not the one that the URI describes: it is Fake 2.6 of Us", uri=parse_uri(f"pkcs11:{one}")
        )
    for one in ("library-version=2.6", "library-version=2", "manufacturer=Us;model=M;slot-description=Slot"):
        assert signer_of(Library(), parse_uri(f"pkcs11:{one}")).public_key == KEY


def test_keys_that_fit():
    refused(
        Library(private(LABEL="a"), private(LABEL="b", ID=b"\xa1\2")),
        "the token has no such private key; it has: a (id 01), b (id a102)",
    )
    refused(Library(private(), private(ID=b"\2")), "2 private keys match: ota (id 01), ota (id 02)")
    library = Library(private(), private(ID=b"\2"))
    assert signer_of(library, parse_uri("pkcs11:object=ota;id=%02")).sign_hash(HASH) == SIGNER.sign_hash(HASH)
    refused(Library(Object()), "it has: none")


def test_keys_that_devices_do_not_take():
    refused(Library(private(KEY_TYPE=KeyType.EC)), "this key is not an RSA key")
    refused(Library(private(SIGN=False)), "the token does not let this key sign")
    refused(Library(private(PUBLIC_EXPONENT=b"\3")), "an RSA key of 2048 bits with the exponent 3")
    refused(Library(private(MODULUS=b"\xff" * 384)), "an RSA key of 3072 bits")


def der(name):
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate((DATA / name).read_bytes()).public_bytes(Encoding.DER)


def test_the_public_half_beside_the_key():
    hidden = private(MODULUS=None)
    public = Object(
        {Names.CLASS: Classes.PUBLIC_KEY, Names.ID: b"\1", Names.MODULUS: KEY.n_bytes, Names.PUBLIC_EXPONENT: b"\1\0\1"}
    )
    assert signer_of(Library(hidden, public)).sign_hash(HASH) == SIGNER.sign_hash(HASH)
    certificate = Object({Names.CLASS: Classes.CERTIFICATE, Names.ID: b"\1", Names.VALUE: der("certificate.pem")})
    assert signer_of(Library(hidden, certificate)).sign_hash(HASH) == SIGNER.sign_hash(HASH)
    nothing = "the token does not show the public half of this key"
    refused(Library(hidden), nothing)
    refused(Library(hidden, Object({**public, Names.ID: b"\2"})), nothing)
    refused(Library(hidden, Object({**certificate, Names.VALUE: b"junk"})), nothing)
    refused(Library(private(MODULUS=None, ID=b""), Object({**public, Names.ID: b""})), nothing)


def test_a_module_that_cannot_be_loaded():
    library = Library()

    def lib(path):
        raise PKCS11Error("OS exception while loading: invalid ELF header")

    library.lib = lib
    refused(
        library,
        "the PKCS#11 module /x.so cannot be loaded: PKCS11Error: OS exception while loading: invalid ELF header",
    )


def test_a_hash_of_another_size():
    with pytest.raises(SigningKeyError, match="a hash of 20 bytes cannot be signed"):
        signer_of(Library()).sign_hash(bytes(20))


def module(text, folder, **environ):
    return find_module(parse_uri(text), folder=str(folder), environ=environ)


def test_modules_are_found(tmp_path):
    folder = tmp_path / "驱 动"
    folder.mkdir()
    for name in ("libone.so", "two.so"):
        (folder / name).write_bytes(b"")
    assert module("pkcs11:?module-path=two.so", folder) == str(folder / "two.so")
    assert module("pkcs11:?module-path=.&module-name=one", folder) == str(folder / "libone.so")
    assert module("pkcs11:?module-path=two.so", folder, AOS_OTA_PKCS11_MODULE="/no") == str(folder / "two.so")
    assert module("pkcs11:", folder, AOS_OTA_PKCS11_MODULE=str(folder / "two.so")) == str(folder / "two.so")
    for text, message in (
        ("pkcs11:", "no PKCS#11 module is set"),
        ("pkcs11:?module-path=no.so", "there is no PKCS#11 module"),
        ("pkcs11:?module-name=no-such-thing", "there is no PKCS#11 module no-such-thing"),
    ):
        with pytest.raises(SigningKeyError, match=message) as caught:
            module(text, folder)
        assert caught.value.remedy
