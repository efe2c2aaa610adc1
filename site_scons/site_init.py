# Hooks aos_ota_plugin into this solution's SConstruct without touching its package.yaml. SCons runs this file before
# the SConstruct and gives it the names that it defines; `Export("defconfig")` is where the solution is known and no
# component has been read yet. SCons 3, which `aos make` uses, loads this file up to Python 3.11 only.
from aos_ota_plugin.scons.site import hooked

Export = hooked(Export)  # noqa: F821  # SCons puts its functions here
