"""The words of a command line, by the rules of both systems' shells."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.errors import BuildError
from aos_ota_plugin.scons.command_words import command_words, posix_words, windows_words

WORDS = st.lists(st.text(st.sampled_from("ab\\\"' \t=中\u3000/-$"), max_size=8), max_size=6)


@given(WORDS)
def test_words_come_back_as_they_were_quoted(words):
    assert windows_words(subprocess.list2cmdline(words)) == words
    assert posix_words(shlex.join(words)) == words


def test_a_quote_without_its_end():
    with pytest.raises(BuildError, match="an unclosed quote: cc -DA=") as caught:
        command_words('cc -DA="x')
    assert caught.value.remedy
    assert windows_words('cc "a b') == ["cc", "a b"]
