"""``aos-ota story``."""

from __future__ import annotations

from pathlib import Path
from typing import List

import click

from aos_ota_plugin.children import unwind_on_signals
from aos_ota_plugin.cli.options import FOLDER
from aos_ota_plugin.cli.output import echo_note
from aos_ota_plugin.errors import ProofError
from aos_ota_plugin.lab.simulate.story import EXPECTED, Ends, tell_story


@click.command("story")
@click.argument("directory", default="build/story", type=FOLDER)
@click.option("--quiet", is_flag=True, help="Show the result only: no logs, and no output of `aos make`.")
def command(directory: str, quiet: bool) -> None:
    """Show a rollout over real protocols, with the logs of cloud and devices side by side.

    1.0.0 is built in DIRECTORY (default build/story) and flashed to three emulated devices. They connect to a cloud
    on this computer by MQTT over TLS. 1.0.1 is uploaded and pushed, to the first device, then to the others. Two
    download it by HTTPS, verify it, restart and report 1.0.1. The third has a firmware without a public key, and
    has to refuse.

    \b
    Example:
      aos-ota story
    """

    def say(who: str, line: str) -> None:
        if not quiet:
            click.echo(f"{who:>8} │ {line}")

    with unwind_on_signals():
        ends = tell_story(Path(directory).absolute(), quiet=quiet, say=say, note=echo_note)
    _judge(ends)


def _judge(ends: Ends) -> None:
    wrong: List[str] = []
    for name, expected in EXPECTED.items():
        seen = ends.get(name, ("no task", "no version"))
        good = seen == expected
        click.echo(
            f"{'ok' if good else 'FAILED'}: {name}: expected {' and '.join(expected)}; seen {' and '.join(seen)}"
        )
        wrong += [] if good else [name]
    if wrong:
        raise ProofError(
            f"the story ended otherwise than expected for {', '.join(wrong)}", remedy="the logs above say what happened"
        )
