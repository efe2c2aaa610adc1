"""Solutions of other shapes than the vendor's ota_demo, through the real ``aos make``: with a main of their own, several
sources and globs, and no otaappdemo.c; and those without a main."""

from __future__ import annotations

import json
import os
import time

import pytest

pytestmark = pytest.mark.aos

HEADER = "out/aos_ota_plugin/include/ota_app.h"
MISSING = 'includes the version: add the line  #include "ota_app.h"  to the source'

# The vendor's linksdk_demo: the main in one file of a folder, what connects, with the identity, in another.
ENTRY = """\
/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "aos/kernel.h"
#include "netmgr.h"
#include "uservice/eventid.h"
#include "uservice/uservice.h"

extern int connection_main(void);

static void on_network(uint32_t event, const void *param, void *context)
{
    (void)event;
    (void)param;
    (void)context;
    connection_main();
}

int application_start(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    event_service_init(NULL);
    netmgr_service_init(NULL);
    event_subscribe(EVENT_NETMGR_DHCP_SUCCESS, on_network, NULL);
    for (;;) {
        aos_msleep(1000);
    }
    return 0;
}
"""
CONNECTION = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* 设备的身份在这里 */
#include <stdio.h>
#include <string.h>

#include "ota_agent.h"
#include "report.h"

static ota_service_t service;
static ota_store_module_info_t modules[2];

static void offered(void *ctx, char *version, char *module, void *param)
{
    ota_store_module_info_t info;

    (void)version;
    (void)param;
    if (strcmp(module, "default") == 0) {
        ota_service_start(ctx);
    } else if (ota_get_module_information(ctx, module, &info) == OTA_SUCCESS) {
        ota_download_to_fs_service(ctx, info.store_path);
        ota_clear();
    }
}

int connection_main(void)
{
    char *product_key       = "";
    char *device_name       = "";
    char *device_secret     = "";

    printf("%s, a secret of %d characters\\n", device_name, (int)strlen(device_secret));
    ota_service_param_reset(&service);
    snprintf(service.pk, sizeof(service.pk), "%s", product_key);
    snprintf(service.dn, sizeof(service.dn), "%s", device_name);
    ota_register_module_store(&service, modules, 2);
    ota_set_module_information(&service, "module1", "/data/module1.bin", OTA_UPGRADE_CUST);
    ota_register_trigger_msg_cb(&service, (void *)offered, NULL);
    if (ota_service_init(&service) < 0) {
        return -1;
    }
    return report(&service);
}
"""
REPORT = """\
/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

int report(ota_service_t *service)
{
    return ota_report_module_version(service, "default", "none yet");
}
"""
REPORT_HEADER = '#include "ota_agent.h"\n\nint report(ota_service_t *service);\n'


def _is_linksdk_shaped(workspace):
    """Its sources, and ota among its dependencies; the first build has no version to find."""
    (workspace.solution / "otaappdemo.c").unlink()
    folder = workspace.solution / "separate_app"
    folder.mkdir()
    for name, text in {
        "main.c": ENTRY,
        "connection.c": CONNECTION,
        "report.c": REPORT,
        "report.h": REPORT_HEADER,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    workspace.edit(workspace.package, "  - otaappdemo.c\n", '  - "separate_app/*.c"\n')


def _adds_the_line(workspace):
    report = workspace.solution / "separate_app" / "report.c"
    workspace.edit(report, '#include "report.h"\n', '#include "ota_app.h"\n#include "report.h"\n')
    text = report.read_text(encoding="utf-8")
    report.write_text(text.replace('"none yet"', "MY_APP_VER"), encoding="utf-8")


@pytest.fixture
def linksdk(restore_state):
    """A workspace of that shape, built, with the version in its main."""

    def build(workspace):
        _is_linksdk_shaped(workspace)
        _adds_the_line(workspace)
        workspace.made()

    return restore_state("linksdk shape", build)


def test_a_solution_with_a_main_is_told_the_line_to_add(built_workspace):
    workspace = built_workspace
    before = workspace.snapshot()
    _is_linksdk_shaped(workspace)
    failed = workspace.make("OTA_APP_VERSION=app-1.0.1")
    assert failed.status == 2, failed.output
    # No second application; what an earlier build rendered is gone.
    assert not (workspace.out / "ota_demo" / "otaappdemo.c").exists()
    assert "multiple definition" not in failed.output
    assert failed.output.count(MISSING) == 1
    assert "does not hold the version app-1.0.1" in failed.output
    assert 'fix: add the line  #include "ota_app.h"  to the source that reports the version' in failed.output
    assert workspace.snapshot() == before
    _adds_the_line(workspace)
    made = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert MISSING not in made.output
    assert json.loads(workspace.manifest.read_bytes())["version"] == "app-1.0.1"
    cleaned = workspace.make("clean")
    assert (cleaned.status, (workspace.solution / HEADER).exists()) == (0, False)
    assert not (workspace.out / "ota_demo" / "separate_app" / "connection.c").exists()


def test_linksdk_shape(linksdk):
    """Version by the header, identity in the source that has its places; each change makes anew what includes it."""
    workspace = linksdk
    assert workspace.made().count() == {}
    for number in (1, 2):
        if number == 2:  # as if within the second in which the object was made, which aos-tools' decider cannot tell
            soon = int(time.time()) + 2
            for name in ("separate_app/report.o", "aos.elf"):
                os.utime(workspace.out / "ota_demo" / name, (soon, soon))
        bumped = workspace.made(f"OTA_APP_VERSION=app-1.0.{number}")
        assert bumped.steps("CC") == ["out/ota_demo/separate_app/report.o"], bumped.output
        assert f"app-1.0.{number}".encode() + b"\0" in workspace.elf.read_bytes()
    lines = workspace.made("V=1", "OTA_APP_VERSION=app-1.0.3", *EMBEDDED, env=SECRET).output.splitlines()
    made = [line for line in lines if "gcc" in line and " -c " in line]
    assert {line.split(" -o ")[1].split()[0] for line in made} == {
        "out/ota_demo/separate_app/report.o",
        "out/ota_demo/separate_app/connection.o",
    }
    assert all("aos_ota_plugin/include" in line for line in made)
    for text in (b"a1b2c3d4e5f\0", b"device-7\0", b"Zq85shape7secret\0"):
        assert text in workspace.elf.read_bytes()
    rendered = (workspace.out / "ota_demo" / "separate_app" / "connection.c").read_text(encoding="utf-8")
    assert "设备的身份在这里" in rendered
    assert "Zq85shape7secret" not in rendered


EMBEDDED = ("OTA_IDENTITY_EMBEDDED=y", "OTA_PRODUCT_KEY=a1b2c3d4e5f", "OTA_DEVICE_NAME=device-7")
SECRET = {"AOS_OTA_DEVICE_SECRET": "Zq85shape7secret"}


def test_named_source_and_back(linksdk):
    """Which source is rendered can change from build to build: the others' own text counts again."""
    workspace = linksdk
    report = workspace.solution / "separate_app" / "report.c"
    workspace.edit(report, '#include "ota_app.h"\n', '#define MY_APP_VER "by hand"\n')
    several = workspace.make()
    assert several.status == 2
    assert "separate_app/report.c has MY_APP_VER in line 2" in several.output
    line = CONNECTION.partition("product_key")[0].count("\n") + 1
    assert f"separate_app/connection.c has product_key in line {line}" in several.output
    assert "`OTA_APP_SOURCE: separate_app/" in several.output
    assert 'write  #include "ota_app.h"  in separate_app/report.c in the place of its MY_APP_VER' in several.output
    workspace.edit(workspace.package, "def_config:\n", "def_config:\n  OTA_APP_SOURCE: separate_app\\report.c\n")
    chosen = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert "warning: separate_app/connection.c holds version or identity, too, and stays as it is" in chosen.output
    rendered = workspace.out / "ota_demo" / "separate_app"
    assert (rendered / "report.c").exists()
    assert not (rendered / "connection.c").exists()
    assert b"app-1.0.1\0" in workspace.elf.read_bytes()
    assert b"by hand" not in workspace.elf.read_bytes()
    # Its own identity is left to the other source: it has no place for one here.
    embedded = workspace.make(*EMBEDDED, env=SECRET)
    assert embedded.status == 2
    assert "separate_app/report.c has no place for the product key" in embedded.output
    workspace.edit(report, '#define MY_APP_VER "by hand"\n', '#include "ota_app.h"\n')
    workspace.edit(workspace.package, "  OTA_APP_SOURCE: separate_app\\report.c\n", "")
    workspace.made("OTA_APP_VERSION=app-1.0.2")
    assert (rendered / "connection.c").exists()
    assert not (rendered / "report.c").exists()
    assert b"app-1.0.2\0" in workspace.elf.read_bytes()


# The vendor's py_engine_demo: ota comes by another component, whose service it is; the main does next to nothing.
ENGINE = """\
name: engine
version: master
description: An interpreter that takes updates
type: common
depends:
  - ota: master
build_config:
  include:
    - include
source_file:
  - engine.c
"""
ENGINE_SOURCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"
#include "ota_agent.h"

static ota_service_t service;

void engine_run(const char *version)
{
    if (ota_service_init(&service) == OTA_SUCCESS) {
        ota_report_module_version(&service, "default", (char *)version);
        ota_service_start(&service);
    }
}
"""
ENGINE_MAIN = """\
/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"
#include "ota_app.h"

int application_start(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    engine_run(MY_APP_VER);
    return 0;
}
"""


def test_py_engine_shape(built_workspace):
    workspace = built_workspace
    (workspace.solution / "otaappdemo.c").unlink()
    folder = workspace.root / "components" / "engine"
    (folder / "include").mkdir(parents=True)
    (folder / "package.yaml").write_text(ENGINE)
    (folder / "engine.c").write_text(ENGINE_SOURCE)
    (folder / "include" / "engine.h").write_text("void engine_run(const char *version);\n")
    (workspace.solution / "appdemo.c").write_text(ENGINE_MAIN)
    workspace.edit(workspace.package, "  - ota: master\n", "  - engine: master\n")
    text = workspace.package.read_text(encoding="utf-8")
    for name in ("netmgr", "cjson"):
        text = text.replace(f"  - {name}: master\n", "")
    workspace.package.write_text(text.replace("  - maintask.c\n  - otaappdemo.c\n", '  - "*.c"\n'), encoding="utf-8")
    made = workspace.made()
    assert HEADER in made.steps("OTA"), made.output
    assert json.loads(workspace.manifest.read_bytes())["version"] == "app-1.0.0"
    bumped = workspace.made("OTA_APP_VERSION=app-1.0.1")
    assert bumped.steps("CC") == ["out/ota_demo/appdemo.o"], bumped.output
    refused = workspace.make(*EMBEDDED, env=SECRET)
    assert refused.status == 2
    assert "OTA_IDENTITY_EMBEDDED: no source of the solution has a place for the identity" in refused.output
    assert refused.steps("CC") == []


def test_what_is_missing_is_named_before_compiling(built_workspace):
    """The template's application, for a solution without a main, and an identity in the KV partition."""
    workspace = built_workspace
    (workspace.solution / "otaappdemo.c").unlink()
    text = workspace.package.read_text(encoding="utf-8").replace("  - otaappdemo.c\n", "")
    workspace.package.write_text(text.replace("  - netmgr: master\n", ""), encoding="utf-8")
    refused = workspace.make()
    assert refused.status == 2
    assert f"error: {workspace.package}:9:1: the application that is added to a solution without a main needs the " in (
        refused.output
    )
    assert "fix: add under depends:\n  - netmgr: master\n  - uservice: master\n" in refused.output
    assert refused.steps("CC") == []
    workspace.package.write_text(text, encoding="utf-8")
    assert "out/ota_demo/otaappdemo.o" in workspace.made().steps("CC")
    for name in ("netmgr", "ota"):
        path = workspace.root / "components" / name / "package.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("  - kv: master\n", ""), encoding="utf-8")
    refused = workspace.make("OTA_APP_VERSION=app-1.0.1")
    assert refused.status == 2
    assert "an identity in the key-value partition needs the component kv" in refused.output
    assert refused.output.count("  - kv: master\n") == 1
    assert refused.steps("CC") == []
