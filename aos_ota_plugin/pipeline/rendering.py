"""Render the C sources of a build, from the user's sources or our templates."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from aos_ota_plugin.errors import SigningKeyError, SourceError
from aos_ota_plugin.files.read import SOURCE_MAX, read_file

# Imported where it is used: a build with nothing to render needs none of it.
if TYPE_CHECKING:
    from aos_ota_plugin.keys.rsa import PublicKey
    from aos_ota_plugin.pipeline.start_checks import SourcePlan
    from aos_ota_plugin.settings.resolve import OtaSettings
    from aos_ota_plugin.sources.template_set import TemplateSet
    from aos_ota_plugin.sources.values import AppValues
    from aos_ota_plugin.workspace.used_components import BuildInputs, UsedComponent


def app_values(settings: OtaSettings, *, with_version: bool = True) -> AppValues:
    """Return the values for the rendered source of the application."""
    from aos_ota_plugin.sources.values import AppValues, Embedded, Kv

    version = settings.app_version if with_version else None
    if settings.identity == "embedded":
        return AppValues(
            version=version,
            identity=Embedded(
                product_key=settings.product_key or "",
                device_name=settings.device_name or "",
                has_product_secret=settings.secrets.product_secret is not None,
                has_device_secret=settings.secrets.device_secret is not None,
            ),
        )
    return AppValues(version=version, identity=Kv())


def read_source(path: str) -> bytes:
    """Read a C source of the user's. Raises SourceError."""
    return read_file(path, "the source", "restore it", limit=SOURCE_MAX, error=SourceError)


def render_app_source(
    settings: OtaSettings,
    *,
    user_file: Optional[str],
    display: Optional[str],
    templates: TemplateSet,
    with_version: bool = True,
) -> bytes:
    """Return the application's source: the user's with injected values, or the full template.

    Version and identity are injected; without ``with_version`` only the identity: the version is in ``ota_app.h``.
    ``display`` is the user's file in compiler messages.

    Raises:
        SourceError: a value has no place or several, or a template cannot be rendered.
    """
    from aos_ota_plugin.sources.inject import inject_app
    from aos_ota_plugin.sources.render import render_app

    values = app_values(settings, with_version=with_version)
    if user_file is None:
        return render_app(values, templates=templates)
    return inject_app(read_source(user_file), _with_slashes(display or user_file), values)


def render_app_header(settings: OtaSettings) -> bytes:
    """Return ``ota_app.h`` with the version. Raises SourceError."""
    from aos_ota_plugin.sources.app_header import app_header

    return app_header(settings.app_version)


def render_digest_source(
    public_key: Optional[PublicKey], *, user_file: Optional[str], display: Optional[str], templates: TemplateSet
) -> bytes:
    """Return ``ota_hal_digest.c``: the user's file with the public key injected, or the full template.

    Raises:
        SourceError: the key has no place or several, or a template cannot be rendered.
        SigningKeyError: there is no key.
    """
    from aos_ota_plugin.sources.inject import inject_digest
    from aos_ota_plugin.sources.render import render_digest

    if public_key is None:
        raise SigningKeyError(
            "there is no public key to put into ota_hal_digest.c",
            remedy="set OTA_SIGNING_KEY (local mode) or OTA_PUBLIC_KEY (cloud mode)",
        )
    if user_file is None:
        return render_digest(public_key.n_bytes, public_key.e_bytes, templates=templates)
    return inject_digest(
        read_source(user_file), _with_slashes(display or user_file), public_key.n_bytes, public_key.e_bytes
    )


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")


def render_identity_source(settings: OtaSettings, *, templates: TemplateSet) -> str:
    """Return the C text of the only object that may hold secrets. Never write it to a file."""
    from aos_ota_plugin.sources.render import render_identity
    from aos_ota_plugin.sources.values import EmbeddedSecrets, Kv

    if settings.identity == "kv":
        return render_identity(Kv(), templates=templates)
    product, device = settings.secrets.product_secret, settings.secrets.device_secret
    return render_identity(
        EmbeddedSecrets(
            product_secret=product.reveal().decode("ascii") if product else None,
            device_secret=device.reveal().decode("ascii") if device else None,
        ),
        templates=templates,
    )


def render_all(inputs: BuildInputs, plan: SourcePlan, settings: OtaSettings, public_key: Optional[PublicKey]) -> None:
    """Render every source of a build, to find errors that would end the build; drop the results.

    Without ``public_key`` the source that gets it is left out. Raises SourceError.
    """
    from aos_ota_plugin.pipeline.start_checks import AGENT
    from aos_ota_plugin.sources.render import DIGEST_TEMPLATE
    from aos_ota_plugin.sources.template_files import load_templates

    folder = os.path.join(inputs.solution.path, "templates")
    templates = load_templates(folder if os.path.isdir(folder) else None)
    source = plan.application.source
    if source or plan.application.template:
        render_app_source(
            settings,
            user_file=_below(inputs.solution, source) if source and not plan.own_template else None,
            display=source,
            templates=templates,
            with_version=plan.application.version_in_source,
        )
    render_identity_source(settings, templates=templates)
    if plan.digest and public_key:
        own = os.path.isfile(os.path.join(folder, DIGEST_TEMPLATE))
        file = None if own else _below(inputs.components[AGENT], plan.digest)
        render_digest_source(public_key, user_file=file, display=plan.digest, templates=templates)


def _below(component: UsedComponent, relative: str) -> str:
    return os.path.join(component.path, *relative.split("/"))
