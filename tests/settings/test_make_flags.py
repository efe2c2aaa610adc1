"""make's record of its command line, read as the real make writes it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aos_ota_plugin.settings.make_flags import command_line_variables

# Whatever an argument can hold; make's own signs, and what looks like its words, come often.
CHARACTERS = st.text(
    st.one_of(
        st.sampled_from(" \t\\$=:;'\"-#%()中"), st.characters(exclude_characters="\0", exclude_categories=("Cs",))
    )
)
PIECES = st.sampled_from(
    [" -- ", "OTA_X=1", "-j4", "--", "\\ ", "\\\\", "$$", "$(", "\n", " w", "a", "--jobserver-auth=3,4"]
)
VALUES = st.one_of(
    CHARACTERS, st.lists(PIECES, max_size=8).map("".join), st.text(st.sampled_from("\\$ \t"), max_size=12)
)
FLAGS = st.sampled_from(
    [
        "",
        "w",
        "kw",
        "-j2 --jobserver-auth=3,4",
        "w -j --jobserver-fds=3,4",
        "s -j8 --jobserver-auth=fifo:/tmp/a=b",
        "kw -Ix\\ y -l2.5 -Otarget --debug=b --eval=A=b\\ c",
        "--no-print-directory",
    ]
)


def written(word):
    """One word as make writes it (quote_for_env in its main.c)."""
    return "".join("\\" + sign if sign in " \t\\" else "$$" if sign == "$" else sign for sign in word)


@given(
    FLAGS,
    st.lists(st.tuples(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), st.sampled_from(["=", ":="]), VALUES)),
)
def test_what_make_writes_is_read_back(flags, variables):
    words = [written(f"{name}{sign}{value}") for name, sign, value in variables]
    assert command_line_variables(f"{flags} -- {' '.join(words)}") == [(name, value) for name, _, value in variables]


@given(st.lists(st.tuples(st.from_regex(r"[A-Z_]+", fullmatch=True), VALUES)))
def test_an_old_make_leaves_the_hyphens_out_where_it_has_no_flags(variables):
    words = [written(f"{name}={value}") for name, value in variables]
    # A value " -- " of such a make stands behind a backslash, and is no separator either.
    assert command_line_variables(" ".join(words)) == variables


@given(FLAGS)
def test_flags_are_no_variables(flags):
    assert command_line_variables(flags) == command_line_variables(flags + " -- ") == []


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    for name, _ in command_line_variables(text):
        assert "=" not in name


MAKEFILE = 'unexport\n{names}\nall:\n\t@printf %s "$$MAKEFLAGS" > record\n'


@pytest.fixture(scope="module")
def real_make(tmp_path_factory, require_tool):
    """``real_make(values, *flags)``: what the real make records of a command line K0=… K1=…."""
    require_tool("make", shutil.which("make") is not None, "apt-get install make")
    folder = tmp_path_factory.mktemp("make")

    def run(values, *flags, name="K{}=", environment=None):
        # Not exported: make would expand what looks like a call of its functions.
        names = "\n".join(f"unexport K{number}" for number in range(len(values)))
        (folder / "Makefile").write_text(MAKEFILE.format(names=names))
        arguments = [name.format(number) + value for number, value in enumerate(values)]
        subprocess.run(
            ["make", *flags, *arguments],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
            env={"PATH": os.environ["PATH"], **(environment or {})},
        )
        return (folder / "record").read_bytes().decode("utf-8", "surrogateescape")

    return run


@pytest.mark.programs
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(VALUES, min_size=1, max_size=60),
    st.sampled_from([(), ("-j2",), ("-k", "-w"), ("--no-print-directory", "-Ix y")]),
)
@example(
    [" -- OTA_X=1", "a b", "a\\ b", "$$$", "\\", "a\\", "中文 版本", "x\ny", "\t", "'\"", "a;id #", "$(error no)"], ()
)
def test_every_value_of_the_real_make_arrives(real_make, values, flags):
    """All but the blanks in front, which make takes away."""
    read = dict(command_line_variables(real_make(values, *flags)))
    assert read == {f"K{number}": value.lstrip(" \t\n\v\f\r") for number, value in enumerate(values)}


@pytest.mark.programs
@pytest.mark.parametrize("sign", [":=", "::=", " = ", "+=", "?="])
def test_other_ways_to_set_a_variable(real_make, sign):
    assert command_line_variables(real_make(["a b"], name="K{}" + sign)) == [("K0", "a b")]


@pytest.mark.programs
def test_a_make_above_hands_its_variables_down_and_a_nearer_one_wins(real_make):
    record = real_make(
        ["near"], "-j2", environment={"MAKEFLAGS": "w -j --jobserver-auth=3,4 -- K0=far L=a\\ b", "MAKELEVEL": "1"}
    )
    assert dict(command_line_variables(record)) == {"K0": "near", "L": "a b"}
