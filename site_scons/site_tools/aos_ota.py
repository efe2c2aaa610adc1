"""The SCons tool `aos_ota`: `env.Tool("aos_ota")` adds OtaSource, OtaIdentity and OtaImage."""

import os
import sys

try:
    import aos_ota_plugin  # noqa: F401
except ImportError:
    # Used from a checkout that is not installed: the package stands two folders up.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from aos_ota_plugin.scons.tool import exists, generate

__all__ = ["exists", "generate"]
