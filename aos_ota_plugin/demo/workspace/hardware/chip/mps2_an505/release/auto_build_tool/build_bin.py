"""The chip's image step: that of the haas1000, with this chip's file list and folder."""

import runpy
import sys
from pathlib import Path

sys.dont_write_bytecode = True
RELEASE = Path(__file__).resolve().parent.parent
OF_HAAS1000 = RELEASE.parent.parent / "haas1000" / "release"
sys.path.insert(0, str(OF_HAAS1000))

import file_list

file_list.PATH = RELEASE / "write_flash_gui" / "mps2_dld_cfg.yaml"
file_list.OTA_BIN = file_list.PATH.parent / "ota_bin"
runpy.run_path(str(OF_HAAS1000 / "auto_build_tool" / "build_bin.py"), run_name="__main__")
