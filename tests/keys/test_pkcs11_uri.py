"""PKCS#11 URIs: what is read, what is refused, and that no refusal repeats a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import OtaError, SecretError, SigningKeyError
from aos_ota_plugin.keys.pkcs11_uri import Pkcs11Uri, parse_uri

GOOD = [
    ("pkcs11:", Pkcs11Uri()),
    ("pkcs11:token=OTA%20keys;object=ota", Pkcs11Uri(token="OTA keys", object="ota")),
    ("PKCS11:object=a=b&c", Pkcs11Uri(object="a=b&c")),
    ("pkcs11:id=%a1%B2%00;type=private", Pkcs11Uri(key_id=b"\xa1\xb2\x00")),
    ("pkcs11:id=ab", Pkcs11Uri(key_id=b"ab")),
    ("pkcs11:token=%E7%89%88;slot-id=12", Pkcs11Uri(token="版", slot_id=12)),
    ("pkcs11:manufacturer=piv_II;model=m;serial=0a", Pkcs11Uri(manufacturer="piv_II", model="m", serial="0a")),
    (
        "pkcs11:library-version=2.6;library-description=d;library-manufacturer=m",
        Pkcs11Uri(library_version="2.6", library_description="d", library_manufacturer="m"),
    ),
    ("pkcs11:slot-manufacturer=m;slot-description=d", Pkcs11Uri(slot_manufacturer="m", slot_description="d")),
    (
        "pkcs11:object=k?module-path=/usr/lib/a%20b.so&pin-source=file:/etc/pin",
        Pkcs11Uri(object="k", module_path="/usr/lib/a b.so", pin_source="file:/etc/pin"),
    ),
    ("pkcs11:object=k?module-name=softhsm2", Pkcs11Uri(object="k", module_name="softhsm2")),
    ("pkcs11:token=", Pkcs11Uri(token="")),
]


@pytest.mark.parametrize(("text", "uri"), GOOD)
def test_good(text, uri):
    assert parse_uri(text) == uri


BAD = [
    ("keys/a.pem", "this is not a PKCS#11 URI"),
    ("pkcs11", "this is not a PKCS#11 URI"),
    ("pkcs11:object=zq81 zq82", "object= of this PKCS#11 URI has a character that"),
    ("pkcs11:object=版", "has a character that"),
    ("pkcs11:object=a%2", "has a character that"),
    ("pkcs11:object=a%zz", "has a character that"),
    ("pkcs11:object=a/b", "has a character that"),
    ("pkcs11:object=a#b", "has a character that"),
    ("pkcs11:object=%ff", "object= of this PKCS#11 URI is not UTF-8"),
    ("pkcs11:object=a%0ab", "control character"),
    ("pkcs11:object=a;object=a", "object= occurs twice"),
    ("pkcs11:objekt=zq81", "objekt is not an attribute"),
    ("pkcs11:Object=zq81", "Object is not an attribute"),
    ("pkcs11:zq81", "a text here is not an attribute"),
    ("pkcs11:object=a;", "a text here is not an attribute"),
    ("pkcs11:object=a;;token=b", "a text here is not an attribute"),
    ("pkcs11:token=a;module-path=/x", "module-path is not an attribute"),
    ("pkcs11:token=a?object=b", "object is not an attribute"),
    ("pkcs11:token=a?", "nothing follows the ?"),
    ("pkcs11:token=a?module-path=", "module-path= of this PKCS#11 URI is empty"),
    ("pkcs11:token=a?module-name=", "module-name= of this PKCS#11 URI is empty"),
    ("pkcs11:token=a?module-name=../x", "module-name= of this PKCS#11 URI is a path"),
    ("pkcs11:token=a?pin-source=", "pin-source= of this PKCS#11 URI is empty"),
    ("pkcs11:token=a?x-vendor=1", "x-vendor is not an attribute"),
    ("pkcs11:type=public", "type= of this PKCS#11 URI is not private"),
    ("pkcs11:type=cert", "type= of this PKCS#11 URI is not private"),
    ("pkcs11:id=", "id= of this PKCS#11 URI is empty"),
    ("pkcs11:slot-id=0x1", "slot-id= of this PKCS#11 URI is not a decimal number"),
    ("pkcs11:slot-id=", "slot-id="),
    ("pkcs11:library-version=2.6.1", "library-version="),
    ("pkcs11:object=" + "a" * 5000, "5014 characters"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad(text, message):
    with pytest.raises(SigningKeyError) as caught:
        parse_uri(text)
    assert message in str(caught.value)
    assert caught.value.remedy
    assert "zq81" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "pkcs11:token=a?pin-value=zq81",
        "pkcs11:token=a;pin-value=zq81",
        "pkcs11:token=a?module-path=/x&PIN-Value=zq81",
        "pkcs11:token=a?pin_value=zq81",
        "pkcs11:?pin-source=|zq81",
        "pkcs11:?pin-source=%7Czq81",
        "pkcs11:?pin-value",
    ],
)
def test_a_pin_is_refused_unseen(text):
    with pytest.raises(SecretError) as caught:
        parse_uri(text)
    assert "zq81" not in str(caught.value)
    assert "AOS_OTA_PKCS11_PIN" in caught.value.remedy


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x7f"), min_size=1, max_size=20)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True).filter(str.isascii)


def optional(strategy):
    return st.none() | strategy


@given(
    st.builds(
        Pkcs11Uri,
        token=optional(TEXT),
        manufacturer=optional(TEXT),
        serial=optional(TEXT),
        model=optional(TEXT),
        object=optional(TEXT),
        key_id=optional(st.binary(min_size=1, max_size=20)),
        slot_id=optional(st.integers(0, 2**64 - 1)),
        slot_manufacturer=optional(TEXT),
        slot_description=optional(TEXT),
        library_manufacturer=optional(TEXT),
        library_description=optional(TEXT),
        library_version=optional(VERSIONS),
        module_path=optional(TEXT),
        module_name=optional(TEXT.filter(lambda text: not set(text) & set("/\\"))),
        pin_source=optional(TEXT.filter(lambda text: not text.startswith("|"))),
    )
)
def test_what_is_written_is_read_back(uri):
    assert parse_uri(uri.to_text()) == uri
    shown = parse_uri(uri.without_query)
    assert shown == uri._replace(module_path=None, module_name=None, pin_source=None)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "token",
                "object",
                "id",
                "type",
                "slot-id",
                "module-path",
                "pin-source",
                "pin-value",
                "=",
                ";",
                "&",
                "?",
                "%",
                "%41",
                "private",
                "a",
                "|",
                " ",
                "/",
                "版",
            ]
        ),
        max_size=15,
    ).map("".join)
)
def test_anything_is_read_or_refused(text):
    try:
        uri = parse_uri("pkcs11:" + text)
    except OtaError as error:
        assert error.remedy
    else:
        assert parse_uri(uri.to_text()) == uri
