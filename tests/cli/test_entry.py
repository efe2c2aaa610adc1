"""The console script ends at once, and still says truly how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

ENTRY = "from aos_ota_plugin.cli.entry import entry; entry()"


def run(*arguments, code=ENTRY, **options):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "out", "err"),
    [
        (["--version"], 0, "aos-ota, version", ""),
        (["info", "nowhere.bin"], 1, "", "aos-ota: error: "),
        (["sign"], 2, "", "Usage: aos-ota sign"),
        (["sgin"], 2, "", "sgin"),
    ],
)
def test_status_and_streams(tmp_path, arguments, status, out, err):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == status
    assert out in done.stdout
    assert err in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_registered_for_the_end_still_runs():
    done = run("--version", code=f"import atexit; atexit.register(print, 'at the end'); {ENTRY}")
    assert done.returncode == 0
    assert done.stdout.endswith("at the end\n")


def test_a_fault_of_ours_says_where_it_is_and_nothing_else():
    done = run(
        "--version", code=f"import aos_ota_plugin.cli.main as m; m.group.main = lambda **_: int('s3cret'); {ENTRY}"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("aos-ota: internal error: ValueError\n    at cli/main.py:")
    assert " in main\n" in done.stderr
    assert "\n  fix: this is a fault of aos_ota_plugin; please report" in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_that_is_not_installed_is_named():
    code = f"import aos_ota_plugin.cli.main as m; m.group.main = lambda **_: __import__('filelock_x'); {ENTRY}"
    done = run("--version", code=code)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"aos-ota: error: the Python that runs this ({sys.executable}) lacks the module filelock_x\n"
    )
    assert f'\n  fix: "{sys.executable}" -m pip install "' in done.stderr
    assert "fault of aos_ota_plugin" not in done.stderr


def test_a_fault_outside_of_the_command_says_no_more():
    code = (
        "import aos_ota_plugin.cli.main as m\ndef fail():\n    raise BaseException('s3cret')\nm.main = fail\n" + ENTRY
    )
    done = run(code=code)
    assert done.returncode == 1
    assert "internal error: BaseException" in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a Linux device")
def test_output_that_does_not_arrive_is_no_success():
    late = f"import sys, aos_ota_plugin.cli.main as m; m.main = lambda: sys.stdout.write('a'); {ENTRY}"
    for code in (ENTRY, late):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(
                [sys.executable, "-c", code, "--help"], stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 1
        assert done.stderr.startswith(b"aos-ota: error: standard output: No space left on device\n  fix: make room")


def test_without_a_console():
    done = run("--version", code=f"import sys; sys.stdout = sys.stderr = None; {ENTRY}")
    assert done.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes it")
def test_a_product_for_a_closed_standard_output_is_an_error(tmp_path):
    def closed(*arguments):
        return subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", ENTRY, *arguments],
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
            cwd=tmp_path,
        )

    for name in ("old.bin", "p.bin"):
        (tmp_path / name).write_bytes(b"firmware" * 256)
    for words in (
        ["apply", "old.bin", "p.bin", "-o", "-"],
        ["sbom", "-C", "."],
        ["keygen", "-o", "密 钥.pem", "--json"],
        ["push-message", "old.bin", "--url", "https://host/f"],
        ["pack", "images", "-o", "pack.bin", "--json", "all=p.bin"],
    ):
        done = closed(*words)
        assert done.returncode == 1, words
        assert done.stderr.startswith("aos-ota: error: standard output is closed"), (words, done.stderr)
        assert "\n  fix: " in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["old.bin", "p.bin"]
    done = closed("keygen", "-o", "密 钥.pem")
    assert (done.returncode, done.stderr) == (0, "")
    assert "密 钥.pem" in os.listdir(tmp_path)


def test_json_is_json_on_a_pipe_that_is_not_utf_8(tmp_path):
    # Western Windows: ñ is no ASCII, and 密 and 😀 are not in it.
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    (tmp_path / "firmware.bin").write_bytes(b"firmware" * 256)
    key, image = "ñ密😀.pem", "ñ镜😀.bin"
    done = run("keygen", "-o", key, "--json", cwd=tmp_path, env=environment)
    assert json.loads(done.stdout)["private"] == key
    words = ("sign", "firmware.bin", "--key", key, "--version", "app-1.0.0", "-o", image, "--json")
    done = run(*words, cwd=tmp_path, env=environment)
    assert json.loads(done.stdout)["images"][0]["file"] == image
