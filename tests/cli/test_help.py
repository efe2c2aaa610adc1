"""The command's groups and families, what is said of a verb or an option that there is not, and what a start imports."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from aos_ota_plugin.cli.main import group
from aos_ota_plugin.verbs import FAMILIES, FORMER_OPTIONS, FORMER_VERBS, GROUPS, verb_paths


def run(*words):
    done = CliRunner().invoke(group, list(words), prog_name="aos-ota")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def command_of(path):
    """The click command behind a verb's path."""
    command = group
    for word in path.split():
        command = command.get_command(click.Context(command), word)
        assert command is not None, path
    return command


def test_help_is_in_groups():
    titles = [line[:-1] for line in run("--help").output.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles == ["Options", "Build and release", "Keys", "Tools", "Cloud", "Lab"]
    assert list(GROUPS) == titles[1:]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_lists_its_verbs(family):
    for words in ((family, "--help"), (family,)):
        listed = run(*words).output.partition("Commands:\n")[2]
        assert [line.split()[0] for line in listed.splitlines() if line[2:3].strip()] == list(FAMILIES[family])


@pytest.mark.parametrize("path", verb_paths())
def test_every_verb_is_there_under_its_name(path):
    assert command_of(path).name == path.split()[-1]
    assert f"aos-ota {path}" in run(*path.split(), "--help").output


@pytest.mark.parametrize(("typed", "now"), FORMER_VERBS.items())
def test_a_former_name_is_answered_with_todays(typed, now):
    done = run(typed, "x")
    assert done.exit_code == 2
    assert f"No such command '{typed}'. Did you mean `aos-ota {now}`?" in done.output
    assert now in verb_paths()


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["signn"], "`aos-ota sign`"),
        (["verify-relase"], "`aos-ota verify-release`"),
        (["regster"], "`aos-ota cloud register`"),
        (["clod"], "`aos-ota cloud`"),
        (["cloud", "pus"], "`aos-ota cloud push`"),
        (["pack", "image"], "`aos-ota pack images`"),
    ],
)
def test_a_slip_is_answered_with_what_is_near(words, meant):
    done = run(*words)
    assert done.exit_code == 2
    assert f"No such command {words[-1]!r}. Did you mean " in done.output
    assert meant in done.output


def test_a_word_that_is_near_to_nothing():
    assert "No such command 'frobnicate'.\n" in run("frobnicate").output
    assert "`aos-ota cloud` has run, register, upload, push, status, cancel." in run("cloud", "build/mine").output


@pytest.mark.parametrize(
    ("path", "option"), [(path, option) for path, all_ in FORMER_OPTIONS.items() for option in all_]
)
def test_a_former_option_is_answered_with_todays(path, option):
    done = run(*path.split(), option)
    assert done.exit_code == 2
    assert f"No such option: {option}. Did you mean {FORMER_OPTIONS[path][option]}?" in done.output
    words = FORMER_OPTIONS[path][option].split()
    if words[0] == "aos-ota":  # then what is meant is there
        named = [word for word in words[1:] if word.startswith("-")]
        target = command_of(" ".join(word for word in words[1:] if word not in named))
        assert {*named} <= {name for parameter in target.params for name in parameter.opts}


def test_a_slip_in_an_option():
    said = run("sign", "x", "--alow", "new-key").output
    assert "--alow" in said  # in click's own words
    assert "Did you mean one of: " in said
    assert "--allow" in said


def test_sign_has_twelve_options_at_most():
    options = [one for one in command_of("sign").params if isinstance(one, click.Option)]
    assert len(options) <= 12, [one.name for one in options]


def test_help_imports_no_verb():
    script = (
        "import sys\nfrom aos_ota_plugin.cli.main import group\n"
        "for words in (['--help'], ['cloud', '--help'], ['nothing']):\n"
        "    try:\n        group.main(words, prog_name='aos-ota')\n    except SystemExit:\n        pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('aos_ota_plugin.')), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = ["aos_ota_plugin.cli", "aos_ota_plugin.cli.main", "aos_ota_plugin.console"]
    modules += ["aos_ota_plugin.console.streams", "aos_ota_plugin.errors", "aos_ota_plugin.verbs"]
    assert done.stderr.splitlines()[-1] == str(modules)
