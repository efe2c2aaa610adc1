"""What a device with a network meets in these tests: a broker, a server of images, certificates; all on 127.0.0.1."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from ports import free_port
from waiting import until

from aos_ota_plugin.lab.simulate.network import Identity

IDENTITY = Identity("a1SimProduct", "sim-device-1", "0123456789abcdef0123456789abcdef")
OF_DEVICE = f"{IDENTITY.product_key}/{IDENTITY.device_name}"
BROKER_NAME, SERVER_NAME = "broker.example", "ota.example"
CLOUD, VENDOR_CLOUD = "in cloud mode", "in cloud mode with the vendor's flaws"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


class Authority:
    """A root, and certificates of servers by it."""

    def __init__(self, key_pem: bytes = b"", pem: str = "") -> None:
        """A new one, or the one of this key and certificate."""
        if not key_pem:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            key_pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            pem = self._root(key).public_bytes(serialization.Encoding.PEM).decode("ascii")
        self.key_pem, self.pem = key_pem, pem
        self._key = serialization.load_pem_private_key(key_pem, None)
        self._name = x509.load_pem_x509_certificate(pem.encode("ascii")).subject

    @classmethod
    def of(cls, folder: Path) -> Authority:
        """The one in this folder, made where there is none."""
        key, certificate = folder / "ca.key", folder / "ca.pem"
        if certificate.exists():
            return cls(key.read_bytes(), certificate.read_text(encoding="ascii"))
        made = cls()
        key.write_bytes(made.key_pem)
        certificate.write_text(made.pem, encoding="ascii")
        return made

    @staticmethod
    def _root(key: rsa.RSAPrivateKey) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test root")])
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=900))
            .not_valid_after(now + datetime.timedelta(days=900))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )

    def server(self, folder: Path, name: str, *, days: Tuple[int, int] = (-1, 30), elliptic: bool = False) -> Path:
        """A file of key and certificate for that name, valid from and until so many days from now."""
        now = datetime.datetime.now(datetime.timezone.utc)
        key = ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 2048)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = folder / f"server-{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        path.chmod(0o600)
        return path


class Message(NamedTuple):
    topic: str
    data: dict


class Broker:
    """mosquitto, with a listener for devices (with TLS when it has a certificate) and one in the clear for the tests."""

    def __init__(self, folder: Path, certificate: Optional[Path] = None) -> None:
        self.folder, self.port, self.own_port = folder, free_port(), free_port()
        lines = [
            "allow_anonymous true",
            "persistence false",
            "user root",
            "log_dest none",
            f"listener {self.own_port} 127.0.0.1",
            f"listener {self.port} 127.0.0.1",
        ]
        if certificate is not None:
            lines += [f"certfile {certificate}", f"keyfile {certificate}"]
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.url = f"mqtt{'s' if certificate else ''}://{BROKER_NAME}:{self.port}"
        self._processes: List[subprocess.Popen] = []
        self.start()

    def start(self) -> None:
        assert MOSQUITTO
        self._output = self.folder / f"messages-{len(self._processes)}.txt"
        self._processes.append(
            subprocess.Popen(
                [MOSQUITTO, "-c", str(self._configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        until(lambda: _listens(self.own_port), "mosquitto does not listen")
        with self._output.open("wb") as stream:
            self._processes.append(
                subprocess.Popen(
                    [
                        "mosquitto_sub",
                        "-h",
                        "127.0.0.1",
                        "-p",
                        str(self.own_port),
                        "-v",
                        "-q",
                        "1",
                        "-t",
                        "/ota/device/#",
                    ],
                    stdout=stream,
                    stderr=subprocess.DEVNULL,
                )
            )

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait()

    def push(self, data: dict) -> None:
        message = json.dumps({"code": "1000", "message": "success", "data": data}, separators=(",", ":"))
        subprocess.run(
            [
                "mosquitto_pub",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.own_port),
                "-q",
                "1",
                "-t",
                f"/ota/device/upgrade/{OF_DEVICE}",
                "-m",
                message,
            ],
            check=True,
        )

    def messages(self) -> List[Message]:
        lines = self._output.read_text(encoding="utf-8").replace("\0", "").split("\n")[:-1]
        return [Message(topic, json.loads(text)) for topic, _, text in (line.partition(" ") for line in lines)]

    def versions(self) -> List[str]:
        return [
            message.data["params"]["version"]
            for message in self.messages()
            if message.topic == f"/ota/device/inform/{OF_DEVICE}"
        ]

    def steps(self) -> List[int]:
        return [
            int(message.data["params"]["step"])
            for message in self.messages()
            if message.topic == f"/ota/device/progress/{OF_DEVICE}"
        ]

    def wait_for_version(self, version: str) -> None:
        until(lambda: version in self.versions(), f"{version} was not reported")

    def wait_for_step(self, step: int) -> None:
        until(lambda: step in self.steps(), f"step {step} was not reported")


class Server:
    """One file by HTTP or HTTPS, in parts; every `cut_after` bytes the connection breaks, if that is given."""

    def __init__(
        self,
        image: bytes,
        certificate: Optional[Path] = None,
        *,
        cut_after: int = 0,
        status: int = 0,
        whole_only: bool = False,
        extra: str = "",
        slow: float = 0.0,
        port: int = 0,
    ) -> None:
        lab = self
        self.image, self.ranges, self.cuts_left = image, [], 3 if cut_after else 0
        self.stopped = False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                if certificate is not None:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(certificate)
                    self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()

            def do_GET(self) -> None:
                asked = self.headers.get("Range", "bytes=0-")
                lab.ranges.append((self.path, asked))
                start = 0 if whole_only else int(asked[len("bytes=") :].rstrip("-"))
                body = lab.image[start:]
                if status:
                    body = b""
                self.send_response(status or (200 if whole_only else 206))
                self.send_header("Content-Length", str(len(body)))
                if not whole_only:
                    self.send_header("Content-Range", f"bytes {start}-{len(lab.image) - 1}/{len(lab.image)}")
                if extra:
                    self.send_header(*extra.split(": "))
                self.end_headers()
                if cut_after and lab.cuts_left and len(body) > cut_after:
                    lab.cuts_left -= 1
                    body = body[:cut_after]
                for at in range(0, len(body), 8192):
                    if lab.stopped:
                        break
                    self.wfile.write(body[at : at + 8192])
                    time.sleep(slow)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads, allow_reuse_address = True, True

            def handle_error(self, request: object, client: object) -> None:
                pass  # who refuses a certificate ends the handshake

        port = port or free_port()
        self._server = Quiet(("127.0.0.1", port), Handler)
        self.port = port
        self.url = (
            f"http{'s' if certificate else ''}://{SERVER_NAME}:{port}/images/ota_rtos_ota.bin?Expires=1&Signature=a%2Bb"
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def offer(self, version: str) -> dict:
        return {
            "size": len(self.image),
            "version": version,
            "url": self.url,
            "signMethod": "SHA256",
            "sign": hashlib.sha256(self.image).hexdigest(),
        }

    def stop(self) -> None:
        self.stopped = True
        self._server.shutdown()
        self._server.server_close()


class RawServer:
    """Answers every request with the bytes at hand."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://{SERVER_NAME}:{self._socket.getsockname()[1]}/a.bin"
        self.answer = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                with contextlib.suppress(OSError):
                    connection.sendall(self.answer)

    def stop(self) -> None:
        self._socket.close()


class LoginBroker:
    """Takes one login after another, answers each with `answer`, and keeps what the device said."""

    def __init__(self, answer: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://{BROKER_NAME}:{self._socket.getsockname()[1]}"
        self.logins: List[Tuple[str, str, str]] = []
        self._answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.logins.append(self._login(connection))
                connection.sendall(bytes([0x20, 2, 0, self._answer]))
                connection.settimeout(2)
                try:
                    while connection.recv(4096):
                        pass
                except OSError:
                    pass

    @staticmethod
    def _login(connection: socket.socket) -> Tuple[str, str, str]:
        stream = connection.makefile("rb")
        assert stream.read(1) == b"\x10"
        length, shift = 0, 0
        while True:
            byte = stream.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        packet = stream.read(length)
        assert packet[:8] == b"\x00\x04MQTT\x04\xc2"
        texts, at = [], 10
        while at < length:
            end = at + 2 + int.from_bytes(packet[at : at + 2], "big")
            texts.append(packet[at + 2 : end].decode("utf-8"))
            at = end
        client, user, password = texts
        return client, user, password

    def stop(self) -> None:
        self._socket.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
