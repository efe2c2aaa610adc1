"""What reads text: rows for `mutation_targets.TARGETS`, each a sound input, its check, and where half of the changes go.

A check is as there: True for the sound input's own result, False for another that is true of these bytes.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import yaml

import aos_ota_plugin
from aos_ota_plugin.cloud.connect_packet import head_of, login_in
from aos_ota_plugin.cloud.platform import Platform
from aos_ota_plugin.cloud.rollout import Job, Task, TaskState
from aos_ota_plugin.cloud.rules import Upload
from aos_ota_plugin.device.version import check_version, explain_order, is_valid, newer, suggest_version
from aos_ota_plugin.errors import FormatError, OtaError
from aos_ota_plugin.keys.secret import Secret
from aos_ota_plugin.keys.signer import load_signer
from aos_ota_plugin.protocol.topics import Inform, Progress, SubLogin, read_message
from aos_ota_plugin.provenance import statement
from aos_ota_plugin.provenance.cyclonedx import components_in, parse_bill
from aos_ota_plugin.provenance.dsse import PAYLOAD_TYPE, parse_envelope
from aos_ota_plugin.settings.history import find_leaks
from aos_ota_plugin.settings.kconfig import load_kconfig
from aos_ota_plugin.settings.resolve import resolve
from aos_ota_plugin.settings.secretfile import Secrets, read_secrets_yaml
from aos_ota_plugin.settings.sources import read_def_config, read_ota_config
from aos_ota_plugin.sources.inject import inject_app, inject_digest
from aos_ota_plugin.sources.render import render_app, render_identity
from aos_ota_plugin.sources.template_set import Template
from aos_ota_plugin.sources.values import AppValues, Embedded, EmbeddedSecrets, Kv
from aos_ota_plugin.transport import boot_menu
from aos_ota_plugin.workspace.find import read_configuration
from aos_ota_plugin.workspace.packages import parse_package

_HERE = Path(__file__).resolve().parent
_DEMO = Path(aos_ota_plugin.__file__).resolve().parent / "demo" / "workspace"
_KEYS = _HERE / "keys" / "data"
SECRET = "8f4a0c2e6b1d9375"
Row = Tuple[bytes, Callable[[bytes], bool], Tuple[int, int]]

# --- what is fed

PACKAGE = (_DEMO / "solutions" / "ota_demo" / "package.yaml").read_bytes()
CONFIG = b'solution: ota_demo\nboard: haas100\nchip: "haas1000"\n'
SECRETS = f"device_secret: '{SECRET}'   # of device1\nproduct_secret: \"{SECRET}22\"\nkey_passphrase: |-\n  correct horse\n".encode()
SAVED = b"""# Saved by menuconfig
CONFIG_OTA_APP_VERSION="app-1.0.0 \\"x\\" \\\\"
# CONFIG_OTA_CONFIG_RSA is not set
OTA_CONFIG_LOCAL_RSA=y
OTA_PARTITION_SIZE=0x578000
"""
DEF_CONFIG = b"""name: s
def_config:
  OTA_APP_VERSION: app-1.0.0
  OTA_SIGNING_KEY: keys/ota key.pem
  OTA_PARTITION_SIZE: 0x578000
  OTA_IDENTITY_EMBEDDED: y
  OTA_PRODUCT_KEY: a1B2c3
  OTA_DEVICE_NAME: "dev-7"
  OTA_COMPRESS_XZ: 1
  CLI_ENABLE: [1, 2]
"""
KCONFIG = b"""mainmenu "m"
choice OTA_IDENTITY
	prompt "who"
	default A
config A
	bool "a"
config B
	bool "b"
	depends on !D || C = "x"
endchoice
menu "deep"
if D
config C
	string "c"
	default "x" if D != n
endif
config D
	bool
	default y
endmenu
"""
APP = (_HERE / "sources" / "data" / "app_main.c").read_bytes()
KV_APP = b"""#include "x.h"
#if 0
#define MY_APP_VER "1"
#endif
#define MY_APP_VER "app-" "1" /* the version */
char *s = "char *device_name = \\"\\";"; // char *device_secret = "";
int main(void) { char *product_key = ""; const char *device_name="a", *const device_secret = ""; return 0; }
"""
DIGEST = b"""/* the key */
#if defined(A) && !defined(B)
static const unsigned char ota_pubn_buf[256] = {0x00};
static const unsigned char ota_pube_buf[3] __attribute__((aligned(4))) = {0x01, 0x00, 0x01};
#endif
const unsigned char *ota_get_n(void) { return ota_pubn_buf; } // "ota_pube_buf"
"""
TEMPLATE = b"""{% import "own.j2" as own %}
{% set parts = [] %}
{% for n in range(3) if n %}{{ loop.index }}: {{ version | c_string }}{% endfor %}
{{ own.twice(version)[:9] | upper }} {{ "%s-%5d" | format(identity, 7) }} {{ has_device_secret ~ 2 * 3 }}
{% filter indent(4) %}a
b{% endfilter %}
"""
OWN = "{% macro twice(text) %}{{ text * 2 }}{% endmacro %}"
# A template may ask for any amount of memory and time: of those that do no more is expected than that they end.
_MAKES_MUCH = re.compile(rb"[0-9]{4}|\*\s*\*|\*.*[0-9]{3}")
IDENTITY = b"{% for name, secret in secrets.items() %}const char {{ name }}[] = {{ secret | c_string }};\n{% endfor %}{{ identity }}\n"
VERSIONS = b"app-1.0.9\napp-1.0.10"
HISTORY = f"""\0{"a" * 40}
diff --git a/keys/k.pem b/keys/k.pem
--- /dev/null
+++ "b/keys/\\346\\226\\207.pem"
@@ -0,0 +1,3 @@
+-----BEGIN PRIVATE KEY-----
+MIIE
+device_secret: {SECRET}
""".encode()
MENU = b"""1
RTOSA part addr: 0x0002A000, len: 0x00578000
RTOSB part addr: 0x005BA000, len: 0x00578000
Backup part addr: 0x005BA000
input flash addr:"""
ENCRYPTED = (_KEYS / "private-encrypted.pem").read_bytes()
STATEMENT = json.dumps(
    {
        "_type": statement.STATEMENT_TYPE,
        "predicateType": statement.PREDICATE_TYPE,
        "subject": [{"name": "ota_rtos_ota.bin", "digest": {"sha256": "a" * 64}}],
        "predicate": {
            "buildDefinition": {
                "buildType": statement.BUILD_TYPE,
                "externalParameters": {
                    "settings": {"OTA_APP_VERSION": "app-1.0.0"},
                    "signingKey": "b" * 64,
                    "solution": "s",
                    "board": None,
                },
            }
        },
    }
).encode()
ENVELOPE = json.dumps(
    {
        "payload": base64.b64encode(STATEMENT[:90]).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": "b" * 64, "sig": base64.b64encode(bytes(range(90))).decode()}],
    }
).encode()
BILL = json.dumps(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {
            "component": {"name": "s", "version": "app-1.0.0", "hashes": [{"alg": "SHA-256", "content": "c" * 64}]}
        },
        "components": [{"name": "ota", "version": "master"}, {"name": "cli"}],
    }
).encode()
PROGRESS = b'{"id": "7", "params": {"step": "-3", "desc": "bad signature \xe4\xb8\xad", "module": "front-panel"}}'
INFORM = b'{"id": 7, "params": {"version": "app-1.0.1"}}\0'
SUB_LOGIN = (
    b'{"id": "9", "params": {"productKey": "a1B2c3", "deviceName": "sub-1", "clientId": "c|x=1|", "timestamp": 1700000000000,'
    b' "signMethod": "hmacSha256", "sign": "0123abcd"}}'
)
_LOGIN = b"".join(
    len(text).to_bytes(2, "big") + text
    for text in (
        b"dev-7|securemode=2,timestamp=1700000000000,signmethod=hmacsha256|",
        b"dev-7&a1B2c3",
        b"0123456789abcdef" * 4,
    )
)
_CONNECT_BODY = b"\0\4MQTT\4\xc2\0\x3c" + _LOGIN
CONNECT = bytes((0x10, len(_CONNECT_BODY) & 0x7F | 0x80, len(_CONNECT_BODY) >> 7)) + _CONNECT_BODY
CLOUD_MESSAGE = b'/ota/device/progress/a1B2c3/dev-7\n{"id":0,"params":{"step":"20","desc":"status -12"}}'
EMBEDDED = AppValues("app-2.0.0", Embedded("a1B2c3", "dev-7", has_product_secret=True))
KV = AppValues("app-2.0.0", Kv())
N, E = bytes(range(255, -1, -1)), b"\x01\x00\x01"


@lru_cache(maxsize=1)
def _folder() -> str:
    return tempfile.mkdtemp(prefix="aos-ota-text-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def _file(name: str, data: bytes) -> str:
    path = os.path.join(_folder(), name)
    with open(path, "wb") as stream:
        stream.write(data)
    return path


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _without_secrets(read: Callable[[], Any]) -> Any:
    """No message of an error may hold a secret."""
    try:
        return read()
    except OtaError as error:
        assert SECRET[:8] not in str(error), str(error)
        raise


# --- what may come of it


def check_package(data: bytes) -> bool:
    package = parse_package(_text(data), "s")
    loaded = yaml.load(_text(data).lstrip("\ufeff"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert str(loaded["name"]) == package.name
    assert {raw.name for raw in package.def_config} == {
        key for key in loaded.get("def_config") or () if isinstance(key, str)
    }
    return package == parse_package(_text(PACKAGE), "s")


def check_configured(data: bytes) -> bool:
    _file(".config", data)
    return read_configuration(_folder()) == ("ota_demo", "haas100")


def check_secrets(data: bytes) -> bool:
    raws = _without_secrets(lambda: read_secrets_yaml(_text(data), "ota.secrets.yaml"))
    assert all(isinstance(raw.value, Secret) and raw.text == "<secret>" for raw in raws)
    return [raw.name for raw in raws] == ["device_secret", "product_secret", "key_passphrase"] and raws[
        0
    ].value == Secret(SECRET)


def check_ota_config(data: bytes) -> bool:
    raws = read_ota_config(_text(data), "ota.config")
    again = "".join('{}="{}"\n'.format(raw.name, re.sub(r'(["\\])', r"\\\1", str(raw.value))) for raw in raws)
    assert [(raw.name, raw.value) for raw in read_ota_config(again, "ota.config")] == [
        (raw.name, raw.value) for raw in raws
    ]
    return raws == read_ota_config(_text(SAVED), "ota.config")


def check_settings(data: bytes) -> bool:
    secrets = Secrets(device_secret=Secret(SECRET))

    def settings(text: str) -> Dict[str, str]:
        return resolve([read_def_config(text, "package.yaml")], solution_dir="/w", secrets=secrets).values()

    found = settings(_text(data))
    assert is_valid(found["OTA_APP_VERSION"])
    return found == settings(_text(DEF_CONFIG))


def check_kconfig(data: bytes) -> bool:
    kconfig = load_kconfig(_file("Kconfig", data))
    for choice in kconfig.unique_choices:
        assert choice.selection is None or choice.selection in choice.syms
    return [symbol.name for symbol in kconfig.unique_defined_syms] == ["A", "B", "C", "D"]


def check_app(good: bytes, values: AppValues) -> Callable[[bytes], bool]:
    def check(data: bytes) -> bool:
        made = inject_app(data, "otaappdemo.c", values)
        head, _, body = made.partition(b"#line 1 ")
        assert b'"app-2.0.0"' in body
        assert body.count(b"\n") == data.count(b"\n") + (b"\r" not in data or made.count(b"\n") > 0)
        assert head.count(b"extern const char") <= 2
        return body == inject_app(good, "otaappdemo.c", values).partition(b"#line 1 ")[2]

    return check


def check_digest(data: bytes) -> bool:
    made = inject_digest(data, "ota_hal_digest.c", N, E)
    assert made.count(b", ".join(b"0x%02x" % byte for byte in N)) == 1
    return made == inject_digest(DIGEST, "ota_hal_digest.c", N, E)


def _templates(name: str, data: bytes) -> Dict[str, Template]:
    return {name: Template(_text(data), name), "own.j2": Template(OWN, "own.j2")}


def check_template(data: bytes) -> bool:
    if _MAKES_MUCH.search(data):
        return False
    made = render_app(KV, templates=_templates("otaappdemo.c.j2", data))
    return made == render_app(KV, templates=_templates("otaappdemo.c.j2", TEMPLATE))


def check_identity(data: bytes) -> bool:
    if _MAKES_MUCH.search(data):
        return False
    secrets = EmbeddedSecrets(product_secret=None, device_secret=SECRET)
    made = _without_secrets(lambda: render_identity(secrets, templates=_templates("ota_identity.c.j2", data)))
    return made == render_identity(secrets, templates=_templates("ota_identity.c.j2", IDENTITY))


def check_versions(data: bytes) -> bool:
    base, _, new = _text(data).partition("\n")
    explained = explain_order(new, base)
    check_version(base)
    check_version(new)
    assert (explained is None) == newer(new, base)
    suggested = suggest_version(base, new)
    assert not suggested or (is_valid(suggested) and newer(suggested, base))
    return bool(explained) and data == VERSIONS


def check_history(data: bytes) -> bool:
    found = list(find_leaks(data.splitlines(keepends=True), {"the device secret": SECRET.encode()}))
    assert not [leak for leak in found if SECRET in leak.file + leak.kind]
    assert len(set(found)) == len(found)
    if not found:
        raise FormatError("nothing is found in this log")
    return [(leak.kind, leak.file) for leak in found] == [
        ("a private key that is not encrypted", "keys/文.pem"),
        ("the device secret", "keys/文.pem"),
    ]


def check_menu(data: bytes) -> bool:
    """What a board says of its flash: an address that is taken lies in a partition with room for the file."""
    told: List[str] = []
    address = boot_menu._target(_text(data), None, 0x1000, told.append)
    assert 0 <= address <= 0xFFFFFFFF
    return address == 0x5BA000


def check_statement(data: bytes) -> bool:
    found = statement.parse_statement(data, file="s")
    assert all(len(digest) == 64 for digest in found.subjects.values())
    assert all(isinstance(value, str) for value in (*found.settings.values(), found.key_fingerprint))
    return found == statement.parse_statement(STATEMENT, file="s")


def check_envelope(data: bytes) -> bool:
    found = parse_envelope(data, file="e")
    document = json.loads(data)
    assert base64.b64decode(document["payload"]) == found.payload
    assert len(document["signatures"]) == len(found.signatures)
    return found == parse_envelope(ENVELOPE, file="e")


def check_bill(data: bytes) -> bool:
    found = parse_bill(data, file="b")
    components = components_in(data, file="b")
    assert all(isinstance(text, str) for pair in components.items() for text in pair)
    return found == parse_bill(BILL, file="b") and components == {"ota": "master", "cli": ""}


def check_message(topic: str, good: bytes) -> Callable[[bytes], bool]:
    def check(data: bytes) -> bool:
        found = read_message(topic, data)
        assert isinstance(found, (Inform, Progress, SubLogin))
        assert not isinstance(found, Inform) or is_valid(found.version)
        return found == read_message(topic, good)

    return check


_TASK = Task(1, "a1B2c3", "dev-7", TaskState.NOTIFIED, 0, 0)


@lru_cache(maxsize=1)
def _platform() -> Platform:
    """A platform with a gateway, its sub-device, and a push that the gateway works at; a second goes by with each look."""
    seconds = itertools.count()
    found = Platform(
        Path(_folder()),
        load_signer((_KEYS / "private.pem").read_bytes(), file="k", passphrase=None),
        publish=lambda topic, payload: json.loads(payload),
        url_of=lambda package: f"https://127.0.0.1/{package.sha256}",
        clock=lambda: float(next(seconds)),
    )
    found.add_product("a1B2c3", "", secure=False)
    found.add_devices("a1B2c3", ["dev-7"])
    found.add_devices("a1B2c3", ["sub-1"], "dev-7")
    found.add_package(b"image", Upload("a1B2c3", "p", "p.bin", "app-9"))
    found.start_job(Job(0, 1, "verify", timeout=86400), ["dev-7"])
    return found


def check_cloud(data: bytes) -> bool:
    """Topic, a line feed, message: through the reader and the platform into its database, and out again as a status."""
    platform = _platform()
    topic, _, payload = data.partition(b"\n")
    with platform._storage as storage:
        storage.put_tasks([_TASK])
    text = topic.decode("utf-8", "replace")
    platform.handle_message(text, payload)
    status = platform.status()
    json.dumps(status, ensure_ascii=False).encode("utf-8")
    task = status["jobs"][0]["tasks"][0]
    return (task["step"], task["desc"], data) == (20, "status -12", CLOUD_MESSAGE)


def check_connect(data: bytes) -> bool:
    head = head_of(data)
    if head is None or len(data) < head.size + head.remaining:
        raise FormatError("more is to come")
    found = login_in(data[head.size : head.size + head.remaining])
    return found == login_in(_CONNECT_BODY)


def check_encrypted(data: bytes) -> bool:
    signer = load_signer(data, file="k", passphrase=b"correct horse")
    signer.sign_hash(bytes(32))
    return signer.public_key == load_signer(ENCRYPTED, file="k", passphrase=b"correct horse").public_key


TEXT: Dict[str, Row] = {
    "package.yaml": (PACKAGE, check_package, (0, len(PACKAGE))),
    "package.yaml, settings": (DEF_CONFIG, check_settings, (0, len(DEF_CONFIG))),
    ".config": (CONFIG, check_configured, (0, len(CONFIG))),
    "ota.secrets.yaml": (SECRETS, check_secrets, (0, len(SECRETS))),
    "ota.config": (SAVED, check_ota_config, (0, len(SAVED))),
    "Kconfig": (KCONFIG, check_kconfig, (0, len(KCONFIG))),
    "C source, identity embedded": (APP, check_app(APP, EMBEDDED), (0, len(APP))),
    "C source, identity in KV": (KV_APP, check_app(KV_APP, KV), (0, len(KV_APP))),
    "C source, key": (DIGEST, check_digest, (0, len(DIGEST))),
    "template": (TEMPLATE, check_template, (0, len(TEMPLATE))),
    "template with secrets": (IDENTITY, check_identity, (0, len(IDENTITY))),
    "versions": (VERSIONS, check_versions, (0, len(VERSIONS))),
    "git's log": (HISTORY, check_history, (0, len(HISTORY))),
    "boot menu": (MENU, check_menu, (0, len(MENU))),
    "statement of provenance": (STATEMENT, check_statement, (0, len(STATEMENT))),
    "signed statement": (ENVELOPE, check_envelope, (0, len(ENVELOPE))),
    "list of components": (BILL, check_bill, (0, len(BILL))),
    "MQTT, progress": (PROGRESS, check_message("/ota/device/progress/a1B2c3/dev-7", PROGRESS), (0, len(PROGRESS))),
    "MQTT, version": (INFORM, check_message("/ota/device/inform/a1B2c3/dev-7", INFORM), (0, len(INFORM))),
    "MQTT, sub-device": (
        SUB_LOGIN,
        check_message("/ext/session/a1B2c3/dev-7/combine/login", SUB_LOGIN),
        (0, len(SUB_LOGIN)),
    ),
    "MQTT, into the cloud": (CLOUD_MESSAGE, check_cloud, (0, len(CLOUD_MESSAGE))),
    "MQTT, CONNECT": (CONNECT, check_connect, (0, len(CONNECT))),
    "private key, encrypted": (ENCRYPTED, check_encrypted, (0, 80)),
}
