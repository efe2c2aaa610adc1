"""The demo's cJSON beside upstream's: of any text both make the same tree."""

from __future__ import annotations

import struct
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from waiting import HANGS

from aos_ota_plugin.lab.simulate.libraries import LIBRARIES, cache_folder, library_files
from aos_ota_plugin.workspace.component_files import package_folder

pytestmark = pytest.mark.native
DEMOS = package_folder() / "demo" / "workspace" / "components" / "cjson"


class Reader:
    """A program around one of the two, which answers text after text."""

    def __init__(self, program, source, include, *options):
        main = __file__.replace("test_cjson.py", "cjson_tree.c")
        subprocess.run(
            ["gcc", "-std=gnu11", *options, "-o", str(program), f"-I{include}", main, str(source)],
            check=True,
            timeout=HANGS,
        )
        self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, text, name=b"a"):
        """The tree, and the member of that name."""
        for part in (text, name):
            self._process.stdin.write(struct.pack("<I", len(part)) + part)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line.endswith(b"\n"), f"it ended with {self._process.wait(HANGS)}"
        return line

    def end(self):
        self._process.stdin.close()
        assert self._process.wait(HANGS) == 0
        self._process.stdout.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory, fetch):
    """The demo's and upstream's."""
    fetch(LIBRARIES)
    folder = tmp_path_factory.mktemp("树 和 树")
    for path, data in library_files(lambda text: None, cache_folder())["cjson"].items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    checks = ("-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    pair = (
        Reader(folder / "demos", DEMOS / "cJSON.c", DEMOS / "include", *checks),
        Reader(folder / "upstreams", folder / "cJSON.c", folder / "include"),
    )
    yield pair
    for reader in pair:
        reader.end()


SCALARS = b"null true false -1 0 -0 1.5 1e9 1E+400 -2147483649 2147483648 01 1.".split()
WORDS = [
    *(bytes([byte]) for byte in range(1, 256)),
    *SCALARS,
    *b'{ } [ ] : , " \\ tru "a" "A" "a":1 "A":2 "size" 0x1 +1 .5 1e'.split(),
    b"\xef\xbb\xbf",
    *rb"\u \u0041 \u0000 \ud83d\ude00 \ud83d \ude00 \u00e9 \u20ac \uzzzz \ud83d\u0041 \uD83D\uDE0 \" \\ \/ \b \f \n \r \t \x \u12".split(),
    *(b"7" * count for count in (62, 63, 64, 65)),
]
BARE = st.lists(st.sampled_from(WORDS), max_size=12).map(b"".join)
STRINGS = BARE.map(lambda inner: b'"' + inner + b'"')
VALUES = st.recursive(
    st.one_of(STRINGS, st.sampled_from(SCALARS), st.sampled_from(SCALARS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: b"[" + b" ,\n".join(items) + b"]"),
        st.lists(st.tuples(STRINGS | st.sampled_from([b'"a"', b'"A"', b'"\xc3\x89"']), inner), max_size=4).map(
            lambda members: b"{" + b",\x01".join(name + b"\t: " + value for name, value in members) + b"}"
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(
    text=st.one_of(BARE, VALUES, st.tuples(VALUES, BARE).map(b"".join)),
    name=st.sampled_from([b"a", b"A", b"", b"\xc3\xa9", b"ab"]),
)
@example(text=b'\xef\xbb\xbf{"a":1}', name=b"a")
@example(text=b"\xef\xbb\xbf1", name=b"a")
@example(text=b"\xef\xbb\xbf", name=b"a")
@example(text=b'{"A":1,"a":2}', name=b"a")
@example(text=b'{"a":1} text behind it', name=b"a")
@example(text=b'{"a":"line\nfeed"}', name=b"a")
@example(text=b'["\\u4e2d\\ud83d\\ude00"]', name=b"a")
@example(text=b'["\\u\\"abc"]', name=b"a")
@example(text=b'"a\\', name=b"a")
@example(text=b"[" + b"9" * 63 + b"]", name=b"a")
@example(text=b"[0." + b"1" * 61 + b"]", name=b"a")
@example(text=b"[0." + b"1" * 62 + b"]", name=b"a")
@example(text=b"[1.5e" + b"0" * 60 + b"1]", name=b"a")
@example(text=b"[-2147483648,-2147483649,2147483647,2147483648,1e400,-1e400]", name=b"a")
def test_same_tree(both, text, name):
    demos, upstreams = both
    assert demos.read(text, name) == upstreams.read(text, name)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [999, 1000, 1001, 100_000])
def test_nesting(both, opening, closing, depth):
    """The text's depth takes no stack, so that more than the limit is not JSON, and nothing worse."""
    text = opening * depth + b"1" + closing * depth
    demos, upstreams = (reader.read(text) for reader in both)
    assert demos == upstreams
    assert (demos == b"no JSON\n") is (depth > 1000)
    assert both[0].read(opening * depth) == b"no JSON\n"


def test_the_limit_is_one_of_depth(both):
    """Arrays beside each other count once."""
    text = b"[" + b"[]," * 2000 + b"{}]"
    assert both[0].read(text) == both[1].read(text) != b"no JSON\n"
