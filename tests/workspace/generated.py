"""Strategies for whole small workspaces, as texts by path: what people write in package.yaml, and what they slip into."""

from __future__ import annotations

from typing import Dict

from hypothesis import strategies as st

COMPONENTS = ("ca", "cb", "cc", "cd", "ce")
BOARDS = ("b1", "b2")
CHIPS = ("k1", "k2")
NAMES = ("A", "B", "C", "WITH_X", "OTA_APP_VERSION", "OTA_OWN", "SW_VERSION")
KINDS = (
    "common",
    "common",
    "kernel",
    "drv_core",
    "drv_peripheral",
    "arch",
    "sdk",
    "dynamic",
    "document",
    "userspace_common",
)


def rarely(usual, odd, share=8):
    """``odd`` once in ``share`` times, else ``usual``."""
    return st.integers(0, share - 1).flatmap(lambda number: odd if number == share // 2 else usual)


def fatally(usual, odd):
    """``odd`` is something that aos-tools mostly ends with: so seldom that most workspaces have none of it."""
    return rarely(usual, odd, 150)


def one(*texts):
    return st.sampled_from(texts)


VALUES = rarely(
    one("1", "0", "y", "n", '"1"', "'y'", "app-1.0"),
    one(
        "",
        "~",
        "true",
        "1.10",
        "0x10",
        "[1, 2]",
        "{a: 1}",
        "'a #b'",
        "t",
        "1_000",
        "2020-01-01",
        "No",
        '"\\x79"',
        "!!str 1",
    ),
    3,
)
CONDITIONS = rarely(
    one("<A>", "<!A>", "<A, B>", "<WITH_X>", "<!C,A>"),
    one(
        "<,>",
        "<A,>",
        "A",
        "<A> ? <B>",
        "<>",
        "<CPU>",
        "<!BOARD>",
        "<__ARCH_ARM__>",
        "<!CPU0>",
        "< A , !B>",
        "<! A>",
        "<CA_SW_VERSION>",
        "<!CA_SW_VERSION>",
        "<!S_SW_VERSION>",
        "<cpu_num>",
        "<!compiler>",
    ),
    4,
)


@st.composite
def setting(draw):
    name = draw(rarely(st.sampled_from(NAMES), rarely(st.just("="), one("5", "yes", "1.0"))))
    quoted = draw(rarely(st.just(name), one(f'"{name}"', f"'{name}'")))
    return f"{quoted}{draw(rarely(st.just(': '), one(' : ', ':  ')))}{draw(VALUES)}".rstrip() + draw(
        rarely(st.just(""), one(" # 注", "  "))
    )


@st.composite
def def_config(draw):
    """The section (none, empty, doubled …), and what stands before it for its anchors."""
    form = draw(
        fatally(
            one(
                "plain",
                "plain",
                "plain",
                "merge",
                "merges",
                "list of merges",
                "alias",
                "empty",
                "twice",
                "other name",
                "flow",
                "both",
            ),
            st.just("list"),
        )
    )
    indent = " " * draw(rarely(st.just(2), one(1, 4)))
    lines = [indent + line for line in draw(st.lists(setting(), min_size=1, max_size=5))]
    body = "\n".join(lines)
    base = f"base: &base\n{body}\nmore: &more {{A: 1, OTA_OWN: x}}\n"
    own = "\n".join(indent + line for line in draw(st.lists(setting(), max_size=2)))
    return {
        "plain": f"def_config:\n{body}\n",
        "merge": f"{base}def_config:\n{indent}<<: *base\n{own}\n",
        "merges": f"{base}def_config:\n{indent}<<: *base\n{own}\n{indent}<<: *more\n",
        "list of merges": f"{base}def_config:\n{indent}<<: [*more, *base]\n{own}\n",
        "alias": f"{base}def_config: *base\n",
        "empty": draw(one("def_config:\n", "def_config: {}\n", "def_config: []\n", "def_config: ''\n", "")),
        "twice": f"def_config:\n{body}\ndef_config:\n{own}\n",
        "other name": f"defconfig:\n{body}\n",
        "flow": "def_config: {A: 1, 'B':0, C : y}\n",
        "both": f"defconfig:\n{body}\ndef_config:\n{own}\n",
        "list": "def_config:\n- A: 1\n",
    }[form]


@st.composite
def depends(draw, names):
    """A list of dependencies in one of its forms."""
    chosen = draw(st.lists(st.sampled_from(names), max_size=4))
    lines = []
    for name in chosen:
        text = draw(rarely(one("master", "master", "'v1'"), st.builds("m ? {}".format, CONDITIONS), 2))
        lines.append(
            draw(
                rarely(
                    st.just(f"- {name}: {text}"),
                    st.one_of(
                        one(f"- {name}", f"- {{{name}: m}}", f"- {name}: m\n  other: n", "-", "- 5", "- [x]"),
                        fatally(st.just(f"- '{name}' : v1"), one(f"- {name}: 1.0", f"- {name}:", "- {}")),
                    ),
                )
            )
        )
    form = draw(rarely(st.just("list"), fatally(one("indented", "mapping", "text", "twice"), st.just("number")), 12))
    listed = "depends:\n" + "\n".join(lines) + "\n"
    return {
        "list": listed if lines else draw(one("", "depends:\n", "depends: []\n")),
        "indented": "depends:\n" + "\n".join("    " + line.replace("\n", "\n    ") for line in lines) + "\n",
        "mapping": "depends:\n" + "".join(f"  {name}: m ? <A>\n" for name in dict.fromkeys(chosen)),
        "text": f"depends: {chosen[0] if chosen else ''}\n",
        "twice": listed + listed,
        "number": "depends: 5\n",
    }[form]


@st.composite
def package(draw, name, kind, section, listed, extra=""):
    """One package.yaml; ``section`` is its hardware's, ``listed`` its dependencies'."""
    title = draw(fatally(st.just(name), one(f"{name}x", f"'{name}'")))
    version = draw(
        rarely(st.just("version: v1\n"), one("", "version: 1.1\n", "version: 'v2'\n", "version: v1\nversion: v3\n"))
    )
    description = draw(fatally(st.just("description: 描述\n"), one("description:\n", "description: 5\n", "")))
    parts = [
        f"name: {title}\n",
        version,
        description,
        f"type: {kind}\n",
        section,
        listed,
        draw(def_config()),
        extra,
        draw(
            rarely(
                st.just(""),
                one(
                    "define: X=1 ? <A>\n",
                    "define:\n  TEST ? <A>\n",
                    "define: [A=1, {B: 2}]\n",
                    "define: {A: 1}\n",
                    "build_config:\n  define: A=1\n",
                    "build_config:\n    define:\n        - A=1\n        - B: 2\n",
                    "build_config: []\n",
                    "source_file:\n",
                    "cflag: >\n  -DA=1\n  -DB\n",
                    "keywords:\n- \n- a\n",
                    "a: &a [*a]\n",
                    "tag: 核心\ntag: x\n",
                    "# a\tb\n",
                    "5: x\n",
                    f"big: {'9' * 100}\n",
                    "export:\n  - dest: a\n    source: [b]\n",
                ),
                3,
            )
        ),
    ]
    if draw(st.booleans()):
        parts[4:] = draw(st.permutations(parts[4:])) if "&base" not in parts[6] else parts[4:]
    text = "".join(parts)
    return draw(rarely(st.just(text), one("\ufeff" + text, text.replace("\n", "\r\n"), "# 头\n" + text), 10))


def hardware(draw, fields, kinds=("hw_info",)):
    """A hardware section of these fields, in one of its forms."""
    usual = "".join(f"  {name}: {value}\n" for name, value in fields.items())
    key = draw(st.sampled_from(kinds))
    return draw(
        rarely(
            st.just(f"{key}:\n{usual}"),
            one(
                f"{key}: {{{', '.join(f'{name}: {value}' for name, value in fields.items())}}}\n",
                f"hw_info:\n  vendor_name: v\n{key}:\n{usual}",
                f"{key}:\n{usual}hw_info:\n",
            ),
            4,
        ).flatmap(lambda text: fatally(st.just(text), one(f"{key}:\n", "hw_info: []\n", "hw_info: text\n", "")))
    )


@st.composite
def workspaces(draw):
    """The files by path below the root, the solution ``s`` among them, and how the build is called."""
    everything = (*COMPONENTS, *COMPONENTS, *BOARDS, "gone", "s")
    files: Dict[str, str] = {draw(one(".aos", "kernel/rhino/package.yaml")): ""}
    for name in draw(st.lists(st.sampled_from(COMPONENTS), min_size=2, max_size=5, unique=True)):
        files[f"components/{name}/package.yaml"] = draw(
            package(name, draw(fatally(st.sampled_from(KINDS), one("chip", "nothing"))), "", draw(depends(everything)))
        )
    for name in CHIPS:
        fields = {
            "cpu_name": draw(rarely(st.just("cortex-m4"), one("M7.x", "e902"), 4)),
            "arch_name": draw(rarely(one("arm", "ARM"), fatally(one("csky", "''"), st.just("riscvx")))),
            "ld_script": "a.ld",
        }
        fields = draw(
            rarely(
                st.just(fields),
                one(
                    {**fields, "cpu_id": "cpu1"},
                    {**fields, "toolchain_prefix": "t", "toolchain_path": "/p"},
                    {"cpu0": "{cpu_name: e902, toolchain_prefix: inner}", "arch_name": "csky", "ld_script": "b.ld"},
                ),
                4,
            )
        )
        fields = draw(
            fatally(
                st.just(fields),
                one(
                    {"cpu_name": "x"},
                    {**fields, "ld_script": 5},
                    {**fields, "vendor_name": 5},
                    {"cpu0": "{cpu_name: m, ld_script: c.ld}", **fields},
                ),
            )
        )
        files[f"hardware/chip/{name}/package.yaml"] = draw(
            package(name, "chip", hardware(draw, fields, ("chip", "hw_info")), draw(depends(COMPONENTS[:2])))
        )
    for number, name in enumerate(BOARDS):
        chip = draw(fatally(st.just(CHIPS[number]), one("gone", "''", "ca")))
        fields = {
            "chip_name": chip,
            **draw(
                rarely(
                    st.just({}),
                    one({"cpu_id": "cpu0"}, {"vendor_name": "V"}, {"cpu_name": "c9"}, {"toolchain_path": "/b"}),
                    4,
                )
            ),
        }
        listed = draw(
            rarely(
                one(
                    f"depends: [{{{CHIPS[number]}: m}}, ca]\n",
                    f"depends:\n- {CHIPS[1 - number]}\n- {CHIPS[number]}: 'v'\n",
                ),
                depends((*COMPONENTS[:2], *CHIPS)),
            )
        )
        files[f"hardware/board/{name}/package.yaml"] = draw(
            package(name, "board", hardware(draw, fields, ("board", "hw_info")), listed)
        )
    board = draw(rarely(st.just("b1"), fatally(st.just("b2"), one("b3", "''", "ca"))))
    fields = {
        "board_name": board,
        **draw(
            rarely(
                st.just({}),
                one(
                    {"cpu_id": "cpu0"},
                    {"chip_name": "k1"},
                    {"cpu_name": "q", "ld_script": "s.ld"},
                    {"arch_name": "riscv", "cpu_name": "E902"},
                ),
                4,
            ).flatmap(lambda some: fatally(st.just(some), st.just({"arch_name": "mips"})))
        ),
    }
    needed = "".join(
        f"- {name}: m\n" for name in draw(rarely(one([board], ["b1", "b2"]), one(["b2"], []), 10)) if name != "''"
    )
    more = draw(depends(everything))
    # The board stands last, in a list or in another form that is doubled by it.
    listed = needed and (more + needed if more.startswith("depends:\n-") else "depends:\n" + needed)
    boards = draw(
        one("", "supported_boards:\n- b1: m\n- b2: m\n", "supported_boards: [b2, b1]\n", "supported_boards: {b2: m}\n")
    )
    files["solutions/s/package.yaml"] = draw(
        package("s", "solution", hardware(draw, fields, ("solution", "hw_info")), listed or more, boards)
    )
    if draw(fatally(st.just(False), st.just(True))):
        files["components/deep/er/ca/package.yaml"] = "name: ca\ndescription: d\ntype: common\n"
    arguments = draw(
        rarely(
            st.just([]),
            st.lists(st.tuples(st.sampled_from(NAMES[:4]), one("1", "0", "y", "007", "a b", "")), max_size=2),
            3,
        )
    )
    return files, draw(rarely(st.just(""), one("b1", "b2", "b2", "gone"), 6)), arguments
