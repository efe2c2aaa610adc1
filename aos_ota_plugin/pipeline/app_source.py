"""Find the source of a solution that gets version and identity."""

from __future__ import annotations

import errno
import os
from typing import Dict, Iterable, Optional

from aos_ota_plugin.errors import Place, SettingsError, SourceError
from aos_ota_plugin.files.read import SOURCE_MAX, read_bytes
from aos_ota_plugin.settings.fields import OtaSettings
from aos_ota_plugin.settings.raw import PACKAGE_YAML
from aos_ota_plugin.sources.app_source import ASSEMBLER, AppChoice, choose_app_source
from aos_ota_plugin.sources.names import APP_SOURCE, APP_SOURCE_SETTING

_SUFFIXES = (".c", ".cc", ".cpp", ".cxx")


def find_app_source(folder: str, names: Iterable[str], settings: OtaSettings, *, own_template: bool) -> AppChoice:
    """Return the source, header or template that gets version and identity.

    ``names`` are the sources that the solution in ``folder`` compiles, by their paths below it, with forward slashes.
    With ``own_template`` the solution has an ``otaappdemo.c.j2`` of its own, which is then the application.

    Raises:
        SettingsError: OTA_APP_SOURCE names no source of the solution, or there is no place for an embedded identity.
        SourceError: several sources hold version or identity, or one cannot be read.
    """
    names = list(names)
    sources = [name for name in names if name.lower().endswith(_SUFFIXES)]
    named = _named(settings, sources)
    if own_template:
        if named and os.path.basename(named) != APP_SOURCE:
            raise SettingsError(
                f"{APP_SOURCE_SETTING} names {named}, and templates/{APP_SOURCE}.j2 is the application, too",
                place=settings.origins[APP_SOURCE_SETTING].place,
                remedy="keep one of them",
            )
        return AppChoice(named or _vendors(sources), version_in_source=True, template=True)
    assembler = [name for name in names if name.lower().endswith(ASSEMBLER)]
    choice = choose_app_source(_read(folder, [*sources, *assembler], named), named)
    if choice.source is None and not choice.template and settings.identity == "embedded":
        raise SettingsError(
            "OTA_IDENTITY_EMBEDDED: no source of the solution has a place for the identity",
            place=settings.origins["OTA_IDENTITY_EMBEDDED"].place or Place(os.path.join(folder, PACKAGE_YAML)),
            remedy='declare  char *product_key = "";  and likewise device_name and device_secret in the function that '
            "connects; or set OTA_IDENTITY_KV to y, and every device reads its own",
        )
    return choice


def _vendors(sources: Iterable[str]) -> Optional[str]:
    return next((name for name in sources if os.path.basename(name) == APP_SOURCE), None)


def _named(settings: OtaSettings, sources: Iterable[str]) -> str:
    """Return the source that OTA_APP_SOURCE names, as it stands in the list; "" without the setting."""
    wanted = settings.app_source
    if not wanted:
        return ""
    sources = list(sources)
    for name in sources:
        if os.path.normcase(name) == os.path.normcase(wanted):
            return name
    raise SettingsError(
        f"{APP_SOURCE_SETTING}: the solution does not compile {wanted}"
        + ("" if os.path.isfile(os.path.join(settings.solution_dir, wanted)) else ", and there is no such file"),
        place=settings.origins[APP_SOURCE_SETTING].place,
        remedy="list it under source_file: in package.yaml, or name one that is: " + ", ".join(sorted(sources)[:5]),
    )


def _read(folder: str, names: Iterable[str], named: str) -> Dict[str, bytes]:
    sources = {}
    for name in names:
        path = os.path.join(folder, *name.split("/"))
        try:
            sources[name] = read_bytes(path, SOURCE_MAX)
        except OSError as error:
            if error.errno == errno.EFBIG and name != named:
                continue  # data of megabytes, a font or a picture: no application is that large
            raise SourceError(
                f"cannot read the source {path}: {error.strerror or error}", remedy="make it a readable file"
            ) from None
    return sources
