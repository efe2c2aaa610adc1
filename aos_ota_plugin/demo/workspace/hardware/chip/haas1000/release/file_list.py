"""The flasher's file list: which file of ota_bin goes where. Handled as text, so that its comments stay."""

import re
from pathlib import Path

PATH = Path(__file__).resolve().parent / "write_flash_gui" / "haas1000_dld_cfg.yaml"
OTA_BIN = PATH.parent / "ota_bin"

ENTRY = re.compile(
    r"- \w+:\n"
    r" +ADDR: *(?P<addr>\w+)\n"
    r" +FILE_NAME: *(?P<name>\S+)\n"
    r" +SIZE: *(?P<size>\w+)\n"
    r" +SWITCH: *(?P<switch>true|false)"
)


def entries(text):
    """(file name, address, size, switched on) of every entry; address and size in bytes."""
    return [
        (found["name"], int(found["addr"], 0), int(found["size"], 0), found["switch"] == "true")
        for found in ENTRY.finditer(text)
    ]


def switched(text, present):
    """The same text with SWITCH on for the files named in `present` and off for the others."""

    def replace(match):
        value = "true" if match["name"] in present else "false"
        return match[0][: match.start("switch") - match.start()] + value

    return ENTRY.sub(replace, text)
