"""``aos-ota``: imports a verb's module when it is run, so that no command pays for another's."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Dict, List, Optional, Tuple

import click

from aos_ota_plugin import __version__
from aos_ota_plugin.console.streams import escape_unencodable, open_missing
from aos_ota_plugin.errors import OtaError
from aos_ota_plugin.verbs import FAMILIES, FORMER_OPTIONS, FORMER_VERBS, GROUPS, verb_paths

_PACKAGE = "aos_ota_plugin.cli"


class LazyGroup(click.Group):
    """Lists verbs from a table and imports a verb's module only when it runs."""

    def __init__(self, name: Optional[str] = None, *, sections: Dict[str, Dict[str, str]], **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.sections = sections
        self.family = ""
        """The words before the verb's own: "" at the top, "cloud " in that family."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        """Return the verbs in the order a newcomer needs them."""
        return [name for verbs in self.sections.values() for name in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Return the verb's own command, or None for an unknown one."""
        if cmd_name not in self.list_commands(ctx):
            return None
        if not self.family and cmd_name in FAMILIES:
            return _family(cmd_name)
        module = f"{self.family}{cmd_name}".replace(" ", "_").replace("-", "_")
        command = importlib.import_module(f"{_PACKAGE}.{module}").command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: List[str]
    ) -> Tuple[Optional[str], Optional[click.Command], List[str]]:
        """Find the verb that was typed. Raises UsageError: there is none; the message names what is nearest."""
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            raise click.UsageError(_unknown(self.family, args[0]), ctx)
        return args[0] if command else None, command, args[1:]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; an option that it had under another name is answered with that name."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            path = error.ctx.command_path.partition(" ")[2] if error.ctx else ""
            now = FORMER_OPTIONS.get(path, {}).get(error.option_name)
            if now is None:
                raise
            raise click.UsageError(f"No such option: {error.option_name}. Did you mean {now}?", error.ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line a verb, by group, without importing any."""
        for title, verbs in self.sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name, f"{text}: {', '.join(FAMILIES[name])}" if self._is_family(name) else text)
                        for name, text in verbs.items()
                    ]
                )

    def _is_family(self, name: str) -> bool:
        return not self.family and name in FAMILIES


def _family(name: str) -> LazyGroup:
    text = next(verbs[name] for verbs in GROUPS.values() if name in verbs)
    group = LazyGroup(name, sections={"Commands": FAMILIES[name]}, help=f"{text[0].upper()}{text[1:]}.")
    group.family = f"{name} "
    return group


def _unknown(family: str, typed: str) -> str:
    """Return the message for an unknown verb, with those that may be meant."""
    import difflib

    paths = list(verb_paths())
    former = FORMER_VERBS.get(typed) if not family else None
    last_words = {path.split(" ")[-1]: path for path in reversed(paths) if path.startswith(family)}
    names = [] if former else difflib.get_close_matches(typed, [*last_words, *FAMILIES], 3)
    meant = [former] if former else [last_words.get(name, name) for name in names]
    message = f"No such command {typed!r}."
    if meant:
        return f"{message} Did you mean {' or '.join(f'`aos-ota {path}`' for path in meant)}?"
    return f"{message} `aos-ota {family.strip()}` has {', '.join(FAMILIES[family.strip()])}." if family else message


@click.command(
    cls=LazyGroup,
    sections=GROUPS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`aos-ota COMMAND --help` shows a command's options and an example.",
)
@click.version_option(__version__, prog_name="aos-ota")
def group() -> None:
    """Make, sign and prove OTA images for AliOS Things.

    Exit status: 0 done or accepted, 1 refused or failed, 2 wrong usage.

    \b
    Example:
      aos-ota keygen -o keys/ota_key.pem
      aos-ota verify ota_rtos_ota.bin --elf out/ota_demo@haas100.elf
    """


def main(arguments: Optional[List[str]] = None) -> None:
    """Run the command; an error of ours is shown without a traceback and ends with status 1."""
    open_missing()
    escape_unencodable()  # a console that cannot show a character of a path must not end the command
    try:
        group.main(args=arguments, prog_name="aos-ota")
    except OtaError as error:
        from aos_ota_plugin.cli.output import echo_error

        echo_error(error)
        sys.exit(1)
    except Exception as error:  # a traceback's message may hold a secret
        from aos_ota_plugin.process import describe

        click.echo(f"aos-ota: {describe(error)}", err=True)
        sys.exit(1)
