"""The pages of the documentation: their links lead somewhere, and the commands that they show exist, with their options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from aos_ota_plugin.cli.main import group

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {ROOT / "CHANGELOG.md"})  # it names former commands
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
each_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        yield re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def dead_links(page):
    """The links of a page that lead to no file, or to no heading in it."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match("https?://", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@each_page
def test_links_lead_somewhere(page):
    assert list(dead_links(page)) == []


def command_lines(text):
    """What a page shows of `aos-ota`, as words: in code spans, and in the lines of code blocks."""
    blocks = "\n".join(re.findall(r"```(?:sh|text)\n(.*?)```", text, re.DOTALL))
    lines = re.findall(r"^\s*(aos-ota .*)$", blocks.replace("\\\n", " "), re.MULTILINE)
    spans = re.findall(r"`(aos-ota [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [*spans, *lines]:
        # A comment, a description in a table, or a pipe ends the command.
        command = re.split(r"  +(?=[^-<])|[#|…&]|[(（]", line.replace("\n", " "))[0]
        yield shlex.split(command)[1:]


def unknown_words(words):
    """The words of a command line that are no command, or no option of it."""
    command, parents = group, []
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        parents.append(command)
        word, *words = words
        command = command.get_command(click.Context(command), word)
        if command is None:
            return [word]
    options = {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts}
    return [word for word in words if re.match("--?[a-z]", word) and word not in {*options, "--help", "-h"}]


@each_page
def test_commands_have_the_words_that_a_page_shows(page):
    lines = list(command_lines(page.read_text(encoding="utf-8")))
    assert [words for words in lines if unknown_words(words)] == []


def test_the_readmes_show_every_command():
    from aos_ota_plugin.verbs import verb_paths

    for name in ("README.md", "README.zh-CN.md"):
        (listed,) = re.findall(r"```text\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
        assert [path for path in verb_paths() if not re.search(rf"\b{path.split()[-1]}\b", listed)] == []


def test_slips_are_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One Two\n[a](#one-two) [b](#three) [c](none.md) `aos-ota sing x`\n", encoding="utf-8")
    assert list(dead_links(page)) == ["#three", "none.md"]
    text = "`aos-ota sing x` `aos-ota sign p --kee k`\n```sh\naos-ota cloud push 1 --all   # all\naos-ota cloud pull\n```\n"
    assert [unknown_words(words) for words in command_lines(text)] == [["sing"], ["--kee"], [], ["pull"]]
