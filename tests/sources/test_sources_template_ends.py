"""Templates that call themselves, are nested without measure, or look around: each an error with its place, none a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aos_ota_plugin.errors import BuildError, SourceError
from aos_ota_plugin.sources.render import render_app
from aos_ota_plugin.sources.template_files import load_templates
from aos_ota_plugin.sources.template_set import Template
from aos_ota_plugin.sources.values import AppValues, Kv

KV = AppValues("app-1.2.3", Kv())


def render(text: str, **others: str) -> str:
    names = {"otaappdemo.c.j2": text, **{f"{name}.j2": other for name, other in others.items()}}
    return render_app(
        KV, templates={name: Template(body, f"s/templates/{name}") for name, body in names.items()}
    ).decode()


DEEP = 3000
# Of what stands deeper than Python's 1000 calls, some is refused by Jinja's parser, some by Python's compiler.
CALLS = "the template calls or includes itself without end, or is nested too deeply"
NESTED = "{% set n = namespace(x=[]) %}{% for a in range(90000) %}{% set n.x = [n.x] %}{% endfor %}"
ENDS = {
    "a macro": ("{% macro a() %}{{ a() }}{% endmacro %}\n{{ a() }}", CALLS),
    "two macros": ("{% macro a() %}{{ b() }}{% endmacro %}\n{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", CALLS),
    "a macro's caller": ("{% macro a() %}{% call a() %}{% endcall %}{{ caller() }}{% endmacro %}{{ a() }}", CALLS),
    "an inclusion": ("{% include 'otaappdemo.c.j2' %}", CALLS),
    "two inclusions": ("{% include 'other.j2' %}", CALLS),
    "an import": ("{% import 'otaappdemo.c.j2' as x %}", CALLS),
    "what it extends": ("{% extends 'otaappdemo.c.j2' %}", CALLS),
    "a block": ("{% block a %}{{ self.a() }}{% endblock %}", CALLS),
    "a loop": ("{% for a in range(9) recursive %}{{ loop(range(9)) }}{% endfor %}", CALLS),
    "filters in filters": (
        "{% set n = namespace(x=[1]) %}{% for a in range(50000) %}{% set n.x = n.x | map('abs') %}{% endfor %}{{ n.x | list }}",
        CALLS,
    ),
    "lists in lists, shown": (NESTED + "{{ n.x }}", CALLS),
    "lists in lists, compared": (
        "{% set n = namespace(x=[], y=[]) %}{% for a in range(90000) %}{% set n.x = [n.x] %}{% set n.y = [n.y] %}{% endfor %}{{ n.x == n.y }}",
        CALLS,
    ),
    "lists in lists, as JSON": (NESTED + "{{ n.x | tojson }}", CALLS),
    "brackets": ("{{ " + "(" * DEEP + "1" + ")" * DEEP + " }}", CALLS),
    "a written list": ("{{ " + "[" * DEEP + "]" * DEEP + " }}", CALLS),
    "nots": ("{{ " + "not " * DEEP + "1 }}", CALLS),
    "a sum": ("{{ " + "+".join("1" * DEEP) + " }}", CALLS),
    "a long sum": ("{{ " + "+".join("1" * 20_000) + " }}", CALLS),
    "filters": ("{{ 1" + "|abs" * DEEP + " }}", CALLS),
    "attributes": ("{{ version" + ".x" * DEEP + " }}", CALLS),
    "calls of calls": ("{{ version" + "()" * DEEP + " }}", CALLS),
    "conditions in conditions": ("{% if 1 %}" * DEEP + "{% endif %}" * DEEP, CALLS),
    "loops in loops": ("{% for a in [1] %}" * 50 + "{% endfor %}" * 50, "too many statically nested blocks"),
    "many elifs": ("{% if 0 %}" + "{% elif 0 %}" * 8_000 + "{% endif %}", "is too complex to be compiled"),
    "a long range": ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
    "nonsense text": ("{{ lipsum(n=1) }}", "'lipsum' is undefined"),
    "chance": ("{{ [1, 2] | random }}", "No filter named 'random'"),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_calls_itself_or_is_nested(name: str) -> None:
    text, says = ENDS[name]
    with pytest.raises(SourceError) as caught:
        render(text, other="{% include 'otaappdemo.c.j2' %}")
    assert says in caught.value.problem, caught.value.problem
    assert str(caught.value).startswith(("s/templates/otaappdemo.c.j2:", "s/templates/other.j2:1: "))
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["a macro", "an inclusion", "a loop"])
def test_the_line_that_calls_is_named(name: str) -> None:
    with pytest.raises(SourceError) as caught:
        render("\n\n" + ENDS[name][0])
    assert str(caught.value).startswith("s/templates/otaappdemo.c.j2:3: ")


@pytest.mark.programs
def test_none_of_them_ends_the_process() -> None:
    """In a thread with SCons' stack of 256 KiB, where the calls that Python allows have no room."""
    script = (
        "import sys, threading\n"
        "sys.path[:0] = [sys.argv[1]]\n"
        "import test_sources_template_ends as t\n"
        "def work():\n"
        "    for name in t.ENDS:\n"
        "        t.test_what_calls_itself_or_is_nested(name)\n"
        "    print('all of them')\n"
        "threading.stack_size(256 * 1024)\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "thread.join()\n"
        "assert threading.stack_size() == 256 * 1024\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, os.path.dirname(__file__)], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr[-2000:]) == (0, "all of them\n", "")


def test_calls_that_end_are_made() -> None:
    text = "{% macro a(n) %}{% if n %}{{ n }} {{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(30) }}"
    assert render(text).split()[-30:] == [str(n) for n in range(30, 0, -1)]
    tree = "{% for a in [[], [[], []]] recursive %}({{ loop(a) }}){% endfor %}"
    assert render(tree).endswith("()(()())")


def test_no_room_for_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(BuildError, match="the templates cannot be rendered: can't start new thread") as caught:
        render("x")
    assert caught.value.remedy


# what a template may look at: its values, and other templates of the set by their names
OUTSIDE = {
    "environment": "{{ self._TemplateReference__context.environment }}",
    "module": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals of a function": "{{ range.__globals__ }}",
    "globals of a macro": "{% macro m() %}{% endmacro %}{{ m.__call__ }}",
    "globals of ours": "{{ fail.__globals__['os'].environ }}",
    "cycler": "{{ cycler.__init__.__globals__.os.environ }}",
    "attr": "{{ '' | attr('__class__') }}",
    "map attr": "{{ ([''] | map(attribute='__class__') | first).x }}",
    "format map": "{{ '{0.__class__}'.format_map({'0': ''}) }}",
    "open": "{{ open('/etc/passwd').read() }}",
    "import": "{{ __import__('os').environ }}",
    "a file": '{% include "/etc/passwd" %}',
    "a file above": '{% include "../../../../../../etc/passwd" %}',
    "a secret beside": '{% include "../ota.secrets.yaml" %}',
    "import of a file": '{% import "../key.pem" as k %}',
    "extends a file": '{% extends "../key.pem" %}',
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOS_OTA_DEVICE_SECRET", "8f4a0c2e6b1d9375")
    with pytest.raises(SourceError) as caught:
        render(OUTSIDE[name])
    assert "8f4a0c2e6b1d9375" not in str(caught.value)


def test_what_templates_do_is_done() -> None:
    text = """{% macro line(name, value) %}#define {{ name | upper }} {{ value }}
{% endmacro %}
{% for n in range(3) %}{{ line("a" ~ n, "%02x" % n) }}{% if loop.last %}{{ loop.length }}{% endif %} {% endfor %}
{{ [3, 1] | sort | join(", ") }} {{ "a.b".split(".")[1:] }} {{ "x\ny" | indent(2) }} {{ "%s-%d" | format(version, 7) }}
{{ 2 ** 10 + 3 * 4 }} {{ "ab" * 2 }} {{ "a-b" | replace("-", "_") }} {{ "0x10" | int(base=16) }} {{ version[:3] }}
"""
    assert render(text).split("\n", 1)[1].split() == [
        "#define",
        "A0",
        "00",
        "#define",
        "A1",
        "01",
        "#define",
        "A2",
        "02",
        "3",
        "1,",
        "3",
        "['b']",
        "x",
        "y",
        "app-1.2.3-7",
        "1036",
        "abab",
        "a_b",
        "16",
        "app",
    ]


# --- the folder they are read from


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "方案 s" / "templates"
    path.mkdir(parents=True)
    (path.parent / "ota.secrets.yaml").write_text("device_secret: 8f4a0c2e6b1d9375\n", encoding="utf-8")
    return path


def test_a_template_that_is_too_large(folder: Path) -> None:
    with open(folder / "otaappdemo.c.j2", "wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(SourceError, match="this template cannot be read: it has more than 1048576 bytes"):
        load_templates(str(folder))


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("kind", ["dangling", "loop", "pipe", "device"])
def test_what_is_no_file(folder: Path, kind: str) -> None:
    path = folder / "otaappdemo.c.j2"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"dangling": "nowhere", "loop": path.name, "device": "/dev/zero"}[kind])
    with pytest.raises(SourceError, match="this template cannot be read: ") as caught:
        load_templates(str(folder))
    assert caught.value.remedy


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_to_folders_are_not_followed(folder: Path, tmp_path: Path) -> None:
    """A folder that holds itself, and one elsewhere."""
    (folder / "self").symlink_to(folder)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.j2").write_bytes(b"x")
    (folder / "away").symlink_to(tmp_path / "elsewhere")
    (folder / "otaappdemo.c.j2").write_bytes(b"mine")
    templates = load_templates(str(folder))
    assert templates["otaappdemo.c.j2"].text == "mine"
    assert not [name for name in templates if name.startswith(("self/", "away/"))]
