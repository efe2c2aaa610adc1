"""Templates that would fill the memory, run for ever, or look around: each an error with its file, none a wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aos_ota_plugin.errors import SourceError
from aos_ota_plugin.sources.render import render_app
from aos_ota_plugin.sources.template_files import load_templates
from aos_ota_plugin.sources.template_set import Template
from aos_ota_plugin.sources.values import AppValues, Kv

KV = AppValues("app-1.2.3", Kv())
FULL = "it makes more than 64 MiB, or goes round without end"


def render(text: str, **others: str) -> str:
    names = {"otaappdemo.c.j2": text, **{f"{name}.j2": other for name, other in others.items()}}
    return render_app(
        KV, templates={name: Template(body, f"s/templates/{name}") for name, body in names.items()}
    ).decode()


LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
GROWS = "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s = GROW %}{% endfor %}"
ENDLESS = {
    "range": ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
    "loops in loops": (LOOPS, FULL),
    "loops over text": (
        "{% for a in 'x' * 9999 %}{% for b in 'x' * 9999 %}{% for c in 'x' * 9999 %}a{% endfor %}{% endfor %}{% endfor %}",
        FULL,
    ),
    "macros that double": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        FULL,
    ),
    "a loop that calls itself": (
        "{% for a in range(9) recursive %}{{ loop(range(9)) }}{% endfor %}",
        "loops that call themselves",
    ),
    "times": ("{{ 'x' * 10**9 }}", FULL),
    "times, the other way": ("{{ 10**9 * 'x' }}", FULL),
    "a list": ("{% set a = [0] * 10**9 %}", FULL),
    "doubled by ~": (GROWS.replace("GROW", "n.s ~ n.s"), FULL),
    "doubled by +": (GROWS.replace("GROW", "n.s + n.s"), FULL),
    "doubled by a block": (
        "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set t %}{{ n.s }}{{ n.s }}{% endset %}{% set n.s = t %}{% endfor %}",
        FULL,
    ),
    "doubled by join": (GROWS.replace("GROW", "[n.s, n.s] | join"), FULL),
    "doubled by format": (GROWS.replace("GROW", "'%s%s' % (n.s, n.s)"), FULL),
    "doubled by the filter": (GROWS.replace("GROW", "'%s%s' | format(n.s, n.s)"), FULL),
    "doubled by replace": (GROWS.replace("GROW", "n.s | replace('x', 'xx')"), FULL),
    "kept slices": (
        "{% set s = 'x' * 8000000 %}{% set n = namespace(l=[]) %}{% for i in range(9999) %}{% set n.l = n.l + [s[1:]] %}{% endfor %}",
        FULL,
    ),
    "shown again and again": ("{% set s = 'x' * 1000000 %}" + "{{ s }}" * 100, FULL),
    "put together at once": ("{% set s = 'x' * 1000000 %}{{ " + " ~ ".join("s" * 100) + " }}", FULL),
    "mapped": ("{% set s = 'x' * 1000000 %}{{ range(9999) | map('replace', '1', s) | list | length }}", FULL),
    "a wide field": ("{{ '%1000000000d' % 1 }}", "a width of four digits"),
    "a field as wide as told": ("{{ '%*d' % (10**9, 1) }}", "a width of four digits, or one among the values"),
    "center": ("{{ 'x' | center(10**9) }}", "1000000000 is more than a filter can be told"),
    "indent": ("{{ 'x' | indent(10**9, true) }}", "1000000000 is more than a filter can be told"),
    "ljust": ("{{ 'x'.ljust(10**9) }}", "the method ljust is not for templates"),
    "join": ("{{ ','.join(['a']) }}", "the method join is not for templates"),
    "replace": ("{{ 'x'.replace('', 'y') }}", "the method replace is not for templates"),
    "format": ("{{ '{:1000000000}'.format(1) }}", "the method format is not for templates"),
    "power": ("{{ 9**9999 }}", "a number of more than 4096 bits"),
    "product": (
        "{% set n = namespace(i=9) %}{% for a in range(60) %}{% set n.i = n.i * n.i %}{% endfor %}",
        "a number of more than 4096 bits",
    ),
    "digits": ("{{ ('9' * 1000000) | int }}", "a number of more than 100 characters"),
    "nonsense text": ("{{ lipsum(n=10**6) }}", "'lipsum' is undefined"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end(name: str) -> None:
    text, says = ENDLESS[name]
    with pytest.raises(SourceError) as caught:
        render(text)
    assert says in caught.value.problem, caught.value.problem
    assert str(caught.value).startswith("s/templates/otaappdemo.c.j2:1: ")
    assert caught.value.remedy


def test_inclusions_that_double() -> None:
    parts = {f"t{n}": f'{{% include "t{n + 1}.j2" %}}{{% include "t{n + 1}.j2" %}}' for n in range(40)}
    with pytest.raises(SourceError, match=FULL):
        render('{% include "t0.j2" %}', **parts, t40="x")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
def test_none_of_them_takes_much_memory() -> None:
    script = (
        "import re, sys\n"
        "sys.path[:0] = [sys.argv[1]]\n"
        "import test_sources_template_bounds as t\n"
        "for name in t.ENDLESS:\n"
        "    t.test_what_has_no_end(name)\n"
        # Not ru_maxrss: that begins with what the process had that started this one.
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, os.path.dirname(__file__)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 400 << 10  # KiB


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
    "budget": "{{ self._TemplateReference__context.environment.budget }}",
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
