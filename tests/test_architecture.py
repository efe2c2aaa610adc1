"""The rooms know only those below them; heavy modules are imported where they are used; only the outer rooms print."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter

import pytest
from product_trees import PACKAGE, TREES

NAME = "aos_ota_plugin"

# What each room may import besides itself and the errors.
MAY_IMPORT = {
    "errors": set(),
    "process": set(),
    "verbs": set(),
    "printable": set(),
    "children": set(),
    "files": {"children"},
    "images": {"printable"},
    "sources": set(),
    "transport": set(),
    "console": set(),
    "programs": {"children"},
    "keys": {"programs"},
    "settings": {"device", "keys"},  # device.limits: how long a name may be; keys.secret: values that nobody sees
    "device": {"images", "keys"},
    "workspace": {"settings", "device"},  # device.payload_layout: what a chip's description says
    "protocol": {"device"},
    "provenance": {"keys"},
    "release": {"protocol", "settings", "keys", "images", "device"},
    "pipeline": {
        "children",
        "programs",
        "release",
        "provenance",
        "settings",
        "workspace",
        "keys",
        "sources",
        "images",
        "device",
    },
    "verify": {
        "children",
        "printable",
        "pipeline",
        "release",
        "protocol",
        "provenance",
        "settings",
        "workspace",
        "keys",
        "images",
        "device",
    },
    "cloud": {"children", "printable", "protocol", "release", "keys", "device"},
    "lab": {
        "children",
        "printable",
        "cloud",
        "transport",
        "release",
        "protocol",
        "settings",
        "workspace",
        "keys",
        "images",
        "device",
    },
    "scons": {
        "process",
        "verify",
        "pipeline",
        "release",
        "provenance",
        "console",
        "settings",
        "workspace",
        "keys",
        "sources",
        "images",
        "device",
    },
    "cli": {
        "process",
        "verbs",
        "printable",
        "children",
        "cloud",
        "lab",
        "verify",
        "pipeline",
        "release",
        "protocol",
        "provenance",
        "transport",
        "console",
        "settings",
        "workspace",
        "keys",
        "sources",
        "images",
        "device",
    },
    "demo": set(),
    "__main__": {"cli"},
    "__init__": set(),
}
HEAVY = {"cryptography", "jinja2", "rich", "kconfiglib", "menuconfig", "yaml", "elftools", "filelock", "pkcs11", "paho"}
BUILD_TOOLS = {"SCons", "aostools"}
# Each has to build something out of what it imports at the top: a command, a SCons builder.
FRAMEWORKS = {"cli": {"click"}, "scons": {"SCons"}}


def room(path):
    first = path.relative_to(PACKAGE).parts[0]
    return first[:-3] if first.endswith(".py") else first


def module_name(path):
    parts = [NAME, *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path, tree):
    """(node, absolute module name) of every import in a module, those inside functions too."""
    package = [NAME, *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield node, base
            if base == NAME:
                for alias in node.names:
                    yield node, f"{base}.{alias.name}"


def at_import_time(tree):
    """The nodes that run when the module is imported: not the bodies of functions, nor what only a type checker reads."""
    waiting = list(tree.body)
    for node in waiting:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        waiting.extend(child for child in ast.iter_child_nodes(node))


NAMES = {module_name(path) for path in TREES if path.name != "__init__.py"}


def test_every_room_is_in_the_table():
    assert {room(path) for path in TREES} <= set(MAY_IMPORT)
    assert len(TREES) > 50


def test_imports_point_one_way():
    def upwards(path, name):
        if name.split(".")[0] != NAME or name in {NAME, f"{NAME}.__version__"}:
            return False
        return name.split(".")[1] not in {room(path), "errors", "files"} | MAY_IMPORT[room(path)]

    assert [
        f"{path}:{node.lineno}: {room(path)} imports {name}"
        for path in TREES
        for node, name in imports(path, TREES[path])
        if upwards(path, name)
    ] == []


def test_the_table_has_no_circle():
    order = []
    while len(order) < len(MAY_IMPORT):
        free = [name for name, others in MAY_IMPORT.items() if name not in order and others <= set(order)]
        assert free, f"a circle among {set(MAY_IMPORT) - set(order)}"
        order += free


def modules_imported(path):
    """Modules of ours that a module imports, for type checking, too; a room's own __init__ is none."""
    for node, base in imports(path, TREES[path]):
        found = {base}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{base}.{alias.name}" for alias in node.names}
        yield from found & NAMES


def circles(graph):
    """Modules of a graph that are left when every one that imports nothing of the rest has been taken away."""
    left = {name: set(others) for name, others in graph.items()}
    while True:
        free = {name for name, others in left.items() if not others & set(left)}
        if not free:
            break
        left = {name: others for name, others in left.items() if name not in free}
    return left


def test_no_circle_between_files():
    graph = {module_name(path): set(modules_imported(path)) for path in TREES}
    assert sorted(circles(graph)) == []


def test_no_verb_imports_another():
    """Commands share cli/options.py, output.py and their like, and nothing that a command is made of."""
    verbs = {
        module_name(path)
        for path in TREES
        if room(path) == "cli" and "@click.command" in path.read_text(encoding="utf-8")
    }
    assert len(verbs) > 25
    for path in TREES:
        if module_name(path) in verbs:
            assert set(modules_imported(path)) & verbs == set(), path


def test_only_scons_knows_scons():
    assert [
        f"{path}:{node.lineno}: {name}"
        for path in TREES
        if room(path) != "scons"
        for node, name in imports(path, TREES[path])
        if name.split(".")[0] in BUILD_TOOLS
    ] == []


def test_no_heavy_module_is_imported_with_the_module():
    def light(path, name):
        top = name.split(".")[0]
        named = {NAME, "__future__", *FRAMEWORKS.get(room(path), ())}
        return top not in HEAVY and (top in named or top in sys.stdlib_module_names)

    for path, tree in TREES.items():
        early = set(map(id, at_import_time(tree)))
        assert [
            f"{path}:{node.lineno}: {name}"
            for node, name in imports(path, tree)
            if id(node) in early and not light(path, name)
        ] == []


def called_by(node):
    """What a call calls, as in the source; "" for other nodes, and for what is no name."""
    names, at = [], node.func if isinstance(node, ast.Call) else None
    while isinstance(at, ast.Attribute):
        names.insert(0, at.attr)
        at = at.value
    return ".".join([at.id, *names]) if isinstance(at, ast.Name) else ""


def printing(node):
    """A call that shows something to the user, or ends the program."""
    called = called_by(node)
    return called in {
        "print",
        "input",
        "exit",
        "quit",
        "sys.exit",
        "os._exit",
        "logging.getLogger",
        "warnings.warn",
    } or (called.startswith(("sys.stdout", "sys.stderr", "click.echo")))


def lines_with(is_wrong, paths):
    """Where these modules have a node of which ``is_wrong`` is true."""
    return [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path in paths
        for node in ast.walk(TREES[path])
        if is_wrong(node)
    ]


def test_only_the_outer_rooms_print():
    assert lines_with(printing, (path for path in TREES if room(path) not in {"cli", "scons", "__main__"})) == []


SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "eval", "exec"}


def test_programs_are_never_started_through_a_shell():
    def through_a_shell(node):
        if not isinstance(node, ast.Call):
            return False
        return called_by(node) in SHELLS or any(word.arg == "shell" for word in node.keywords)

    assert lines_with(through_a_shell, TREES) == []


WRITES = {
    "os": "chmod chown copy_file_range link makedirs mkdir mkfifo mknod open remove removedirs rename renames replace "
    "rmdir symlink truncate unlink utime write",
    "shutil": "chown copy copy2 copyfile copyfileobj copymode copystat copytree make_archive move rmtree unpack_archive",
    "tempfile": "NamedTemporaryFile SpooledTemporaryFile TemporaryDirectory TemporaryFile mkdtemp mkstemp mktemp",
}
PATH_WRITES = {
    "chmod",
    "hardlink_to",
    "mkdir",
    "rename",
    "rmdir",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
MAY_WRITE = {
    "files": "it is the room that writes",
    "lab": "a laboratory, never part of a build; its folders are its own",
    f"{NAME}.cloud.broker": "mosquitto's configuration, log and socket, in a temporary folder that ends with the broker",
}


def writing(node):
    """A call that changes files by other ways than the room ``files``, or the import of a function that does."""
    if isinstance(node, ast.ImportFrom):
        return bool({alias.name for alias in node.names} & {*WRITES.get(node.module or "", "").split()})
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    holder, _, name = called.rpartition(".")
    if holder in WRITES:
        return name in WRITES[holder].split()
    if name == "open":  # a function or a method of a path: which mode stands behind the path, or alone
        modes = [*node.args[0 if holder not in {"", "io"} else 1 :], *(word.value for word in node.keywords)]
        texts = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
        return any(set(text) <= set("rwaxbt+") and set(text) & set("wax+") for text in texts)
    if name == "replace":  # text.replace has two arguments
        return bool(holder) and len(node.args) == 1 and not node.keywords
    return bool(holder) and name in PATH_WRITES


def test_files_are_written_by_one_room():
    others = (path for path in TREES if not {room(path), module_name(path)} & set(MAY_WRITE))
    assert lines_with(writing, others) == []


def test_no_exception_is_left_over():
    for name in set(MAY_WRITE) - {"files", "lab"}:
        path = next(path for path in TREES if module_name(path) == name)
        assert any(map(writing, ast.walk(TREES[path])))


def test_the_single_steps_are_for_the_room_of_files():
    others = (path for path in TREES if room(path) != "files")
    assert [path for path in others if f"{NAME}.files.steps" in set(modules_imported(path))] == []


# Bounds on sizes, in lines. No build needs the laboratory, and the demo is an example workspace; a format's builder and parser
# may stand in one file of images/.
ROOM_MAX, FILE_MAX, FUNCTION_MAX = 2500, 350, 50
ROOMS_OF_ANY_SIZE = {"lab", "demo"}


def code_lines(text):
    """The lines of a module that are neither blank, nor comments, nor in a docstring."""
    told = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told |= set(range(node.lineno, node.end_lineno + 1))
    written = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}:
            written |= set(range(token.start[0], token.end[0] + 1)) if token.string else set()
    return len(written - told)


def test_no_room_is_too_large():
    sizes = Counter()
    for path in TREES:
        sizes[room(path)] += code_lines(path.read_text(encoding="utf-8"))
    assert {name: size for name, size in sizes.items() if size > ROOM_MAX and name not in ROOMS_OF_ANY_SIZE} == {}


def test_no_file_is_too_long():
    lines = {
        module_name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in TREES
        if room(path) not in {"demo", "images"}
    }
    assert {name: size for name, size in lines.items() if size > FILE_MAX} == {}


def test_no_function_is_too_long():
    assert [
        f"{path}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno >= FUNCTION_MAX
    ] == []


# Started on its own, each room's modules leave the heavy ones alone: what the source shows, measured.
@pytest.mark.parametrize(
    "name",
    [
        module_name(path)
        for path in TREES
        if room(path) in {"files", "release", "pipeline", "device", "keys", "sources"} and path.name == "__init__.py"
    ]
    + [f"{NAME}.pipeline.build", f"{NAME}.settings.resolve", f"{NAME}.workspace.solution", f"{NAME}.cli.main"],
)
def test_importing_it_is_cheap(name):
    script = f"import sys, {name}\nprint(sorted({HEAVY!r} & {{module.split('.')[0] for module in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the checks themselves


def test_circles_are_found():
    assert sorted(circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"e"}, "e": set()})) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("line", "writes"),
    [
        ("os.replace(a, b)", True),
        ("from os import unlink", True),
        ("shutil.rmtree(a)", True),
        ("tempfile.mkdtemp()", True),
        ("open(a, 'wb')", True),
        ("open(a, mode='a')", True),
        ("path.open('x')", True),
        ("path.write_text('')", True),
        ("path.replace(other)", True),
        ("path.unlink(missing_ok=True)", True),
        ("open('wax')", False),
        ("open(a, 'rb')", False),
        ("path.open('rb')", False),
        ("text.replace('a', 'b')", False),
        ("shutil.which('aos')", False),
        ("os.path.join(a, b)", False),
    ],
)
def test_writing_is_seen(line, writes):
    assert any(map(writing, ast.walk(ast.parse(line)))) is writes


def test_the_reader_of_imports_sees_them_all():
    path = PACKAGE / "release" / "made_up.py"
    tree = ast.parse(
        "import os.path\nfrom . import lock\nfrom ..keys import rsa\nfrom aos_ota_plugin import cli\n"
        "def f():\n    import yaml\nif TYPE_CHECKING:\n    import jinja2\ntry:\n    import rich\nexcept E:\n    pass\n"
        "class C:\n    import filelock\n"
    )
    found = {name: node for node, name in imports(path, tree)}
    assert set(found) == {
        "os.path",
        f"{NAME}.release",
        f"{NAME}.keys",
        NAME,
        f"{NAME}.cli",
        "yaml",
        "jinja2",
        "rich",
        "filelock",
    }
    early = set(map(id, at_import_time(tree)))
    assert {name for name, node in found.items() if id(node) not in early} == {"yaml", "jinja2"}


def test_lines_of_code_are_counted():
    text = '"""A module.\n\nMore of it."""\n\n# a comment\nx = (\n    1,\n\n)  # one more\n"""Told of x."""\ns = """a\nb"""\n'
    assert code_lines(text) == 5


def test_no_key_lies_in_the_checkout_but_those_of_the_tests():
    """A key that somebody made while trying a command must not travel with the project."""
    named = {path for kind in ("*.pem", "*.key", "*.p12", "*.pfx") for path in PACKAGE.parent.glob(kind)}
    inside = {path for kind in ("*.pem", "*.key") for path in PACKAGE.rglob(kind)}
    assert sorted(named | inside) == []
