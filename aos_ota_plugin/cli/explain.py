"""``aos-ota explain``."""

from __future__ import annotations

import re
from typing import List, Optional, Sequence, Tuple

import click

from aos_ota_plugin.cli.options import json_option
from aos_ota_plugin.cli.output import echo_json, echo_table
from aos_ota_plugin.device.codes import step_text, with_name
from aos_ota_plugin.device.explain import LANGUAGES, Explanation, explanations, find, labels, nearest, speakers


class _WithCodes(click.Command):
    """A command whose argument may be a negative number."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Put negative numbers behind ``--``, so that they are no options."""
        numbers = [] if "--" in args else [word for word in args if re.fullmatch(r"-[0-9]+", word)]
        others = [word for word in args if word not in numbers]
        return super().parse_args(ctx, [*others, "--", *numbers] if numbers else args)


@click.command("explain", cls=_WithCodes)
@click.argument("what", required=False)
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language.  [default: that of the system]")
@json_option()
def command(what: Optional[str], lang: Optional[str], as_json: bool) -> None:
    """Explain an error code of a device, and what to look at; without WHAT list all codes.

    WHAT is a code (-12), a name in any case (OTA_VERIFY_RSA_FAIL), its end (rsa_fail), or the text of a failure's
    report ("OTA verfiy RSA failed", as the vendor's agent spells it). A number may be a code of the agent, a
    reported step and a code of the second boot stage: each is shown.

    \b
    Example:
      aos-ota explain -12
      aos-ota explain rsa_fail --lang zh
    """
    if lang is None:
        from aos_ota_plugin.console.language import language

        lang = language()
    known = explanations(lang)
    found = known if what is None else find(what, known)
    if not found:
        names = " or ".join(nearest(str(what), known))
        meant = f"Did you mean {names}?" if names else "`aos-ota explain` lists all codes and names."
        raise click.UsageError(f"{what!r} is no code, name or end of a single name. {meant}")
    if as_json:
        echo_json({"language": lang, "codes": [one.to_document() for one in found]})
        return
    for speaker in dict.fromkeys(one.speaker for one in found):
        _show(speaker, [one for one in found if one.speaker == speaker], lang, brief=what is None)


def _show(speaker: str, found: Sequence[Explanation], lang: str, *, brief: bool) -> None:
    words, who = labels(lang), speakers(lang)[speaker]
    click.echo(f"{who.title}\n  {words['seen']}{who.seen}\n")
    if brief:
        headings = tuple(words[name] for name in ("code", "name", "meaning"))
        echo_table(headings, [(_number(one), one.name, one.meaning) for one in found])
        click.echo()
        return
    for one in found:
        click.echo(f"{_number(one)} {one.name}".lstrip() + f"\n  {one.meaning}")
        for label, text in _reports(one):
            click.echo(f"  {words[label]}{text}")
        click.echo(f"  {words['look_at']}")
        for number, step in enumerate(one.look_at, 1):
            click.echo(f"    {number}. {step}")
        click.echo()


def _number(one: Explanation) -> str:
    return "" if one.code is None else str(one.code)


def _reports(one: Explanation) -> List[Tuple[str, str]]:
    """Return the lines on how a code is reported, or for which codes a step stands, each with its label."""
    lines = []
    if one.step is not None:
        lines.append(("reported", f'{step_text(one.step)}, "{one.desc}"'))
    if one.stands_for:
        lines.append(("stands_for", ", ".join(with_name(code) for code in one.stands_for)))
    return lines
