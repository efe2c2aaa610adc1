"""The page in a real browser, and the API that it reads."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
from dataclasses import replace

import pytest
from cloud_world import CLOUD_IMAGE, IMAGE, PRODUCT
from waiting import HANGS, until

from aos_ota_plugin.cloud.api import TOKEN_HEADER
from aos_ota_plugin.errors import FormatError, ProofError, SettingsError

pytestmark = pytest.mark.cloud


@pytest.fixture
def browser(require_tool, tmp_path, world):
    """``browser()``: the page as Chromium shows it after its scripts have run."""
    program = shutil.which("chromium")
    require_tool("chromium", program is not None, "apt-get install chromium")

    def show():
        done = subprocess.run(
            [
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--virtual-time-budget=3000",
                "--dump-dom",
                f"http://127.0.0.1:{world.cloud.config.api_port}/",
            ],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=HANGS,
            check=True,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        return done.stdout

    return show


def row(page, table, key):
    body = re.search(rf'<table id="{table}">(.*?)</table>', page, re.DOTALL).group(1)
    return re.search(rf'<tr data-key="{re.escape(key)}">(.*?)</tr>', body, re.DOTALL).group(1)


def test_the_page_shows_devices_versions_progress_and_results(world, browser):
    one, two, _ = world.register("one", "two", "three")
    world.online(world.device(one), world.device(two, version="app-1.0.9"))
    package = world.upload()
    world.push(package, "one")
    world.push(package, "two", kind="batch")
    page = browser()
    assert "3 devices, 2 online, 1 packages" in page
    good, bad, off = (row(page, "devices", f"{PRODUCT}/{name}") for name in ("one", "two", "three"))
    assert '<td class="yes">yes</td><td>default app-1.0.1</td>' in good
    assert 'value="100"' in good
    assert '<td class="SUCCEEDED">SUCCEEDED</td>' in good
    assert (
        '<td class="FAILED">FAILED: -1 OTA_REPORT_UPGRADE_ERR, OTA transport verion is too old (-4 OTA_TRANSPORT_VER_FAIL)</td>'
        in bad
    )
    assert "default app-1.0.9" in bad
    assert '<td class="none">no</td>' in off
    assert "<progress" not in off
    assert '<td class="VERIFIED">VERIFIED</td>' in row(page, "packages", "1")
    assert "1 FAILED" in row(page, "jobs", "2")
    assert '<p id="problem" role="alert"></p>' in page


def test_what_devices_say_is_text_on_the_page(world, browser):
    (one,) = world.register("one")
    model = world.device(one)
    world.online(model)
    job = world.push(world.upload(), "one", wait=False, timeout=HANGS)
    until(lambda: world.tasks(job)["one"]["state"] != "QUEUED")
    world.ended(job)
    world.cloud.tell("<img src=x onerror=document.title='owned'>")
    storage = world.cloud.platform._storage
    storage.put_tasks([replace(storage.tasks(job)[0], desc="<img src=y>\x1b[2J\u202e")])
    page = browser()
    assert "&lt;img src=x onerror" in page
    assert r"SUCCEEDED: &lt;img src=y&gt;\u001b[2J\u202e<" in page
    assert "<img" not in page
    assert "<title>aos-ota cloud</title>" in page


def ask(world, method, path, body=None, headers=None):
    link = http.client.HTTPConnection("127.0.0.1", world.cloud.config.api_port, timeout=HANGS)
    link.request(method, path, body, headers or {})
    answer = link.getresponse()
    data = answer.read()
    link.close()
    return answer.status, data


def test_nothing_secret_is_shown_to_who_reads(world):
    (one,) = world.register("one", secure=True)
    world.upload(CLOUD_IMAGE)
    config = world.cloud.config
    for path in ("/", "/api/status", "/api/public-key", "/api/ca", "/nothing"):
        _, data = ask(world, "GET", path)
        for secret in (one.device_secret, config.token, config.url_key, "PRIVATE"):
            assert secret.encode() not in data, path
    status, data = ask(world, "GET", "/api/public-key")
    assert (status, data) == (200, (world.folder / "ota_key.pub.pem").read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        "/api/products",
        "/api/devices",
        "/api/packages?product_key=x&version=1&file=a.bin",
        "/api/jobs",
        "/api/jobs/1/cancel",
        "/api/faults",
    ],
)
def test_nobody_changes_anything_without_the_token(still_world, path):
    before = still_world.client.status()
    for headers in ({}, {TOKEN_HEADER: "0" * 32}):
        status, data = ask(still_world, "POST", path, b'{"product_key":"x"}', headers)
        assert status == 401
        assert "token" in json.loads(data)["error"]
    assert {**still_world.client.status(), "log": []} == {**before, "log": []}


def test_a_page_of_elsewhere_cannot_read_along(still_world):
    assert ask(still_world, "GET", "/api/status", headers={"Host": "evil.example"})[0] == 403
    assert ask(still_world, "GET", "/api/status", headers={"Host": "localhost:1"})[0] == 200


@pytest.mark.parametrize(
    "body, problem",
    [
        (b"no json", "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "product_key is missing"),
        (b"[" * 100000, "not JSON"),
        (b'{"product_key":1}', "product_key has to be"),
        (b'{"product_key":"a","x":1}', "'x' is not known"),
        (b'{"product_key":"a/b"}', "is not 1 to 20"),
        (b'{"product_key":"+"}', "is not 1 to 20"),
        (b'{"product_key":"a","name":"\\ud800"}', "lone surrogate"),
        (b'{"product_key":"a","product_key":"b"}', "twice"),
        (b'{"product_key":"a","name":"%s"}' % (b"n" * 65), "the product name"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(still_world, body, problem):
    status, data = ask(still_world, "POST", "/api/products", body, {TOKEN_HEADER: still_world.cloud.config.token})
    assert status == 400
    assert problem in json.loads(data)["error"]
    assert [one["product_key"] for one in still_world.client.status()["products"]] in ([], [PRODUCT])


@pytest.mark.parametrize(
    "values",
    [
        b'"package":1%s' % (b"0" * 30),
        b'"package":-1%s' % (b"0" * 30),
        b'"package":1,"retry_after":1%s' % (b"0" * 400),
        b'"package":1,"retry_after":1e999',
        b'"package":1,"timeout":NaN',
        b'"package":1,"rate":1%s' % (b"0" * 5000),
    ],
)
def test_numbers_beyond_their_range_are_refused_with_a_reason(still_world, values):
    body = b'{"kind":"verify","device_names":["one"],%s}' % values
    status, data = ask(still_world, "POST", "/api/jobs", body, {TOKEN_HEADER: still_world.cloud.config.token})
    assert status == 400
    assert "is beyond its range" in json.loads(data)["error"]


NUMBERS = [
    ("/api/faults", {}, ["rate", "delay", "loss", "error", "corrupt", "seed"]),
    (
        "/api/jobs",
        {"package": 1, "kind": "verify", "device_names": ["one"]},
        ["package", "rate", "retries", "retry_after", "timeout"],
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "name"), [(path, value, name) for path, value, names in NUMBERS for name in names]
)
@pytest.mark.parametrize("no_number", [True, False, "1", None, [1]])
def test_what_is_no_number_is_refused(still_world, path, value, name, no_number):
    body = json.dumps({**value, name: no_number}).encode()
    status, data = ask(still_world, "POST", path, body, {TOKEN_HEADER: still_world.cloud.config.token})
    assert status == 400
    assert name in json.loads(data)["error"]


def test_a_switch_is_no_number(still_world):
    headers = {TOKEN_HEADER: still_world.cloud.config.token}
    assert ask(still_world, "POST", "/api/faults", b'{"ignore_range":1}', headers)[0] == 400
    assert ask(still_world, "POST", "/api/faults", b'{"ignore_range":false,"delay":0,"loss":0.0}', headers)[0] == 200


@pytest.mark.parametrize("service", ["api_port", "image_port"])
@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 70_000), 414),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (b"GET / HTTP/x\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n%s\r\n" % (b"A: b\r\n" * 200), 431),
        (b"\x1b[2J\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_answered_as_other_errors_are(still_world, service, request_bytes, code):
    with socket.create_connection(("127.0.0.1", getattr(still_world.cloud.config, service)), HANGS) as link:
        link.sendall(request_bytes)
        answer = http.client.HTTPResponse(link)
        answer.begin()
        assert answer.status == code
        data = answer.read()
    if service == "api_port":
        assert answer.headers["Content-Type"] == "application/json"
        assert set(json.loads(data)) == {"error", "remedy"}
    else:
        assert answer.headers["Content-Type"] == "text/plain"
    assert b"<" not in data


@pytest.mark.parametrize("field", ["name", "file"])
@pytest.mark.parametrize(
    "value",
    ["%00.bin", "a%1B[2J.bin", "a%0Ab.bin", "..%2Fa.bin", "..%5Ca.bin", "%FF.bin", "%ED%A0%80.bin", "%E2%80%AE.bin"],
)
def test_names_of_uploads_that_cannot_be_shown_or_lead_away_are_refused(still_world, field, value):
    still_world.client.add_product(PRODUCT)
    names = {"name": "n", "file": "a.bin", field: value}
    path = f"/api/packages?product_key={PRODUCT}&version=v1&name={names['name']}&file={names['file']}"
    status, data = ask(still_world, "POST", path, IMAGE, {TOKEN_HEADER: still_world.cloud.config.token})
    assert status == 400
    assert {"name": "package name", "file": "file name"}[field] in json.loads(data)["error"] or "not UTF-8" in str(data)
    assert still_world.client.status()["packages"] == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("version=v1&file=a.bin", "product_key is missing"),
        ("product_key=demo&file=a.bin", "version is missing"),
        ("product_key=demo&version=v1", "file is missing"),
        ("product_key=demo&version=v1&file=a.bin&modul=js", "'modul' is not known"),
        ("product_key=demo&version=v1&file=a.bin&version=v2", "twice"),
    ],
)
def test_the_query_of_an_upload_is_taken_whole(still_world, query, problem):
    headers = {TOKEN_HEADER: still_world.cloud.config.token}
    status, data = ask(still_world, "POST", f"/api/packages?{query}", IMAGE, headers)
    assert status == 400
    assert problem in json.loads(data)["error"]


def raw(port, request):
    with socket.create_connection(("127.0.0.1", port), HANGS) as link:
        link.sendall(request)
        return link.makefile("rb").readline()


def test_what_is_no_address_is_told_so(still_world):
    request = b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert raw(still_world.cloud.config.api_port, request).startswith(b"HTTP/1.1 400 ")
    assert raw(still_world.cloud.config.image_port, request).startswith(b"HTTP/1.1 403 ")


def test_a_fault_of_ours_in_a_request_is_an_answer_and_a_line(still_world, monkeypatch, capfd):
    def fault():
        raise KeyError("secret")

    monkeypatch.setattr(still_world.cloud.platform, "status", fault)
    status, data = ask(still_world, "GET", "/api/status")
    assert status == 500
    assert "internal error of the cloud" in json.loads(data)["error"]
    assert "a fault of aos_ota_plugin was caught: KeyError at test_page.py:" in still_world.lines[-1]
    monkeypatch.setattr("aos_ota_plugin.cloud.image_server.read_url", lambda *_: fault())
    assert raw(still_world.cloud.config.image_port, b"GET / HTTP/1.1\r\n\r\n") == b""
    until(lambda: "fault of aos_ota_plugin" in still_world.lines[-1] and len(still_world.lines) > 1)
    assert capfd.readouterr().err == ""


def test_a_name_that_is_not_utf_8_is_told_so(still_world):
    with pytest.raises(SettingsError, match="not UTF-8"):
        still_world.upload(name="\udcff")


@pytest.mark.parametrize(
    "values, problem",
    [
        ({"file": "ota_rtos_ota.bin.xz"}, "takes no file named"),
        ({"file": "a.exe"}, "takes no file named"),
        ({"version": "1 0"}, "contains"),
        ({"version": "x" * 64}, "63"),
        ({"name": "x" * 41}, "1 to 40"),
        ({"module": "a/b"}, "module name"),
        ({"sign_method": "crc"}, "signMethod"),
        ({"source_version": "app-1.0.1"}, "diff is from"),
        ({"product": "other"}, "no product"),
        ({"file": "中文" * 20 + ".bin"}, "the url has"),
    ],
)
def test_uploads_against_the_platforms_rules_are_refused(still_world, values, problem):
    still_world.client.add_product(PRODUCT)
    with pytest.raises((SettingsError, FormatError), match=problem):
        still_world.upload(**values)
    assert still_world.client.status()["packages"] == []
    assert list((still_world.folder / "images").iterdir()) == []


def test_who_may_be_pushed_to(world):
    one, two, _ = world.register("one", "two", "three")
    world.online(world.device(one), world.device(two, version="app-1.0.1"))
    package = world.upload()
    with pytest.raises((SettingsError, ProofError), match="is not verified"):
        world.push(package, "one", kind="batch")
    with pytest.raises(SettingsError, match="no device 'four'"):
        world.push(package, "one", "four")
    with pytest.raises(SettingsError, match="no package 99"):
        world.push(99, "one")
    diff = world.upload(IMAGE, "app-1.0.2", name="diff", source_version="app-1.0.0")
    world.push(package, "three", wait=False, timeout=100)
    started = world.client.start_job(package=diff, kind="verify", device_names=["two", "three", "one"])
    assert started["skipped"] == {
        "two": "reported app-1.0.1, and the diff is from app-1.0.0",
        "three": "is in another task that has not ended",
    }
    started = world.client.start_job(package=package, kind="verify", device_names=["two"])
    assert started["skipped"] == {"two": "runs app-1.0.1 already"}
    with pytest.raises(SettingsError, match="named 'diff' already"):
        world.upload(IMAGE, "app-1.0.3", name="diff")
