"""Every command that is given a secret, going well, failing, and broken inside: it shows up nowhere but where it belongs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from secret_forms import holding, tree_holding

from aos_ota_plugin.keys.public import parse_public_key

KEYS = Path(__file__).parents[1] / "keys" / "data"
PASSPHRASE = "Vt2 pass 4 phrase & 7 words"
DEVICE_SECRET = "Zx9device7Secret8Kq4"
PIN = "739164825510"
SECRETS = {"AOS_OTA_KEY_PASSPHRASE": PASSPHRASE, "AOS_OTA_DEVICE_SECRET": DEVICE_SECRET, "AOS_OTA_PKCS11_PIN": PIN}
PACKAGE = """\
name: s
description: d
type: solution
solution:
  board_name: b
depends:
  - ota: master
  - b: master
def_config:
  OTA_APP_VERSION: app-1.0.0
  OTA_SIGNING_KEY: keys/k.pem
"""
TABLE = """hal_logic_partition_t hal_partitions[] = {
[HAL_PARTITION_APPLICATION] = { .partition_start_addr = 0x2000, .partition_length = 0x8000, }, };"""
SIGN = ("sign", "p.bin", "--key", "k.pem", "--version", "app-1.0.1", "-o", "out/image.bin")
MODULES = """modules:
  - {name: js, version: js-1.0.0, file: app.js, store_path: /data/app.js}
"""


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "文件 夹"
    (path / "solutions" / "s" / "keys").mkdir(parents=True)
    (path / ".aos").write_bytes(b"")
    solution = path / "solutions" / "s"
    (solution / "package.yaml").write_text(PACKAGE, encoding="utf-8")
    (path / "p.bin").write_bytes(random.Random(1).randbytes(5000))
    for name, text in (
        ("hardware/board/b", "name: b\ndescription: d\ntype: board\nhw_info: {chip_name: k}\ndepends: [k]\n"),
        ("hardware/chip/k", "name: k\ndescription: d\ntype: chip\nhw_info: {cpu_name: m, ld_script: a.ld}\n"),
        ("components/ota", "name: ota\ndescription: d\ntype: common\n"),
    ):
        (path / name).mkdir(parents=True)
        (path / name / "package.yaml").write_text(text, encoding="utf-8")
    (path / "table.c").write_text(TABLE, encoding="utf-8")
    subprocess.run(
        [
            "openssl",
            "pkcs8",
            "-topk8",
            "-in",
            KEYS / "private.pem",
            "-out",
            path / "k.pem",
            "-v2",
            "aes-256-cbc",
            "-passout",
            f"pass:{PASSPHRASE}",
        ],
        check=True,
    )
    (path / "plain.pem").write_bytes((KEYS / "private.pem").read_bytes())
    (path / "plain.pem").chmod(0o600)
    (path / "k.pem").chmod(0o600)
    fingerprint = parse_public_key((KEYS / "public.pem").read_bytes(), file="").fingerprint
    (path / "ota.keys.yaml").write_text(
        f"current:\n  fingerprint: {fingerprint}\n  public_key: {KEYS / 'public.pem'}\n", encoding="utf-8"
    )
    (solution / "keys" / "k.pem").write_bytes((path / "k.pem").read_bytes())
    (solution / "keys" / "k.pem").chmod(0o600)
    return path


# what is asked; exit status
COMMANDS = {
    "keygen": (("keygen", "-o", "new/k.pem"), 0),
    "keygen, taken": (("keygen", "-o", "k.pem"), 1),
    "sign": (SIGN, 0),
    "sign, xz": ((*SIGN, "--also", "xz", "--json"), 0),
    "sign, no such payload": (("sign", "none.bin", *SIGN[2:]), 1),
    "sign, token that is not there": ((*SIGN[:3], "pkcs11:token=none?module-path=/nowhere/x.so", *SIGN[4:]), 1),
    "sign, program": ((*SIGN[:3], "command:env", *SIGN[4:], "--key-ring", "ota.keys.yaml"), 1),
    "pack images": (("pack", "images", "--app", "p.bin", "--table", "table.c", "--key", "k.pem", "-o", "packed"), 0),
    "config": (("config", "-C", "solutions/s"), 0),
    "config, as JSON": (("config", "-C", "solutions/s", "--json"), 0),
    "doctor": (("doctor", "-C", "solutions/s"), None),
    "init": (("init", "solutions/s", "--component"), None),
    "report": (("report", "none.json"), 1),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_shows_or_writes_a_secret(run, folder, name):
    arguments, status = COMMANDS[name]
    done = run(*arguments, **SECRETS)
    assert status is None or done.returncode == status, done.stderr
    for secret in SECRETS.values():
        assert holding((done.stdout + done.stderr).encode(), secret) == []
        assert tree_holding(folder, secret) == {}


def test_push_message(run, folder):
    assert run(*SIGN, **SECRETS).returncode == 0
    done = run("push-message", "out/image.json", "--url", "https://h/i.bin", "--key", "k.pem", **SECRETS)
    assert "Traceback" not in done.stderr
    for secret in SECRETS.values():
        assert holding((done.stdout + done.stderr).encode(), secret) == []
        assert tree_holding(folder, secret) == {}


def test_a_wrong_passphrase_is_not_shown_either(run, folder):
    wrong = "Wrong3Phrase9Nobody"
    done = run(*SIGN, AOS_OTA_KEY_PASSPHRASE=wrong)
    assert done.returncode == 1
    assert "the passphrase does not open the private key" in done.stderr
    assert holding(done.stderr.encode(), wrong) == []
    assert not (folder / "out").exists()


def test_secrets_in_their_file_stay_there(run, folder):
    file = folder / "solutions" / "s" / "ota.secrets.yaml"
    file.write_text(
        f"device_secret: '{DEVICE_SECRET}'\nkey_passphrase: '{PASSPHRASE}'\nnonsense: 'x'\n", encoding="utf-8"
    )
    file.chmod(0o600)
    for arguments in (("config", "-C", "solutions/s"), ("doctor", "-C", "solutions/s")):
        done = run(*arguments)
        for secret in (DEVICE_SECRET, PASSPHRASE):
            assert holding((done.stdout + done.stderr).encode(), secret) == []
            assert set(tree_holding(folder, secret)) == {"solutions/s/ota.secrets.yaml"}


# --- broken inside, a secret at hand

BROKEN = textwrap.dedent("""\
    import sys
    import aos_ota_plugin.keys.signer as signer
    def load(data, *, file, passphrase):
        secret = passphrase().decode()
        {fault}
    signer.load_signer = load
    from aos_ota_plugin.cli.entry import entry
    entry()
    """)


def broken(folder, fault, *arguments):
    return subprocess.run(
        [sys.executable, "-c", BROKEN.replace("{fault}", fault), *(arguments or SIGN)],
        cwd=folder,
        text=True,
        encoding="utf-8",
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **SECRETS},
    )


@pytest.mark.parametrize(
    "fault",
    [
        "raise RuntimeError(f'cannot use {secret}')",
        "{}[secret]",
        "int(secret)",
        "raise ValueError({'key': secret})",
        "secret.encode('ascii').decode('utf-16') or int(secret)",
        "raise RuntimeError('a') from ValueError(secret)",
        "raise MemoryError(secret)",
        "exec(f'raise ValueError({secret!r})')",
        "[1 / 0 for part in secret]",
        "load(data, file=file, passphrase=passphrase)",
    ],
)
def test_a_fault_inside_shows_no_secret(folder, fault):
    done = broken(folder, fault)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(("aos-ota: internal error: ", "aos-ota: there is not enough memory"))
    assert "\n  fix: " in done.stderr
    for secret in SECRETS.values():
        assert holding(done.stderr.encode(), secret) == []
    assert not (folder / "out").exists()


@pytest.mark.skipif(os.name != "posix", reason="core dumps")
def test_no_core_is_dumped_with_a_secret_in_memory(folder):
    raised = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)\n"
    shown = "import os, resource; os.write(2, b'limit %d' % resource.getrlimit(resource.RLIMIT_CORE)[0]); os._exit(3)"
    done = subprocess.run(
        [sys.executable, "-c", raised + BROKEN.replace("{fault}", shown), *SIGN],
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, **SECRETS},
    )
    assert (done.returncode, done.stderr) == (3, "limit 0")
    crashed = broken(folder, "import os; os.abort()")
    assert crashed.returncode == -6
    assert [path.name for path in folder.rglob("core*")] == []
