"""Runs Debian's compilers for their stand-ins under Wine (compiler.c), which cannot start a program of Linux's themselves."""

from __future__ import annotations

import re
import secrets
import socketserver
import subprocess
import threading

from wine import COMPILERS, Wine

DRIVE = re.compile(r"([A-Za-z]):(?=[\\/])")


class CompilerServer(socketserver.ThreadingTCPServer):
    """Listens on a loopback port, which it writes beside the stand-ins, until it is left."""

    daemon_threads = True

    def __init__(self, wine: Wine) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.wine = wine
        self.password = secrets.token_hex(16)
        wine.server_file.touch(0o600)
        wine.server_file.write_text(f"{self.server_address[1]} {self.password}\n", encoding="ascii")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self.wine.server_file.unlink()

    def native(self, argument: str) -> str:
        """Turn Windows' paths in a compiler's argument into Linux's; macros stay as they are."""
        if argument.startswith("-D"):
            return argument
        return DRIVE.sub(lambda drive: self.wine.root(drive[1]), argument).replace("\\", "/")


class _Request(socketserver.StreamRequestHandler):
    server: CompilerServer

    def handle(self) -> None:
        password, name, folder, count, rest = self.rfile.read().split(b"\0", 4)
        if not secrets.compare_digest(password.decode(), self.server.password):
            return
        *arguments, standard_input = rest.split(b"\0", int(count))
        tool = name.decode()
        if tool not in COMPILERS:
            return
        words = [self.server.native(argument.decode()) for argument in arguments]
        done = subprocess.run(
            [f"/usr/bin/{tool}", *words],
            cwd=self.server.native(folder.decode()),
            input=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.wfile.write(bytes([done.returncode & 0xFF]) + done.stdout)
