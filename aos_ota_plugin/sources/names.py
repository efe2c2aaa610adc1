"""The names of version and identity in C sources, and those of the files that hold them."""

from __future__ import annotations

VERSION_MACRO = "MY_APP_VER"
FIELDS = ("product_key", "product_secret", "device_name", "device_secret")
SECRET_FIELDS = ("product_secret", "device_secret")

APP_SOURCE = "otaappdemo.c"
"""The vendor's name: a source that is called so counts as the application whatever it holds."""
DIGEST_SOURCE = "ota_hal_digest.c"
"""The component's source with the public key."""
APP_HEADER = "ota_app.h"
"""The generated header with the version."""
INCLUDE_LINE = f'#include "{APP_HEADER}"'
"""The line to add to the source that reports the version."""
APP_SOURCE_SETTING = "OTA_APP_SOURCE"
