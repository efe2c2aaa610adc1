"""A Secret shows itself to nobody."""

from __future__ import annotations

import copy
import hashlib
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.keys.secret import Secret


@given(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary()))
def test_holds_the_value_and_hides_it(value):
    secret = Secret(value)
    assert secret.reveal() == (value.encode() if isinstance(value, str) else value)
    assert {repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret} == {"<secret>"}  # noqa: UP031


def test_is_not_in_a_log_record_or_an_exception(caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("t").info("%s %r", Secret("s3cret"), [Secret("s3cret")])
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(ValueError(Secret("s3cret")))


@given(st.binary(), st.binary())
def test_equality_is_by_value(one, other):
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) != one


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_cannot_be_pickled(protocol):
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret("s3cret"), protocol)


def test_copies_are_itself_and_it_has_no_hash():
    secret = Secret("s3cret")
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    with pytest.raises(TypeError):
        hash(secret)
    with pytest.raises(AttributeError):
        secret.other = 1


def test_fingerprint_is_pbkdf2_of_secret_and_context():
    expected = hashlib.pbkdf2_hmac("sha256", b"s3cret", b"aos-ota secret fingerprintdevice", 10_000).hex()
    assert Secret("s3cret").fingerprint("device") == expected
    assert Secret("s3cret").fingerprint("product") != expected
    assert Secret("s3cres").fingerprint("device") != expected
