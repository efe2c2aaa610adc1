"""Secrets are searched for in everything that a verbose build prints, writes, keeps for a moment in a temporary folder
or passes on a command line. Only the identity's object and what is linked from it may hold them."""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import os
import secrets
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from secret_forms import forms, holding, tree_holding
from waiting import HANGS, until

pytestmark = pytest.mark.aos

# Each run has its own: what another one leaves on this machine at the same time is not ours.
DEVICE_SECRET = f"Zx9device{secrets.token_hex(6)}Kq4"
PRODUCT_SECRET = f"Wy3product{secrets.token_hex(6)}5Jm"
PASSPHRASE = f"Vt2 pass {secrets.token_hex(4)} & 7 words"
EMBEDDED = ("OTA_IDENTITY_EMBEDDED=y", "OTA_PRODUCT_KEY=a1b2c3d4e5f", "OTA_DEVICE_NAME=device-7")
MAY_HOLD = (
    "solutions/ota_demo/out/aos_ota_plugin/ota_identity.o",
    "solutions/ota_demo/aos_sdk/lib/libaos_ota_plugin.a",
    "solutions/ota_demo/out/ota_demo/aos.elf",
    "solutions/ota_demo/out/ota_demo@haas100.elf",
    "solutions/ota_demo/out/ota/haas100/ota_demo@haas100.elf",
    "solutions/ota_demo/out/ota/haas100/ota_rtos_ota.bin",
    "solutions/ota_demo/out/ota_demo@haas100.bin",
    "hardware/chip/haas1000/release/write_flash_gui/ota_bin/ota_rtos.bin",
    "hardware/chip/haas1000/release/write_flash_gui/ota_bin/ota_rtos_ota.bin",
)


# --- what to look for, and where


class Watch(threading.Thread):
    """Keeps what is only there for a moment: files in temporary folders, by a handle on each, and command lines.

    SCons gives compilers an environment of its own, without TMPDIR, so theirs is the system's.
    """

    SYSTEM = Path("/tmp")

    def __init__(self, temporary: Path) -> None:
        super().__init__(daemon=True)
        self.temporary = temporary
        temporary.mkdir()
        self.commands: set[bytes] = set()
        self.files: dict[str, bytes] = {}
        self._handles: dict[str, int] = {}
        self._old = {*os.listdir("/proc"), *(str(self.SYSTEM / name) for name in os.listdir(self.SYSTEM))}
        self._end = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()
        for path, handle in self._handles.items():
            # With the handle all that was written can be read after the file is deleted.
            with os.fdopen(handle, "rb") as stream:
                self.files[path] = stream.read()

    def run(self) -> None:
        while not self._end.is_set():
            for folder, _, names in os.walk(self.temporary):
                for name in names:
                    self._hold(os.path.join(folder, name))
            for name in os.listdir(self.SYSTEM):
                if str(self.SYSTEM / name) not in self._old:
                    self._hold(str(self.SYSTEM / name))
            for process in os.listdir("/proc"):
                if process.isdigit() and process not in self._old:
                    with contextlib.suppress(OSError):
                        self.commands.add(Path("/proc", process, "cmdline").read_bytes())
            # Compilers live for tens of these, and the processor is theirs meanwhile.
            self._end.wait(0.001)

    def holds(self, path: Path) -> bool:
        return str(path) in self._handles

    def _hold(self, path: str) -> None:
        if path not in self._handles:
            with contextlib.suppress(OSError):
                handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                if stat.S_ISREG(os.fstat(handle).st_mode):
                    self._handles[path] = handle
                else:
                    os.close(handle)


class Searched:
    """One build and all of its traces."""

    def __init__(self, workspace, folder, *arguments, env=None):
        folder.mkdir()
        (folder / "home").mkdir()
        self.workspace, self.folder = workspace, folder
        with Watch(folder / "tmp") as watch:
            self.result = workspace.make(
                "V=1", *arguments, env={**(env or {}), "TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home")}
            )
        self.commands, self.files = watch.commands, watch.files

    def succeeded(self):
        assert self.result.status == 0, self.result.output[-4000:]
        assert "arm-none-eabi-gcc -o out/" in self.result.output
        # The watch was awake: it saw compilers run, and assembler text of ordinary sources pass.
        assert [command for command in self.commands if b"/cc1\0" in command]
        assert [path for path, text in self.files.items() if path.endswith(".s") and b".cpu cortex-m33" in text]
        return self

    def traces(self, secret, *, but=()):
        """Where the secret is found, apart from the files that may hold it."""
        found = {
            f"the workspace: {path}": forms_found
            for path, forms_found in tree_holding(self.workspace.root, secret).items()
            if not any(fnmatch.fnmatch(path, pattern) for pattern in but)
        }
        found.update(
            {f"the folder: {path}": forms_found for path, forms_found in tree_holding(self.folder, secret).items()}
        )
        found.update(
            {
                f"for a moment: {path}": holding(data, secret)
                for path, data in self.files.items()
                if holding(data, secret)
            }
        )
        if holding(self.result.output.encode(), secret):
            found["the output"] = holding(self.result.output.encode(), secret)
        for command in self.commands:
            if holding(command, secret):
                found[f"a command: {command[:60]!r}…"] = holding(command, secret)
        return found


# --- the search itself


def test_the_search_finds_what_is_there(tmp_path):
    (tmp_path / "tree").mkdir()
    for form, needle in forms(DEVICE_SECRET).items():
        (tmp_path / "tree" / "file").write_bytes(b"before " + needle + b" after")
        assert form in tree_holding(tmp_path / "tree", DEVICE_SECRET)["file"]
    text = b"x" * 7 + DEVICE_SECRET.encode() + b"yz"
    for shift in range(3):
        assert holding(base64.b64encode(b"?" * shift + text), DEVICE_SECRET)
    assert holding(b"", DEVICE_SECRET) == []


def test_the_watch_finds_what_is_there_for_a_moment(tmp_path):
    path = tmp_path / "tmp" / "moment"
    program = (
        "import os, sys\n"
        f"path = {str(path)!r}\n"
        "stream = open(path, 'w')\nsys.stdin.read()\nstream.write(sys.argv[1])\nstream.close()\nos.remove(path)\n"
    )
    with Watch(tmp_path / "tmp") as watch:
        process = subprocess.Popen([sys.executable, "-c", program, DEVICE_SECRET], stdin=subprocess.PIPE)
        until(lambda: watch.holds(path) and any(DEVICE_SECRET.encode() in command for command in list(watch.commands)))
        process.communicate(timeout=HANGS)
    assert process.returncode == 0
    assert not path.exists()
    assert watch.files[str(path)] == DEVICE_SECRET.encode()


# --- an identity inside the firmware


def secrets_file(workspace, text):
    path = workspace.solution / "ota.secrets.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def from_both_sources(workspace):
    """One secret in the environment, which this returns, the other in a file."""
    secrets_file(workspace, f"product_secret: '{PRODUCT_SECRET}'\n")
    return {"AOS_OTA_DEVICE_SECRET": DEVICE_SECRET}


def test_embedded_identity(workspace, tmp_path):
    env = from_both_sources(workspace)
    may_hold = {DEVICE_SECRET: MAY_HOLD, PRODUCT_SECRET: (*MAY_HOLD, "solutions/ota_demo/ota.secrets.yaml")}
    # The vendor's product_secret stands in its other demo; with a place for it the firmware holds both.
    workspace.edit(
        workspace.solution / "otaappdemo.c",
        '    char *device_secret     = "";\n',
        '    char *device_secret     = "";\n    char *product_secret    = "";\n',
    )
    workspace.edit(
        workspace.solution / "otaappdemo.c",
        "    (void)param;\n    aiot_sysdep",
        "    printf(product_secret);\n    aiot_sysdep",
    )
    searched = Searched(workspace, tmp_path / "watched", *EMBEDDED, "OTA_PROVENANCE=y", env=env).succeeded()
    for secret in (DEVICE_SECRET, PRODUCT_SECRET):
        assert searched.traces(secret, but=may_hold[secret]) == {}
        assert set(tree_holding(workspace.root, secret)) == set(may_hold[secret])
    # Nobody else can open what holds a secret, nor anything that was built with it.
    holding = [workspace.root / name for name in {*MAY_HOLD, *may_hold[PRODUCT_SECRET]}]
    built = [path for folder in ("out", "aos_sdk") for path in (workspace.solution / folder).rglob("*")]
    files = {path for path in (*holding, *built) if path.is_file() and not path.is_symlink()}
    assert len(files) > len(holding) > 5
    assert [path for path in files if path.stat().st_mode & 0o077] == []

    # Again without a change, and then for another version: nothing more is known of it.
    for number, version in enumerate(("app-1.0.0", "app-1.0.1")):
        again = Searched(workspace, tmp_path / f"again {number}", *EMBEDDED, f"OTA_APP_VERSION={version}", env=env)
        assert again.result.status == 0, again.result.output
        assert [again.traces(secret, but=paths) for secret, paths in may_hold.items()] == [{}, {}]

    # Out of the firmware again: out of everything.
    (workspace.solution / "ota.secrets.yaml").unlink()
    workspace.made()
    assert [tree_holding(workspace.root, secret) for secret in (DEVICE_SECRET, PRODUCT_SECRET)] == [{}, {}]


def test_failing_compiler_does_not_show_what_it_compiled(built_workspace, tmp_path):
    """A template that breaks the identity's C text: the compiler quotes it, we must not."""
    workspace = built_workspace
    templates = workspace.solution / "templates"
    templates.mkdir()
    (templates / "ota_identity.c.j2").write_text(
        "{% include 'aos_ota_plugin/ota_identity.c.j2' %}\nint secret[sizeof({{ secrets.device_secret | c_string }}) == 1 ? 1 : -1];\n"
        "_Static_assert(0, {{ secrets.device_secret | c_string }});\n"
    )
    searched = Searched(workspace, tmp_path / "watched", *EMBEDDED, env={"AOS_OTA_DEVICE_SECRET": DEVICE_SECRET})
    assert searched.result.status != 0
    assert "the compiler refused the identity source" in searched.result.output
    assert "<secret>" in searched.result.output
    assert searched.traces(DEVICE_SECRET) == {}


# --- an identity in the KV partition, with the secret still in the shell


@pytest.mark.parametrize("source", ["environment", "ota.secrets.yaml"])
def test_identity_in_the_kv_partition_and_passphrase_of_the_signing_key(workspace, tmp_path, source):
    plain = workspace.key.read_bytes()
    encrypted = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-passout", f"pass:{PASSPHRASE}"], input=plain, check=True, capture_output=True
    ).stdout
    workspace.write_key(workspace.key, encrypted)
    texts = {"device_secret": DEVICE_SECRET, "product_secret": PRODUCT_SECRET, "key_passphrase": PASSPHRASE}
    env, may_hold = {f"AOS_OTA_{name.upper()}": text for name, text in texts.items()}, ()
    if source == "ota.secrets.yaml":
        env, may_hold = {}, ("solutions/ota_demo/ota.secrets.yaml",)
        secrets_file(workspace, "".join(f"{name}: '{text}'\n" for name, text in texts.items()))
    searched = Searched(workspace, tmp_path / "watched", env=env).succeeded()
    assert [searched.traces(text, but=may_hold) for text in texts.values()] == [{}, {}, {}]
    # Nor does the opened key come to lie anywhere: its private exponent, as PEM or as bytes.
    private = _private_numbers(plain)
    for path in [*workspace.root.rglob("*"), *(tmp_path / "watched").rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            assert plain.splitlines()[5] not in data, path
            assert not any(number in data for number in private), path


def _private_numbers(pem):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    numbers = load_pem_private_key(pem, None).private_numbers()
    return [
        number.to_bytes((number.bit_length() + 7) // 8, order)
        for number in (numbers.d, numbers.p, numbers.q)
        for order in ("big", "little")
    ]
