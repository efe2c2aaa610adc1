"""A folder of SoftHSM2 tokens of a test's own."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path
from typing import Dict, Optional

PIN = f"Zq81 {secrets.token_hex(2)} pin"
"""Each run's and each worker's own: the tests that search all command lines for it see those of others, too."""
SO_PIN = "12345678"


class SoftHsm:
    """Tokens under ``root``; ``environ`` leads SoftHSM to them."""

    def __init__(self, root: Path, mechanisms: str = "ALL") -> None:
        self.root = root
        self.tokens = root / "tokens"
        self.tokens.mkdir(parents=True)
        config = root / "softhsm2.conf"
        config.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
            f"slots.mechanisms = {mechanisms}\n",
            encoding="utf-8",
        )
        self.environ = {"SOFTHSM2_CONF": str(config)}

    @property
    def module(self) -> str:
        """SoftHSM's module."""
        found = [
            path
            for path in (
                *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"),
                Path("/usr/lib/softhsm/libsofthsm2.so"),
                Path("/usr/local/lib/softhsm/libsofthsm2.so"),
            )
            if path.is_file()
        ]
        return str(found[0])

    def run(self, *command: object) -> str:
        """One of the tools; its output."""
        done = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def token(self, label: str = "OTA keys") -> None:
        """Make a token."""
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN)

    def bring(self, pem: Path, label: str, key_id: str, token: str = "OTA keys") -> None:
        """Put a private key, with its public half, on a token."""
        self.run("softhsm2-util", "--import", pem, "--token", token, "--label", label, "--id", key_id, "--pin", PIN)

    def tool(self, *arguments: str, token: str = "OTA keys", pin: Optional[str] = PIN) -> str:
        """OpenSC's pkcs11-tool on a token."""
        login = ["--login", "--pin", pin] if pin else []
        return self.run("pkcs11-tool", "--module", self.module, "--token-label", token, *login, *arguments)

    def env(self, pin: str = PIN) -> Dict[str, str]:
        """The environment of a user who knows the PIN."""
        return {**self.environ, "AOS_OTA_PKCS11_PIN": pin}
