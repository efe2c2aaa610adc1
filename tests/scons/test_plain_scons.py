"""The SCons tool in a project that knows nothing of aos-tools, on SCons 3.1.2 and on SCons 4."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aos_ota_plugin.images import diff
from aos_ota_plugin.keys.generate import generate_private_pem
from aos_ota_plugin.workspace.component_files import package_folder

SITE_TOOLS = next(
    folder
    for folder in (
        package_folder() / "site_scons" / "site_tools",
        package_folder().parent / "site_scons" / "site_tools",
    )
    if folder.is_dir()
)
SCONSTRUCT = """
import os

def build(name, **changes):
    env = Environment(tools=["gcc", "gnulink", "ar"], ENV={"PATH": os.environ["PATH"]}, CC="arm-none-eabi-gcc",
                      CCFLAGS=["-mcpu=cortex-m33", "-Os"], LINKFLAGS=["-mcpu=cortex-m33", "-nostartfiles", "-Wl,-emain"],
                      PROGSUFFIX=".elf", CCCOMSTR="CC $TARGET", LINKCOMSTR="LINK $TARGET")
    DECIDER_BEFORE
    env.Tool("aos_ota", toolpath=[SITE_TOOLS])
    env.Replace(OTA_APP_VERSION=ARGUMENTS.get("VERSION", "app-1.0.0"), OTA_SIGNING_KEY="key.pem", OTA_PARTITION_SIZE="0x100000")
    env.Replace(**changes)
    DECIDER_AFTER
    app = env.OtaSource("out/%s/otaappdemo.c" % name, "otaappdemo.c")
    digest = env.OtaSource("out/%s/ota_hal_digest.c" % name, "ota_hal_digest.c")
    identity = env.OtaIdentity("out/%s/ota_identity.o" % name)
    objects = [env.Object("out/%s/%s.o" % (name, stem), source) for stem, source in
               (("otaappdemo", app), ("ota_hal_digest", digest), ("main", "main.c"))]
    elf = env.Program("out/%s/firmware.elf" % name, objects + [identity])
    binary = env.Command("out/%s/firmware.bin" % name, elf,
                         Action("arm-none-eabi-objcopy -O binary $SOURCE $TARGET", "OBJCOPY $TARGET"))
    return env.OtaImage("out/%s/ota_rtos_ota.bin" % name, [binary, elf])

""".replace("SITE_TOOLS", repr(str(SITE_TOOLS)))

SOURCES = {
    "otaappdemo.c": '/* 版本 */\n#define MY_APP_VER "app-0"\nextern void report(const char *);\n'
    'void app(void)\n{\n    char *device_secret = "";\n    report(MY_APP_VER);\n    report(device_secret);\n}\n',
    "ota_hal_digest.c": "const unsigned char ota_pubn_buf[256] = {0};\nconst unsigned char ota_pube_buf[3] = {1, 0, 1};\n",
    "main.c": "extern void app(void);\nextern const unsigned char ota_pubn_buf[256], ota_pube_buf[3];\n"
    "volatile unsigned char out;\nvoid report(const char *text) { while (*text) out = *text++; }\n"
    "int aos_kv_get(const char *key, void *buffer, int *length) { (void)key; (void)buffer; (void)length; return -1; }\n"
    "int main(void) { app(); out = ota_pubn_buf[out]; out = ota_pube_buf[out % 3]; return 0; }\n",
}


@pytest.fixture(scope="session")
def scons_4(scons_4_packages):
    """SCons 4 in a folder of its own, beside the SCons 3 of this environment."""
    return (
        {"PYTHONPATH": os.pathsep.join([str(scons_4_packages), os.environ.get("PYTHONPATH", "")])},
        [sys.executable, "-m", "SCons"],
        "4.",
    )


@pytest.fixture(scope="session")
def scons_3(bin_folder, require_tool):
    require_tool("SCons 3.1.2", (bin_folder / "scons").is_file(), "make test sets it up")
    return {}, [sys.executable, str(bin_folder / "scons")], "3.1.2"


class Project:
    def __init__(self, root: Path, scons, key: bytes) -> None:
        self.root = root
        self.environment, self.command, self.scons_version = scons
        root.mkdir(parents=True)
        for name, text in SOURCES.items():
            (root / name).write_text(text, encoding="utf-8")
        self.write_key(key)
        self.set_up()

    def write_key(self, pem: bytes) -> None:
        path = self.root / "key.pem"
        path.write_bytes(pem)
        path.chmod(0o600)

    def set_up(self, *calls: str, before: str = "pass", after: str = "pass") -> None:
        text = SCONSTRUCT.replace("DECIDER_BEFORE", before).replace("DECIDER_AFTER", after)
        (self.root / "SConstruct").write_text(text + "\n".join(calls or ('build("a")',)) + "\n", encoding="utf-8")

    def run(self, *arguments: str, env=None):
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=self.root,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.environment, **(env or {})},
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def steps(self, *arguments: str, env=None):
        """What a build that must succeed made: ``CC main.o``, ``OTA otaappdemo.c``, ``image a`` …"""
        status, output = self.run(*arguments, env=env)
        assert status == 0, output
        steps = []
        for line in output.splitlines():
            kind, _, target = line.partition(" ")
            if kind in ("CC", "OTA", "LINK", "OBJCOPY"):
                path = Path(target)
                steps.append(f"image {path.parent.name}" if path.name == "ota_rtos_ota.bin" else f"{kind} {path.name}")
        return steps

    def look(self):
        return {
            path.relative_to(self.root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted((self.root / "out").rglob("*"))
            if path.is_file()
        }

    def manifest(self, name="a"):
        return json.loads((self.root / "out" / name / "ota_rtos_ota.json").read_bytes())

    def out(self, name, folder="a") -> bytes:
        return (self.root / "out" / folder / name).read_bytes()


ALL = {
    "OTA otaappdemo.c",
    "OTA ota_hal_digest.c",
    "CC otaappdemo.o",
    "CC ota_hal_digest.o",
    "CC main.o",
    "CC ota_identity.o",
    "LINK firmware.elf",
    "OBJCOPY firmware.bin",
    "image a",
}
BUMP = ["OTA otaappdemo.c", "CC otaappdemo.o", "LINK firmware.elf", "OBJCOPY firmware.bin", "image a"]


@pytest.fixture(scope="session")
def key():
    return generate_private_pem(None)


@pytest.fixture(scope="session")
def other_key():
    return generate_private_pem(None)


@pytest.fixture(params=["scons_3", "scons_4"])
def project(request, tmp_path, key, require_tool):
    require_tool("arm-none-eabi-gcc", Path("/usr/bin/arm-none-eabi-gcc").exists(), "apt-get install gcc-arm-none-eabi")
    return Project(tmp_path / "工程 1" / "p", request.getfixturevalue(request.param), key)


ON_SCONS_4 = pytest.mark.parametrize("project", ["scons_4"], indirect=True)
"""What the builds of aos-tools do on SCons 3.1.2 in tests/aos."""


def test_the_whole_chain_and_what_each_change_redoes(project, other_key):
    assert f"v{project.scons_version}" in project.run("--version")[1]
    assert set(project.steps()) == ALL
    image, payload = project.out("ota_rtos_ota.bin"), project.out("firmware.bin")
    assert image[: len(payload)] == payload
    assert project.manifest()["version"] == "app-1.0.0"
    assert project.manifest()["images"][0]["sha256"] == hashlib.sha256(image).hexdigest()
    assert b"app-1.0.0\0" in payload

    before = project.look()
    assert project.steps() == []
    assert project.look() == before

    # Without a pause: one object, and the new version in the payload.
    for version, old in (("app-1.0.1", "app-1.0.0"), ("app-1.0.0", "app-1.0.1")):
        assert project.steps(f"VERSION={version}") == BUMP
        assert version.encode() + b"\0" in project.out("firmware.bin")
        assert old.encode() not in project.out("ota_rtos_ota.bin")
        assert project.manifest()["version"] == version
    assert project.out("ota_rtos_ota.bin") == image

    project.write_key(other_key)
    assert project.steps() == [
        "OTA ota_hal_digest.c",
        "CC ota_hal_digest.o",
        "LINK firmware.elf",
        "OBJCOPY firmware.bin",
        "image a",
    ]
    assert project.out("ota_rtos_ota.bin") != image


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_users_own_targets_are_decided_as_before(project, place, other_key):
    """A project that decides by time stamps goes on to, and ours still see every change of a value."""

    def age(seconds):
        # Time stamps count by the second there.
        for path in [*(project.root / "out" / "a").iterdir(), project.root / "main.c"]:
            os.utime(path, (time.time() - seconds,) * 2)

    project.set_up(**{place: 'env.Decider("timestamp-newer")'})
    project.steps("VERSION=app-1.1.0")
    age(20)
    os.utime(project.root / "main.c")
    assert "CC main.o" in project.steps("VERSION=app-1.1.0")
    age(10)
    steps = project.steps("VERSION=app-1.1.1")
    assert steps[:2] == ["OTA otaappdemo.c", "CC otaappdemo.o"], steps
    assert project.manifest()["version"] == "app-1.1.1"
    assert b"app-1.1.1\0" in project.out("firmware.bin")
    # A key that is older than what was made with the last one.
    age(5)
    project.write_key(other_key)
    os.utime(project.root / "key.pem", (1_000_000_000,) * 2)
    assert project.steps("VERSION=app-1.1.1")[:2] == ["OTA ota_hal_digest.c", "CC ota_hal_digest.o"]


@ON_SCONS_4
def test_two_firmwares_in_one_project(project):
    """An environment's settings are its own, whatever another was set to before."""
    project.set_up('build("a", OTA_APP_VERSION="app-1.0.5")', 'build("b", OTA_APP_VERSION="app-2.0.0")')
    project.steps("-j4")
    assert (project.manifest("a")["version"], project.manifest("b")["version"]) == ("app-1.0.5", "app-2.0.0")
    assert b"app-2.0.0\0" in project.out("firmware.bin", "b")
    assert b"app-1.0.5\0" not in project.out("firmware.bin", "b")


def test_a_console_that_lacks_characters_of_a_path_ends_no_build(project):
    project.set_up('build("图")')
    status, output = project.run("out/图/otaappdemo.c", env={"PYTHONIOENCODING": "cp1252"})
    assert (status, "OTA out/\\u56fe/otaappdemo.c" in output) == (0, True), output


@ON_SCONS_4
def test_settings_changed_between_two_calls(project):
    project.set_up(
        "env = Environment(tools=[])",
        f'env.Tool("aos_ota", toolpath=[{str(SITE_TOOLS)!r}])',
        'env.Replace(OTA_APP_VERSION="app-1", OTA_SIGNING_KEY="key.pem")',
        'env.OtaSource("out/1/otaappdemo.c", "otaappdemo.c")',
        'env["OTA_APP_VERSION"] = "app-2"',
        'env.OtaSource("out/2/otaappdemo.c", "otaappdemo.c")',
        'env.OtaSource("out/3/otaappdemo.c", "otaappdemo.c", OTA_APP_VERSION="app-3")',
        'env.OtaSource("out/3/ota_app.h", OTA_APP_VERSION="app-3")',
    )
    assert sorted(project.steps()) == ["OTA ota_app.h", *["OTA otaappdemo.c"] * 3]
    for number in "123":
        assert f'#define MY_APP_VER "app-{number}"'.encode() in project.out("otaappdemo.c", number)
    assert b'#define MY_APP_VER "app-3"' in project.out("ota_app.h", "3")


def test_a_setting_of_an_earlier_version_is_warned_of(project):
    project.set_up(
        "env = Environment(tools=[])",
        f'env.Tool("aos_ota", toolpath=[{str(SITE_TOOLS)!r}])',
        'env.Replace(OTA_APP_VERSION="app-1", OTA_SIGNING_KEY="key.pem", OTA_WARN_SHARED_KEY=False)',
        'env.OtaSource("out/1/otaappdemo.c", "otaappdemo.c")',
    )
    status, output = project.run()
    assert status == 0
    assert "aos_ota_plugin: warning: SConstruct: OTA_WARN_SHARED_KEY is obsolete and ignored" in output


@ON_SCONS_4
def test_embedded_identity_and_its_secret(project):
    secret, other = "Zx9plain7Secret", "Zx8other7Secret"
    project.set_up('build("a", OTA_IDENTITY_EMBEDDED=True, OTA_PRODUCT_KEY="a1b2c3", OTA_DEVICE_NAME="device1")')
    refused, output = project.run()
    assert refused == 2
    assert "the device secret" in output
    # The application has a place for the secret only.
    text = (project.root / "otaappdemo.c").read_text(encoding="utf-8")
    (project.root / "otaappdemo.c").write_text(
        text.replace(
            "{\n",
            '{\n    char *product_key = "", *device_name = "";\n    report(product_key);\n    report(device_name);\n',
        ),
        encoding="utf-8",
    )
    assert set(project.steps(env={"AOS_OTA_DEVICE_SECRET": secret})) == ALL
    assert secret.encode() in project.out("firmware.bin")
    assert project.steps(env={"AOS_OTA_DEVICE_SECRET": secret}) == []
    held = [path for path in project.root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert [path for path in held if path.stat().st_mode & 0o077] == []
    assert project.steps(env={"AOS_OTA_DEVICE_SECRET": other}) == [
        "CC ota_identity.o",
        "LINK firmware.elf",
        "OBJCOPY firmware.bin",
        "image a",
    ]
    assert other.encode() in project.out("firmware.bin")
    for path in project.root.rglob("*"):
        if path.is_file() and path.name not in ("ota_identity.o", "firmware.elf", "firmware.bin", "ota_rtos_ota.bin"):
            assert secret.encode() not in path.read_bytes(), path
            assert other.encode() not in path.read_bytes(), path


def test_failing_proof_leaves_the_old_image(project, other_key):
    project.steps()
    images = {name: project.look()[f"out/a/{name}"] for name in ("ota_rtos_ota.bin", "ota_rtos_ota.json")}
    (project.root / "base.json").write_bytes(project.out("ota_rtos_ota.json"))
    other = subprocess.run(["openssl", "pkey", "-pubout"], input=other_key, check=True, capture_output=True)
    (project.root / "other.pem").write_bytes(other.stdout)
    for call, says in (
        ('OTA_PARTITION_SIZE="0x200", OTA_APP_VERSION="app-1.0.1"', "OTA_INIT_FAIL"),
        ('OTA_BASE_RELEASE="base.json"', "app-1.0.0"),
        ('OTA_SIGNING_KEY="none.pem", OTA_APP_VERSION="app-1.0.1"', "none.pem"),
        ('OTA_PUBLIC_KEY="other.pem", OTA_APP_VERSION="app-1.0.1"', "is not the public half"),
    ):
        project.set_up(f'build("a", {call})')
        status, output = project.run()
        assert status == 2, output
        assert says in output
        assert "fix: " in output
        assert "Traceback" not in output
        assert {name: project.look()[f"out/a/{name}"] for name in images} == images
    # As it was set before, it is up to date but for what the failing builds compiled.
    project.set_up()
    project.steps()
    assert {name: project.out(name) for name in images} == {name: data for name, (_, data) in images.items()}


def test_clean_removes_what_was_made(project):
    project.steps()
    assert project.run("-c")[0] == 0
    assert project.look() == {}
    assert set(project.steps()) == ALL


@ON_SCONS_4
def test_unsigned_and_cloud(project):
    """True and False stand for y and n."""
    project.set_up('build("a", OTA_CONFIG_RSA=False)')
    project.steps()
    assert project.manifest()["security"] == "none"
    assert project.out("ota_hal_digest.c") == (project.root / "ota_hal_digest.c").read_bytes()
    public = subprocess.run(
        ["openssl", "pkey", "-in", project.root / "key.pem", "-pubout"], check=True, capture_output=True
    )
    (project.root / "cloud.pem").write_bytes(public.stdout)
    project.set_up('build("a", OTA_CONFIG_CLOUD_RSA=True, OTA_PUBLIC_KEY="cloud.pem")')
    project.steps()
    assert project.manifest()["security"] == "cloud"


@ON_SCONS_4
def test_diff_image(project):
    project.steps("VERSION=app-1.0.0")
    kept = project.root / "发布 1.0.0"
    kept.mkdir()
    for name in ("ota_rtos_ota.bin", "ota_rtos_ota.json"):
        (kept / name).write_bytes(project.out(name))
    old = project.out("firmware.bin")
    project.set_up(f'build("a", OTA_DIFF=True, OTA_BASE_RELEASE={f"{kept.name}/ota_rtos_ota.json"!r})')
    assert project.steps("VERSION=app-1.0.1") == [*BUMP, "OTA ota_rtos_ota.diff.bin"]
    assert [image["kind"] for image in project.manifest()["images"]] == ["full", "diff"]
    assert diff.apply(old, project.out("ota_rtos_ota.diff.bin")) == project.out("firmware.bin")
    assert project.steps("VERSION=app-1.0.1") == []

    project.set_up('build("a", OTA_DIFF=True)')
    status, output = project.run("VERSION=app-1.0.2")
    assert status != 0
    assert "OTA_DIFF: no base release is set" in output
    assert "Traceback" not in output


@ON_SCONS_4
def test_releases_are_kept_and_are_bases(project):
    project.set_up('build("a", OTA_KEEP_RELEASES=True)')
    project.steps("VERSION=app-1.0.0")
    kept = project.root / "releases" / "none"
    assert {path.name for path in (kept / "app-1.0.0").iterdir()} == {
        "firmware.bin",
        "firmware.elf",
        "ota_rtos_ota.bin",
        "ota_rtos_ota.json",
    }
    project.set_up('build("a", OTA_BASE_RELEASE="latest")')
    project.steps("VERSION=app-1.0.1")
    assert project.manifest()["base"]["version"] == "app-1.0.0"
    project.set_up('build("a", OTA_KEEP_RELEASES=True, OTA_BASE_RELEASE="latest")')
    assert project.steps("VERSION=app-1.0.1") == []  # it is made already, and kept now
    assert sorted(path.name for path in kept.iterdir()) == ["app-1.0.0", "app-1.0.1"]


@ON_SCONS_4
def test_modules(project):
    """OTA_MODULES as a variable: a change in a module's folder is seen, and the firmware stays as it is."""
    (project.root / "子设备").mkdir()
    (project.root / "子设备" / "a").write_bytes(b"1")
    listed = project.root / "ota.modules.yaml"
    listed.write_text(
        "modules:\n  - {name: panel, version: v-1, folder: 子设备, store_path: /data/panel.pack}\n", encoding="utf-8"
    )
    project.set_up('build("a", OTA_MODULES="ota.modules.yaml")')
    project.steps()
    image, pack = project.out("ota_rtos_ota.bin"), project.out("ota_module_panel.bin")
    assert pack.endswith(b"a1")
    assert project.manifest()["modules"][0]["image"]["sha256"] == hashlib.sha256(pack).hexdigest()
    assert project.steps() == []
    (project.root / "子设备" / "b").write_bytes(b"2")
    before = project.look()["out/a/ota_rtos_ota.bin"]
    assert project.steps() == ["OTA ota_module_panel.bin", "image a"]
    assert project.look()["out/a/ota_rtos_ota.bin"] == before
    assert project.out("ota_module_panel.bin").endswith(b"b2")
    assert project.out("ota_rtos_ota.bin") == image
    before = project.look()
    listed.write_text(listed.read_text(encoding="utf-8").replace("v-1", "1.0"), encoding="utf-8")
    status, output = project.run()
    assert status != 0
    assert "ota.modules.yaml:2:28: version: YAML reads 1.0 as 1.0" in output
    assert "Traceback" not in output
    assert project.look() == before


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('env.Replace(OTA_APP_VERSION="app-1", OTA_SIGNIN_KEY="key.pem")', ["OTA_SIGNIN_KEY", "OTA_SIGNING_KEY"]),
        (
            'env.Replace(OTA_APP_VERSION="app-1")',
            ["SConstruct: OTA_SIGNING_KEY: no signing key is set", "give the environment"],
        ),
        ('env.Replace(OTA_SIGNING_KEY="key.pem")', ["SConstruct: OTA_APP_VERSION: no version is set"]),
        ('env.Replace(OTA_APP_VERSION="app 1", OTA_SIGNING_KEY="key.pem")', ["OTA_APP_VERSION"]),
    ],
)
def test_settings_that_cannot_work_end_in_our_error_alone(project, line, says):
    """No stack of SCons' around it, nothing made; a project's own OTA_ variables are its own."""
    project.set_up(
        'env = Environment(tools=[], OTA_FLEET_NAME="berlin")',
        f'env.Tool("aos_ota", toolpath=[{str(SITE_TOOLS)!r}])',
        line,
        'env.OtaSource("out/1/otaappdemo.c", "otaappdemo.c")',
    )
    status, output = project.run()
    assert status == 2, output
    assert all(part in output for part in says), output
    assert "fix: " in output
    assert "Traceback" not in output
    assert 'File "' not in output
    assert "OTA_FLEET_NAME" not in output
    assert "package.yaml" not in output
    assert not (project.root / "out").exists()
