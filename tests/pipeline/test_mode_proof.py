"""The security mode, read from what the compiler makes of the sources of the component ota."""

from __future__ import annotations

import os
import shutil

import pytest

from aos_ota_plugin.errors import BuildError, ProofError
from aos_ota_plugin.pipeline.mode_proof import (
    MACRO,
    Command,
    CompiledSource,
    ModeEvidence,
    check_source,
    judge_mode,
    preprocessing,
)
from aos_ota_plugin.sources.macro_uses import find_uses

GOOD = f'# 0 "<command-line>"\n#define {MACRO} 1\n# 1 "v.c"\nint a;\n'


def test_uses_have_their_places():
    text = (
        f'# 0 "<command-line>"\n#define {MACRO} 1\n#define {MACRO}_MORE 2\n# 1 "a.c"\nint a;\n'
        f'# 4 "in\\344\\270\\255.h" 1 3\n\n#undef {MACRO}\n#define {MACRO} 2 \r\n# 7 "a.c" 2\n  #  define {MACRO}(x) x\nx {MACRO}\n'
    )
    uses = [(use.kind, use.value, str(use.place)) for use in find_uses(text, MACRO)]
    assert uses == [("define", "1", "<command-line>"), ("undef", "", "in中.h:5"), ("define", "2", "in中.h:6")]


def test_the_command_preprocesses():
    command = ["gcc", "-o", "out/v.o", "-c", "-MP", "-MMD", "-MF", "x.d", "-Os", "-DA=1", "-I", "in c", "src/v.c"]
    assert preprocessing(command) == ["gcc", "-E", "-dD", "-Os", "-DA=1", "-I", "in c", "src/v.c"]


def test_sources_of_the_mode():
    check_source(GOOD, "local", "v.c")
    check_source('# 1 "v.c"\nint a;\n', "cloud", "v.c")
    check_source(f"#undef {MACRO}\n", "none", "v.c")  # there is nothing that it takes away


@pytest.mark.parametrize(
    ("security", "text", "says"),
    [
        ("local", GOOD + f'# 3 "deep/config.h" 1\n#undef {MACRO}\n', "deep/config.h:3: v.c is compiled without"),
        ("local", GOOD + f"#undef {MACRO}\n#define {MACRO} 1\n", "v.c:2: v.c is compiled without"),
        ("local", "int a;\n", "/w/v.c: v.c is not compiled with OTA_CONFIG_LOCAL_RSA as 1, once: it is not defined"),
        (
            "local",
            f'# 9 "c.h"\n#define {MACRO} 0\n',
            "c.h:9: v.c is not compiled with OTA_CONFIG_LOCAL_RSA as 1, once: it",
        ),
        ("local", f'# 9 "c.h"\n#define {MACRO}\n', "c.h:9: v.c is not"),
        ("local", GOOD + f"#define {MACRO} 1\n", "v.c:2: v.c is not compiled with OTA_CONFIG_LOCAL_RSA as 1, once"),
        ("cloud", GOOD, "/w/v.c: v.c is compiled with OTA_CONFIG_LOCAL_RSA, which is for local mode"),
        ("none", f'# 4 "c.h"\n#define {MACRO} 0\n', "c.h:4: v.c is compiled with"),
    ],
)
def test_sources_of_another_mode(security, text, says):
    with pytest.raises(ProofError) as caught:
        check_source(text, security, "/w/v.c")
    assert str(caught.value).startswith(says)
    assert caught.value.remedy


@pytest.fixture
def project(tmp_path):
    """Two sources, one of which names the macro, with their objects."""
    folder = tmp_path / "工 程"
    (folder / "in clude").mkdir(parents=True)
    (folder / "v.c").write_text(f'#include "config.h"\n#ifdef {MACRO}\nint check;\n#endif\n')
    (folder / "w.c").write_text("int other;\n")
    (folder / "in clude" / "config.h").write_text("")
    for name in ("v.o", "w.o"):
        (folder / name).write_bytes(b"o")
    calls = []

    def sources(*macros, compiler="cc"):
        def command(name):
            calls.append(name)
            words = (shutil.which(compiler) or compiler, "-o", "x.o", "-c", *macros, "-Iin clude", name)
            return Command(words, {"PATH": os.environ["PATH"]})

        return [
            CompiledSource(str(folder / f"{name}.c"), str(folder / f"{name}.o"), lambda name=name: command(f"{name}.c"))
            for name in "vw"
        ]

    return folder, sources, calls


def test_only_what_names_the_macro_is_preprocessed_and_only_when_an_object_changed(project):
    folder, sources, calls = project
    state = str(folder / "mode.json")
    expected = ModeEvidence("OTA_CONFIG_LOCAL_RSA is 1 in v.c")
    for _ in range(2):
        assert judge_mode(sources(f"-D{MACRO}=1"), "local", folder=str(folder), state=state) == expected
    assert calls == ["v.c"]
    (folder / "in clude" / "config.h").write_text(f"\n#undef {MACRO}\n")
    (folder / "v.o").write_bytes(b"another")
    with pytest.raises(ProofError, match=r"config\.h:2: v\.c is compiled without"):
        judge_mode(sources(f"-D{MACRO}=1"), "local", folder=str(folder), state=state)
    with pytest.raises(ProofError, match="is compiled without"):  # and it is not forgotten
        judge_mode(sources(f"-D{MACRO}=1"), "local", folder=str(folder), state=state)


def test_another_mode_is_judged_anew(project):
    folder, sources, calls = project
    state = str(folder / "mode.json")
    judge_mode(sources(f"-D{MACRO}=1"), "local", folder=str(folder), state=state)
    assert judge_mode(sources(), "cloud", folder=str(folder), state=state).passed == f"{MACRO} is not defined in v.c"
    (folder / "mode.json").write_text("[" * 100000)
    assert judge_mode(sources(), "cloud", folder=str(folder), state=state).passed
    assert calls == ["v.c"] * 3


def test_what_cannot_be_judged_says_why(project):
    folder, sources, _ = project
    assert judge_mode(None, "local", folder=str(folder), state=None).not_judged
    (folder / "v.c").write_text("int nothing;\n")
    reason = judge_mode(sources(), "local", folder=str(folder), state=None).not_judged
    assert reason == f"no source of the component ota names {MACRO}"


def test_what_cannot_be_preprocessed_ends_the_build(project):
    folder, sources, _ = project
    (folder / "in clude" / "config.h").unlink()
    with pytest.raises(BuildError, match="does not preprocess"):
        judge_mode(sources(), "local", folder=str(folder), state=None)
    with pytest.raises(BuildError, match="cannot preprocess"):
        judge_mode(sources(compiler="no-such-compiler"), "local", folder=str(folder), state=None)
    assembler = [CompiledSource(str(folder / "v.c"), str(folder / "v.o"), lambda: Command((), {}))]
    with pytest.raises(BuildError, match="neither C nor C"):
        judge_mode(assembler, "local", folder=str(folder), state=None)
