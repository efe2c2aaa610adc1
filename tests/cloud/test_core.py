"""The cloud's pure core: logins, packets, messages, addresses, the state machine of a rollout."""

import contextlib
import hashlib
import hmac
import json
import struct
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aos_ota_plugin.cloud import connect_packet, rollout, rules
from aos_ota_plugin.cloud.documents import State, status_document
from aos_ota_plugin.cloud.faults import LINKS, Faults, fate_of
from aos_ota_plugin.cloud.image_url import Span, make_url, read_range, read_url
from aos_ota_plugin.cloud.rollout import Job, Package, PackageState, Target, Task, TaskState
from aos_ota_plugin.device.verdicts import Device, DeviceVerdict
from aos_ota_plugin.errors import FormatError, ProofError, SettingsError
from aos_ota_plugin.lab.models.device_model import DeviceModel, Settings, _Restart
from aos_ota_plugin.lab.models.outcome import Result
from aos_ota_plugin.protocol import topics
from aos_ota_plugin.protocol.login import Identity, Login, login_of, login_password, problem_of
from aos_ota_plugin.protocol.reports import inform_message, progress_message

# --- logins

VECTOR = Identity("pk", "device", "secret")


def test_the_platforms_own_test_vector():
    assert login_password(VECTOR, "12345", "hmacsha1", "789") == "fafd82a3d602b37fb0fa8b7892f24a477f851a14"
    login = Login(
        "12345|securemode=2,signmethod=hmacsha1,timestamp=789|", "device&pk", "FAFD82A3D602B37FB0FA8B7892F24A477F851A14"
    )
    assert problem_of(login, VECTOR) is None


@pytest.mark.parametrize("method, digest", [("hmacsha1", "sha1"), ("hmacsha256", "sha256"), ("hmacmd5", "md5")])
@pytest.mark.parametrize("timestamp", ["", ",timestamp=42"])
def test_every_sign_method_with_and_without_a_timestamp(method, digest, timestamp):
    content = f"clientIdxdeviceNamedeviceproductKeypk{'timestamp42' if timestamp else ''}"
    password = hmac.new(b"secret", content.encode(), digest).hexdigest()
    login = Login(f"x|ext=3,_v=sdk-c-4.1.0,securemode=2,signmethod={method}{timestamp}|", "device&pk", password)
    assert problem_of(login, VECTOR) is None
    assert "password" in problem_of(login._replace(password=password[:-1] + "g"), VECTOR)


@pytest.mark.parametrize(
    "change, problem",
    [
        ({"client_id": "x"}, "client id"),
        ({"client_id": "x|securemode=2"}, "client id"),
        ({"user": "other&pk"}, "no such device"),
        ({"client_id": "x|securemode=3,signmethod=hmacsha1|"}, "securemode"),
        ({"client_id": "x|signmethod=none|"}, "signmethod"),
        ({"password": ""}, "password"),
        ({"password": "ü"}, "password"),
    ],
)
def test_what_is_no_login(change, problem):
    assert problem in problem_of(login_of(VECTOR)._replace(**change), VECTOR)
    assert "no such device" in problem_of(login_of(VECTOR), None)


@given(st.text(), st.text(), st.text())
def test_no_login_raises(client_id, user, password):
    assert problem_of(Login(client_id, "device&pk", password), VECTOR)
    assert problem_of(Login(client_id, user, password), None)


def test_secrets_are_in_no_repr():
    login = login_of(VECTOR)
    assert "secret'" not in repr(VECTOR)
    assert login.password not in repr(login)


# --- CONNECT


def text(value):
    return struct.pack(">H", len(value)) + value


def connect(client=b"c", user=b"u", password=b"p", will=None, name=b"MQTT", level=4, tail=b""):
    flags = 0xC2 | (0x04 if will else 0)
    body = text(name) + bytes((level, flags)) + b"\0\x3c" + text(client)
    return body + (text(will[0]) + text(will[1]) if will else b"") + text(user) + text(password) + tail


def test_a_connect_packet_is_read():
    assert connect_packet.login_in(connect()) == Login("c", "u", "p")
    assert connect_packet.login_in(connect(will=(b"topic", b"\xff\0"))) == Login("c", "u", "p")
    assert connect_packet.head_of(b"\x10\x05") == (2, 5)
    assert connect_packet.head_of(b"\x10\x80\x01") == (3, 128)
    assert connect_packet.head_of(b"\x10\x80") is None
    assert connect_packet.head_of(b"") is None
    assert connect_packet.connack(4) == bytes.fromhex("20020004")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        connect(name=b"MQIsdp"),
        connect(level=5),
        connect(tail=b"x"),
        connect(client=b"\xff"),
        connect()[:-1],
        connect()[:8],
    ],
)
def test_what_is_no_connect(body):
    with pytest.raises(FormatError):
        connect_packet.login_in(body)


@pytest.mark.parametrize("head", [b"\x30\x01", b"\x10\xff\xff\xff\xff\x01", b"\x10\xff\xff\x7f", b"\x16\x03\x01"])
def test_what_is_no_head(head):
    with pytest.raises(FormatError):
        connect_packet.head_of(head)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_connect(data):
    for read in (connect_packet.head_of, connect_packet.login_in):
        with contextlib.suppress(FormatError):
            read(data)


# --- messages

INFORM = "/ota/device/inform/pk/dn"
PROGRESS = "/ota/device/progress/pk/dn"


def test_what_devices_say():
    assert topics.read_message(INFORM, b'{"id":0,"params":{"version":"a-1"}}') == topics.Inform(
        "pk", "dn", "default", "a-1"
    )
    assert topics.read_message(INFORM, b'{"params":{"version":"a-1","module":"js"}}\0').module == "js"
    assert topics.read_message(PROGRESS, b'{"params":{"step":"-3","desc":"status -12"}}') == topics.Progress(
        "pk", "dn", None, -3, "status -12"
    )
    assert topics.read_message(PROGRESS, b'{"params":{"step":100}}').step == 100


@pytest.mark.parametrize("module", [None, "panel", ""])
def test_what_a_real_device_says(module):
    """Its messages end in a NUL; the module is "" when it could not read a push."""
    assert topics.read_message(PROGRESS, progress_message(-3, module)) == topics.Progress(
        "pk", "dn", module or None, -1, "OTA transport parse failed"
    )
    assert topics.read_message(PROGRESS, progress_message(42, module)).step == 42
    assert topics.read_message(INFORM, inform_message("a-1", module or None)).version == "a-1"


@pytest.mark.parametrize(
    "topic, payload",
    [
        (INFORM, b""),
        (INFORM, b"[]"),
        (INFORM, b'{"params":1}'),
        (INFORM, b'{"params":{}}'),
        (INFORM, b'{"params":{"version":1}}'),
        (INFORM, b'{"params":{"version":"a b"}}'),
        (INFORM, b'{"params":{"version":"a","module":"../x"}}'),
        (INFORM, b"[" * 5000),
        (INFORM, b'{"params":{"version":"%s"}}' % (b"a" * 64)),
        (PROGRESS, b'{"params":{"step":"101"}}'),
        (PROGRESS, b'{"params":{"step":"x"}}'),
        (PROGRESS, b'{"params":{"step":-5}}'),
        ("/ota/device/upgrade/pk/dn", b'{"params":{}}'),
        ("x", b'{"params":{}}'),
        (INFORM + "/more", b'{"params":{"version":"a"}}'),
        ("/ext/session/pk/dn/combine/login", b'{"params":{"productKey":"pk"}}'),
        (INFORM, b'{"params":{"version":"a"}}' + b" " * 5000),
        ("x" + INFORM, b'{"params":{"version":"a"}}'),
        (INFORM, b'{"params":{"version":"a","module":"%s"}}' % (b"m" * 33)),
        (INFORM, b'{"params":{"version":"a","version":"b"}}'),
        (INFORM, b'{"params":{"version":"a"},"PARAMS":{"version":"b"}}'),
        (INFORM, b'{"params":{"version":"a"},"x":1e999}'),
        (INFORM, b'{"params":{"version":"a"},"x":NaN}'),
        (INFORM, b'{"params":{"version":"a"},"x":[9007199254740993]}'),
        (INFORM, b'{"params":{"version":"a"},"x":%s}' % (b"1" * 4001)),
        (INFORM, b'{"params":{"version":"a"},"id":[]}'),
        (INFORM, b'{"params":{"version":"a"},"\\udfff":0}'),
        (PROGRESS, b'{"params":{"step":"20","desc":"\\ud800"}}'),
        (PROGRESS, b'{"params":{"step":"20","desc":{}}}'),
        (PROGRESS, b'{"params":{"step":"20","desc":"%s"}}' % (b"d" * 256)),
        (PROGRESS, '{"params":{"step":"१२"}}'.encode()),
        (PROGRESS, b'{"params":{"step":"1_3"}}'),
        (PROGRESS, b'{"params":{"step":" 1"}}'),
        (PROGRESS, b'{"params":{"step":true}}'),
        (PROGRESS, b'{"params":{"step":1.0}}'),
    ],
)
def test_what_is_no_message(topic, payload):
    with pytest.raises(FormatError):
        topics.read_message(topic, payload)


def test_a_whole_character_of_two_escapes_is_text():
    assert topics.read_message(PROGRESS, b'{"params":{"step":1,"desc":"\\ud83d\\ude00"}}').desc == "\U0001f600"
    assert topics.read_message(PROGRESS, b'{"id":9007199254740992,"params":{"step":1,"desc":"\\\\ud800"}}').step == 1


@pytest.mark.parametrize(
    "change",
    [
        {"productKey": "\ud800"},
        {"sign": "\ud800"},
        {"sign": "0" * 65},
        {"productKey": "p" * 21},
        {"deviceName": "d" * 33},
        {"clientId": "c" * 65},
        {"timestamp": 10**400},
        {"timestamp": 1.5},
        {"timestamp": "1" * 21},
        {"signMethod": 5},
    ],
)
def test_what_is_no_login_of_a_sub_device(change):
    with pytest.raises(FormatError):
        sub_login(**change)


@given(
    st.sampled_from([INFORM, PROGRESS, "/ext/session/a/b/combine/login"]),
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda leaf: (
                st.lists(leaf)
                | st.dictionaries(st.sampled_from(["params", "step", "version", "module", "sign", "deviceName"]), leaf)
            ),
        ).map(lambda v: json.dumps(v).encode()),
    ),
)
def test_no_message_breaks_the_reader(topic, payload):
    with contextlib.suppress(FormatError):
        topics.read_message(topic, payload)


def sub_login(**change):
    sub = Identity("pk", "sub", "its secret")
    params = {
        "productKey": "pk",
        "deviceName": "sub",
        "clientId": "c",
        "timestamp": "1",
        "signMethod": "hmacSha1",
        "sign": login_password(sub, "c", "hmacsha1", "1").upper(),
        **change,
    }
    message = topics.read_message(
        "/ext/session/pk/gw/combine/login", json.dumps({"id": "7", "params": params}).encode()
    )
    return json.loads(topics.login_reply(message, sub)), json.loads(topics.login_reply(message, None))


def test_a_gateway_logs_a_sub_device_in():
    good, not_mine = sub_login()
    assert (good["id"], good["code"]) == ("7", 200)
    assert not_mine["code"] == 460
    for change in ({"sign": "0"}, {"timestamp": "2"}, {"signMethod": "none"}, {"clientId": "d"}, {"sign": "ü"}):
        assert sub_login(**change)[0]["code"] == 460


def test_an_access_list_names_a_devices_own_topics():
    assert topics.access_of("pk", "dn", []) == [
        "user dn&pk",
        "topic write /ota/device/inform/pk/dn",
        "topic write /ota/device/progress/pk/dn",
        "topic read /ota/device/upgrade/pk/dn",
    ]
    assert "topic read /ota/device/upgrade/pk/sub" in topics.access_of("pk", "dn", ["pk/sub"])


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a+", "a#", "a\nuser platform", "x" * 33, "中"])
def test_names_that_would_change_a_topic_or_the_access_list(name):
    with pytest.raises(SettingsError):
        rules.check_device_name(name)
    with pytest.raises(SettingsError):
        rules.check_product_key(name)


# --- addresses and ranges

KEY = b"k" * 32


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), st.integers(0, 2**40))
def test_an_address_is_good_until_it_is_over(file, expires):
    url = make_url("https://h:1", hashlib.sha256(b"").hexdigest(), file, expires, KEY)
    target = url[len("https://h:1") :]
    assert read_url(target, expires, KEY) == ("e3b0c44298fc1c14", None)
    assert "no longer" in read_url(target, expires + 1, KEY).problem
    assert "not given out" in read_url(target, expires, b"other").problem
    assert "not given out" in read_url(target.replace("/e3b0", "/e3b1"), expires, KEY).problem
    assert (
        "not given out"
        in read_url(target.replace(f"Expires={expires}", f"Expires={expires + 1}"), expires, KEY).problem
    )


@given(st.text())
def test_no_target_breaks_the_reader(target):
    assert read_url(target, 0, KEY).problem


@pytest.mark.parametrize(
    "header, span",
    [
        (None, (0, 100)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-28", (72, 100)),
        ("bytes=-200", (0, 100)),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("bytes=5-4", (0, 100)),
        ("bytes=a-b", (0, 100)),
        ("bytes=0-1,5-6", (0, 100)),
        ("bytes=-", (0, 100)),
        ("items=0-1", (0, 100)),
        (f"bytes={'9' * 5000}-", None),
        (f"bytes=10-{'9' * 5000}", (10, 100)),
        (f"bytes=-{'9' * 5000}", (0, 100)),
        (f"bytes={'0' * 5000}1-", (1, 100)),
    ],
)
def test_ranges(header, span):
    assert read_range(header, 100) == (None if span is None else Span(*span))


@given(st.one_of(st.text(), st.from_regex(r"bytes=\d{0,30}-\d{0,30}")), st.integers(0, 1000))
def test_every_range_is_inside_the_file(header, size):
    span = read_range(header, size)
    assert span is None or 0 <= span.start <= span.end <= size


# --- faults


def test_faults_are_the_same_each_time_and_of_the_share_asked_for():
    faults = Faults(loss=0.3, error=0.1, corrupt=0.2, seed=5)
    fates = [fate_of(faults, number, 1000) for number in range(2000)]
    assert fates == [fate_of(faults, number, 1000) for number in range(2000)]
    assert 150 < sum(fate.is_error for fate in fates) < 250
    assert 500 < sum(fate.cut_after is not None for fate in fates) < 700
    assert 300 < sum(fate.flip_bit is not None for fate in fates) < 500
    assert fate_of(Faults(), 1, 1000) == (False, None, None)
    assert fate_of(Faults(loss=1, corrupt=1), 1, 0) == (False, None, None)
    assert set(LINKS) == {"none", "ble", "nb-iot", "4g"}


@pytest.mark.parametrize("values", [{"rate": -1}, {"delay": 61}, {"loss": 1.1}, {"error": -0.1}])
def test_faults_that_cannot_be(values):
    with pytest.raises(SettingsError):
        Faults(**values)


# --- rollouts

PACKAGE = Package(1, "pk", "n", "default", "v2", "f.bin", 10, "0" * 32, "0" * 64, "SHA256", state=PackageState.VERIFIED)
JOB = Job(1, 1, "batch", retries=1, retry_after=10, timeout=100)
TASK = Task(1, "pk", "dn", TaskState.QUEUED, 0, 0)


def test_a_task_from_push_to_success():
    pushed = rollout.record_push(TASK, 1)
    assert (pushed.state, pushed.attempts) == (TaskState.NOTIFIED, 1)
    half = rollout.record_progress(pushed, JOB, 50, "", 2)
    assert (half.state, half.step, half.changed) == (TaskState.IN_PROGRESS, 50, 2)
    done, again = rollout.record_version(half, "v2", "v2", 3)
    assert (done.state, done.step, again) == (TaskState.SUCCEEDED, 100, False)
    assert rollout.record_version(done, "v1", "v2", 4) == (done, False)
    assert rollout.record_progress(done, JOB, -1, "", 4) == done
    assert rollout.cancel(done, 4) == done


def test_a_device_that_comes_back_without_the_version_is_pushed_to_again_without_a_new_attempt():
    half = rollout.record_progress(rollout.record_push(TASK, 1), JOB, 50, "", 2)
    assert rollout.record_version(half, "v1", "v2", 3) == (replace(half, state=TaskState.NOTIFIED, changed=3), True)
    assert rollout.record_version(TASK, "v1", "v2", 3) == (TASK, False)


def test_the_status_of_a_failed_task_has_names_beside_its_codes():
    failed = replace(TASK, state=TaskState.FAILED, step=-3, desc="status -12")
    (job,) = status_document(State((), (), {}, (), (JOB,), (replace(failed, job=JOB.number),)))["jobs"]
    (task,) = job["tasks"]
    assert (task["step"], task["desc"]) == (-3, "status -12")
    assert task["report"] == "-3 OTA_REPORT_VERIFY_ERR, status -12 OTA_VERIFY_RSA_FAIL"


@pytest.mark.parametrize(
    ("verdict", "step", "desc"),
    [
        (-12, "-3", "OTA verfiy RSA failed"),
        (-14, "-4", "OTA upgrade write failed"),
        (-15, "-1", "OTA undefined failed"),
        (-17, "-1", "OTA undefined failed"),
        (-9, "-2", "OTA download receive failed"),
    ],
)
def test_a_model_reports_the_step_that_the_agent_reports(monkeypatch, verdict, step, desc):
    sent = []
    model = DeviceModel(VECTOR, Device(None, local_rsa=True), {"default": "v1"}, Settings(1, None))
    monkeypatch.setattr(model, "_client", SimpleNamespace(publish=lambda topic, body, qos: sent.append(body)))
    model._refused(VECTOR, model.state, Result("v2", "default", verdict, "", False))
    (message,) = sent
    assert json.loads(message.rstrip(b"\0"))["params"] == {"step": step, "desc": desc}


def test_a_model_that_crashes_reports_nothing_and_restarts(monkeypatch):
    sent = []
    model = DeviceModel(VECTOR, Device(None, local_rsa=True), {"default": "v1"}, Settings(1, None))
    monkeypatch.setattr(model, "_client", SimpleNamespace(publish=lambda topic, body, qos: sent.append(body)))
    with pytest.raises(_Restart):
        model._pushed(topics.upgrade_topic(VECTOR.product_key, VECTOR.device_name), b'{"message": 1}')
    assert (sent, model.state.results[-1].verdict) == ([], DeviceVerdict.DEVICE_FAULT)


def test_a_failure_is_retried_as_often_as_the_job_says_and_later():
    first = rollout.record_progress(rollout.record_push(TASK, 1), JOB, -3, "status -12", 2)
    assert (first.state, first.due, first.desc) == (TaskState.QUEUED, 12, "status -12")
    assert (rollout.is_due(first, 11.9), rollout.is_due(first, 12)) == (False, True)
    second = rollout.record_progress(rollout.record_push(first, 12), JOB, -2, "x", 13)
    assert (second.state, second.step, second.attempts) == (TaskState.FAILED, -2, 2)


def test_silence_times_out_and_waiting_for_ones_turn_does_not():
    pushed = rollout.record_push(TASK, 1)
    assert rollout.expire(pushed, JOB, 100.9) is None
    late = rollout.expire(pushed, JOB, 101)
    assert (late.state, late.desc) == (TaskState.FAILED, "timed out after 100 s")
    assert rollout.expire(TASK, JOB, 10_000) is None


def test_a_batch_goes_out_at_its_rate():
    tasks, skipped = rollout.plan(replace(JOB, rate=60), PACKAGE, [Target(f"d{n}", "v1", False) for n in range(4)], 100)
    assert [task.due for task in tasks] == [100, 101, 102, 103]
    assert skipped == {}


def test_who_is_left_out():
    targets = [Target("a", "v2", False), Target("b", "v1", True), Target("c", None, False)]
    tasks, skipped = rollout.plan(JOB, PACKAGE, targets, 0)
    assert [task.device_name for task in tasks] == ["c"]
    assert skipped == {"a": "runs v2 already", "b": "is in another task that has not ended"}
    tasks, skipped = rollout.plan(JOB, replace(PACKAGE, source_version="v1"), [Target("c", None, False)], 0)
    assert (tasks, skipped) == ([], {"c": "reported nothing, and the diff is from v1"})


@pytest.mark.parametrize("state", [PackageState.NOT_VERIFIED, PackageState.VERIFYING, PackageState.FAILED])
def test_no_batch_before_a_device_has_proven_the_package(state):
    with pytest.raises(ProofError, match="verify it on one device first"):
        rollout.plan(JOB, replace(PACKAGE, state=state), [Target("a", "v1", False)], 0)
    rollout.plan(replace(JOB, kind="verify"), replace(PACKAGE, state=state), [Target("a", "v1", False)], 0)


def test_how_many_devices_a_job_takes():
    with pytest.raises(SettingsError, match="0 devices"):
        rollout.plan(JOB, PACKAGE, [], 0)
    with pytest.raises(SettingsError, match="1 to 10"):
        rollout.plan(replace(JOB, kind="verify"), PACKAGE, [Target(f"d{n}", None, False) for n in range(11)], 0)


@pytest.mark.parametrize(
    "values", [{"kind": "all"}, {"rate": 9}, {"rate": 10_001}, {"retries": 6}, {"timeout": 0}, {"retry_after": -1}]
)
def test_jobs_that_cannot_be(values):
    with pytest.raises(SettingsError):
        replace(JOB, **values)


@pytest.mark.parametrize(
    "states, expected",
    [
        ([TaskState.SUCCEEDED], PackageState.VERIFIED),
        ([TaskState.SUCCEEDED, TaskState.FAILED], PackageState.FAILED),
        ([TaskState.SUCCEEDED, TaskState.IN_PROGRESS], PackageState.VERIFYING),
        ([TaskState.CANCELED], PackageState.FAILED),
    ],
)
def test_what_a_verify_job_says_of_its_package(states, expected):
    assert rollout.record_verification(PACKAGE, states).state is expected


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("step"), st.integers(-4, 100)),
            st.tuples(st.just("inform"), st.sampled_from(["v1", "v2"])),
            st.tuples(st.just("time"), st.floats(0, 200)),
            st.tuples(st.just("cancel"), st.just(0)),
        )
    )
)
def test_whatever_happens_a_task_that_has_ended_stays_ended_and_only_the_version_is_success(events):
    task, now = TASK, 0.0
    for kind, value in events:
        ended = task if task.state.is_final else None
        if rollout.is_due(task, now):
            task = rollout.record_push(task, now)
        if kind == "step":
            task = rollout.record_progress(task, JOB, value, "", now)
        elif kind == "inform":
            task, _ = rollout.record_version(task, value, "v2", now)
        elif kind == "time":
            now += value
            task = rollout.expire(task, JOB, now) or task
        else:
            task = rollout.cancel(task, now)
        assert ended in (None, task)
        assert task.attempts <= JOB.retries + 1
        if task.state is TaskState.SUCCEEDED and ended is None:
            assert (kind, value) == ("inform", "v2")
