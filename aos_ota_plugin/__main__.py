"""``python -m aos_ota_plugin`` is ``aos-ota``."""

from aos_ota_plugin.cli.entry import entry

entry()
