# Hooks aos_ota_plugin into this solution's SConstruct without touching its package.yaml. SCons runs this file before
# the SConstruct and gives it the names that it defines; `Export("defconfig")` is where the solution is known and no
# component has been read yet. SCons 3, which `aos make` uses, loads this file up to Python 3.11 only.
try:
    from aos_ota_plugin.scons.site import hooked
except (ImportError, SyntaxError) as _error:
    import sys as _sys

    _sys.stderr.write(
        "aos_ota_plugin: error: the Python that runs this build (%s, version %d.%d) cannot load %s\n"
        '  fix: with Python 3.9 or newer: "%s" -m pip install aos_ota_plugin (for a checkout: the path of its folder)\n'
        % (_sys.executable, *_sys.version_info[:2], getattr(_error, "name", None) or _error, _sys.executable)
    )
    raise SystemExit(2) from None

Export = hooked(Export)  # noqa: F821  # SCons puts its functions here
