"""What Wine 8 lacks and Windows has, taken from CPython and pyserial, so that they do without it."""

import _winapi
import sys
import types

sys.modules["_wmi"] = None  # platform reads the registry instead
del _winapi.CopyFile2  # shutil reads and writes instead

_ports = types.ModuleType("serial.tools.list_ports_windows")
_ports.comports = lambda include_links=False: []  # cfgmgr32.dll cannot tell of ports
sys.modules[_ports.__name__] = _ports
