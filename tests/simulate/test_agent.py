"""The agent's reading of pushes, in both builds, and the messages that it sends: its C files, run on this machine."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from waiting import HANGS

from aos_ota_plugin.device.acceptance import DeviceVerdict
from aos_ota_plugin.device.codes import AGENT
from aos_ota_plugin.protocol.reports import failure_of, inform_message, progress_message
from aos_ota_plugin.workspace.component_files import package_folder

pytestmark = pytest.mark.native

PARSE, FAULT = -3, -100
MD5, SHA256 = "0A" * 16, "0B" * 32


class Taken(NamedTuple):
    """What the agent keeps of a push, and what it logs."""

    code: int
    size: int
    method: str
    url: bytes
    version: bytes
    sign: bytes
    module: bytes
    signature: bytes
    log: bytes


class Agent:
    """A program around the agent's files."""

    def __init__(self, program, *options):
        components = package_folder() / "demo" / "workspace" / "components"
        ota = components / "ota"
        transport = ota / "ota_agent" / "transport"
        subprocess.run(
            ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", *options]
            + ["-o", str(program), str(Path(__file__).parent / "agent_host.c"), str(ota / "hal" / "ota_hal_os.c")]
            + [f"-I{components / name / 'include'}" for name in ("ota", "cjson", "ulog", "osal_aos")]
            + [f"-I{ota / 'hal'}", str(components / "cjson" / "cJSON.c")]
            + [str(transport / name) for name in ("ota_push.c", "ota_push_vendor.c", "ota_report.c")],
            check=True,
            timeout=HANGS,
        )
        self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, kind, text, rest=""):
        self._process.stdin.write(f"{kind}{text.hex() or '-'} {rest}\n".encode("ascii"))
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer.endswith(b"\n"), f"it ended with {self._process.wait(HANGS)}"
        return answer.decode("ascii").split()

    def take(self, text):
        code, size, method, *texts = self.ask("p", text)
        return Taken(
            int(code),
            int(size),
            {"0": "", "1": "sha256", "2": "md5"}[method],
            *(b"" if one == "-" else bytes.fromhex(one) for one in texts),
        )

    def message(self, kind, text, rest):
        code, message = self.ask(kind, text, rest)
        return int(code), bytes.fromhex(message)

    def end(self):
        self._process.stdin.close()
        assert self._process.wait(HANGS) == 0
        self._process.stdout.close()


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    """The hardened build and the one with the vendor's flaws."""
    folder = tmp_path_factory.mktemp("代 理")
    pair = (Agent(folder / "hardened"), Agent(folder / "vendors", "-DDEMO_VENDOR_FLAWS"))
    yield pair
    for agent in pair:
        agent.end()


PLAIN = {"size": 1000, "version": "app-1.1.0", "url": "https://a/b", "signMethod": "SHA256", "sign": SHA256}


def push(message="success", **changes):
    """A push with other values; those that are ... are left out."""
    data = {key: value for key, value in {**PLAIN, **changes}.items() if value is not ...}
    return json.dumps({"message": message, "data": data}).encode()


OLD_PROTOCOL = {"signMethod": ..., "sign": ..., "md5": MD5}

# Each push, and the codes of the hardened build and of the one with the vendor's flaws.
PUSHES = [
    (push(), 0, 0),
    (b"no JSON", PARSE, PARSE),
    (b"[]", PARSE, PARSE),
    (b"{}", PARSE, PARSE),
    (push("failure"), PARSE, PARSE),
    (push("succes"), PARSE, PARSE),
    (push("success!"), PARSE, 0),
    (push(None), PARSE, FAULT),
    (push(7), PARSE, FAULT),
    (b'{"message":"success"}', PARSE, PARSE),
    (b'{"message":"success","data":"text"}', PARSE, PARSE),
    (push() + b" text behind it", 0, 0),
    (b"\xef\xbb\xbf" + push(), 0, 0),
    (push().replace(b'"message"', b'"MESSAGE"').replace(b'"url"', b'"URL"'), 0, 0),
    (push(url=...), PARSE, PARSE),
    (push(url=None), PARSE, FAULT),
    (push(url="u" * 255), 0, 0),
    (push(url="u" * 256), PARSE, 0),
    (push(version=...), PARSE, PARSE),
    (push(version=7), PARSE, FAULT),
    (push(version="v" * 63), 0, 0),
    (push(version="v" * 64), PARSE, 0),
    (push(module="m" * 32), 0, 0),
    (push(module="m" * 33), PARSE, 0),
    (push(module=None), PARSE, FAULT),
    (push(module=7), PARSE, FAULT),
    (push(signMethod="sha256"), 0, 0),
    (push(signMethod="Md5", sign=MD5), 0, 0),
    (push(signMethod="SHA256 "), PARSE, 0),
    (push(signMethod="sha256xyz"), PARSE, 0),
    (push(signMethod="md5x", sign=MD5), PARSE, 0),
    (push(signMethod="SHA1"), PARSE, PARSE),
    (push(signMethod=""), PARSE, PARSE),
    (push(signMethod=7), PARSE, FAULT),
    (push(signMethod=None), PARSE, FAULT),
    (push(sign=...), PARSE, PARSE),
    (push(sign=""), PARSE, PARSE),
    (push(sign=None), PARSE, FAULT),
    (push(sign="00"), PARSE, 0),
    (push(sign=SHA256 + "0"), PARSE, 0),
    (push(**OLD_PROTOCOL), 0, 0),
    (push(**{**OLD_PROTOCOL, "md5": ...}), PARSE, PARSE),
    (push(signMethod=..., sign=MD5), PARSE, PARSE),
    (push(size=...), PARSE, PARSE),
    (push(size="1000"), PARSE, 0),
    (push(size=True), PARSE, 0),
    (push(size=None), PARSE, 0),
    (push(size=0), PARSE, 0),
    (push(size=-5), PARSE, 0),
    (push(size=1e300), 0, 0),
    (push(digestsign=None), PARSE, FAULT),
    (push(digestsign=7), PARSE, FAULT),
    (push(digestsign="*"), PARSE, PARSE),
    (push(digestsign="A" * 1000), PARSE, PARSE),
    # What comes first counts: the vendor's device reads the version before the size, and the url before both.
    (push(url=None, size=...), PARSE, FAULT),
    (push(size=..., digestsign=None), PARSE, PARSE),
    (push(message="failure", url=None), PARSE, PARSE),
]


def test_what_each_build_takes(agents):
    for text, *codes in PUSHES:
        assert [agent.take(text).code for agent in agents] == codes, text


def test_what_a_fault_says(agents):
    log = agents[1].take(push(version=7)).log
    assert log == b"version is no text;device fault: a text is read where there is none;"
    assert not any(agents[0].take(text).code == FAULT for text, *_ in PUSHES)


def test_what_is_cut(agents):
    taken = agents[1].take(push(url="u" * 300, version="v" * 99, module="m" * 40, sign="ab" * 40))
    assert (taken.url, taken.version, taken.module) == (b"u" * 255, b"v" * 63, b"m" * 32)
    assert taken.sign == (b"AB" * 33)[:65]


@pytest.mark.parametrize("number", [0, 1], ids=["hardened", "vendor's flaws"])
def test_what_is_kept(agents, number):
    agent = agents[number]
    signature = bytes(range(1, 256)) + b"\0"
    taken = agent.take(push(digestsign=base64.b64encode(signature).decode(), module="panel"))
    assert taken[:8] == (0, 1000, "sha256", b"https://a/b", b"app-1.1.0", SHA256.encode(), b"panel", signature)
    assert agent.take(push()).module == b"default"
    old = agent.take(push(**OLD_PROTOCOL))
    assert (old.method, old.sign) == ("md5", MD5.encode())


@pytest.mark.parametrize(
    "size, kept", [(-5, 2**32 - 5), (1e300, 2**31 - 1), (-1e300, 2**31), ("1000", 0), (True, 1), (7.9, 7)]
)
def test_sizes_as_the_vendors_device_reads_them(agents, size, kept):
    assert agents[1].take(push(size=size)).size == kept


WHOLE = base64.b64encode(b"\x01" * 256).decode()


@pytest.mark.parametrize(
    "text, hardened, vendors",
    [
        ("", b"", b""),
        ("A", None, b""),
        ("AAAA", b"", b""),
        ("==", None, b""),
        ("=", None, b""),
        ("===", None, None),
        ("A=B=", None, None),
        ("AAAAAAA", None, b""),
        ("AQID", b"\x01\x02\x03", b"\x01\x02\x03"),
        ("AQI=", b"\x01\x02", b"\x01\x02"),
        ("AQ==", b"\x01", b"\x01"),
        ("AQI", None, b""),
        ("AQIDAQ", None, b"\x01\x02\x03"),
        ("A\nQ\r\nI\nD", None, b"\x01\x02\x03"),
        ("AQ\rID", None, None),
        ("AQID\r", None, None),
        ("AQ ID", None, None),
        ("é===", None, None),
        (WHOLE, b"\x01" * 256, b"\x01" * 256),
        (WHOLE.rstrip("="), None, None),
        (base64.b64encode(b"\x01" * 257).decode(), None, None),
    ],
)
def test_digestsign(agents, text, hardened, vendors):
    for agent, expected in zip(agents, (hardened, vendors)):
        taken = agent.take(push(digestsign=text))
        assert taken.code == (PARSE if expected is None else 0)
        if expected is not None:
            assert taken.signature == expected.ljust(256, b"\0")


def test_messages_are_those_of_the_model(agents):
    for agent in agents:
        for module in (None, "panel", "m" * 32, ""):
            name = (module if module is not None else "default").encode("ascii")
            for status in (*range(-30, 101), -99):
                code, message = agent.message("s", name, str(status))
                assert (code, message + b"\0") == (0, progress_message(status, module))
        for module in (None, "panel", "m" * 32):
            name = (module or "default").encode("ascii")
            assert agent.message("i", name, "v" * 63) == (0, inform_message("v" * 63, module)[:-1])


def test_a_message_that_is_too_long_is_not_sent(agents):
    assert agents[0].message("i", b"m" * 300, "1")[0] == DeviceVerdict.OTA_TRANSPORT_INT_FAIL
    assert agents[0].message("i", b"m" * 200, "v" * 60)[0] == DeviceVerdict.OTA_TRANSPORT_INT_FAIL
    assert agents[0].message("s", b"m" * 250, "1")[0] == DeviceVerdict.OTA_TRANSPORT_INT_FAIL


def test_each_code_has_its_name(agents):
    for verdict in DeviceVerdict:
        assert agents[0].ask("n", b"", str(int(verdict))) == [verdict.name]
    for code, name in AGENT.items():
        assert agents[0].ask("n", b"", str(code)) == [name]
    assert agents[0].ask("n", b"", "-99") == ["OTA_UNKNOWN"]


def test_steps_and_texts():
    """The vendor's device has these; the model's table has to be as here."""
    assert [failure_of(-code).step for code in range(1, 27)] == [
        *[-1] * 4, *[-2] * 5, *[-3] * 4, -4, -1, -4, -1, *[-4] * 8, -1,
    ]  # fmt: skip
    assert failure_of(-4) == (-1, "OTA transport verion is too old")
    assert failure_of(-10) == (-3, "OTA verfiy MD5 failed")
    assert failure_of(-15) == failure_of(-17) == (-1, "OTA undefined failed")
    assert progress_message(-18, "panel") == (
        b'{"id":1,"params":{"step": "-4","desc":"OTA register callback failed","module":"panel"}}\0'
    )
