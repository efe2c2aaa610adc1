"""Render whole C files from Jinja templates: sources for solutions without their own, and secrets.

Templates are data, not code: they run in Jinja's sandbox, see only the values named here and the other templates of the
set, and a name that is not defined is an error. One that calls itself without end is an error, too (``large_stack``);
memory and time of others are not limited. Text in, text out; ``template_files`` reads the files.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Callable, Dict, Mapping, NoReturn, Optional, Sequence, Set, Tuple, Union

from ..errors import OtaError, Place, SecretError, SourceError
from .c_text import c_byte_list, c_bytes, c_string
from .digest_places import check_public_key
from .large_stack import call_on_large_stack
from .names import APP_SOURCE, DIGEST_SOURCE, SECRET_FIELDS
from .template_set import TemplateSet
from .values import AppValues, Embedded, EmbeddedSecrets, Kv

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

APP_TEMPLATE = f"{APP_SOURCE}.j2"
DIGEST_TEMPLATE = f"{DIGEST_SOURCE}.j2"
IDENTITY_TEMPLATE = "ota_identity.c.j2"

# Each field's key in the KV partition (that of AliOS Things' own components and documents), and the number of
# characters that the device's ota_service_t has room for.
KV_FIELDS = (
    ("product_key", "hal_devinfo_pk", 20),
    ("product_secret", "hal_devinfo_ps", 64),
    ("device_name", "hal_devinfo_dn", 32),
    ("device_secret", "hal_devinfo_ds", 64),
)


def render_app(values: AppValues, *, templates: TemplateSet) -> bytes:
    """Return the application's source, UTF-8. Raises SourceError for a bad template or value."""
    c_string(values.version or "", "the version")
    identity = values.identity
    context: Dict[str, object] = {"version": values.version}
    if isinstance(identity, Embedded):
        c_string(identity.product_key, "the product key")
        c_string(identity.device_name, "the device name")
        context.update(
            identity="embedded",
            product_key=identity.product_key,
            device_name=identity.device_name,
            has_product_secret=identity.has_product_secret,
            has_device_secret=identity.has_device_secret,
        )
    else:
        context.update(identity="kv", has_product_secret=True, has_device_secret=True)
    return _render(APP_TEMPLATE, templates, context).encode("utf-8")


def render_digest(n: bytes, e: bytes, *, templates: TemplateSet) -> bytes:
    """Return ``ota_hal_digest.c`` with this public key (n and e, big-endian), UTF-8.

    Raises SigningKeyError unless the key fits the device's arrays, SourceError for a bad template.
    """
    check_public_key(n, e)
    return _render(DIGEST_TEMPLATE, templates, {"n": n, "e": e}).encode("utf-8")


def render_identity(identity: Union[EmbeddedSecrets, Kv], *, templates: TemplateSet) -> str:
    """Return the C text of the object with the secrets: as constants, or read from the KV partition.

    The text goes to the compiler's standard input, never into a file, and no error text holds a secret. Raises
    SecretError if there is no secret to embed, SourceError for a bad template or value.
    """
    if isinstance(identity, Kv):
        return _render(IDENTITY_TEMPLATE, templates, {"identity": "kv", "fields": KV_FIELDS})
    secrets = {field: str(getattr(identity, field)) for field in SECRET_FIELDS if getattr(identity, field)}
    if not secrets:
        raise SecretError("there is no secret to embed in the firmware", remedy="set the device secret")
    for field, secret in secrets.items():
        c_string(secret, f"the {field.replace('_', ' ')}")
    context = {"identity": "embedded", "secrets": secrets}
    return _render(IDENTITY_TEMPLATE, templates, context, hidden=tuple(secrets.values()))


def _render(name: str, templates: TemplateSet, context: Mapping[str, object], hidden: Sequence[str] = ()) -> str:
    text = call_on_large_stack(lambda: _text_or_error(name, templates, context, hidden))
    if isinstance(text, OtaError):
        raise text  # outside the handler: the template's own error may hold a secret and must not be shown
    return f"/* Made by aos_ota_plugin from {name}; edits here are lost. */\n{text}"


def _text_or_error(
    name: str, templates: TemplateSet, context: Mapping[str, object], hidden: Sequence[str]
) -> Union[str, OtaError]:
    try:
        return _environment(templates).get_template(name).render(context)
    except Exception as error:  # a template can fail in any way
        return _failure(error, name, templates, hidden)


def _environment(templates: TemplateSet) -> ImmutableSandboxedEnvironment:
    from jinja2 import FunctionLoader, StrictUndefined  # here, because a no-change build renders nothing
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def load(name: str) -> Optional[Tuple[str, str, Callable[[], bool]]]:
        template = templates.get(name)
        return (template.text, template.file, _always_current) if template else None

    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        autoescape=False,  # this writes C, not HTML; c_string keeps values inside their literals
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(c_string=c_string, c_bytes=c_bytes, c_byte_list=c_byte_list)
    environment.globals["fail"] = _fail
    # The same inputs give the same bytes.
    del environment.filters["random"], environment.globals["lipsum"]
    return environment


def _always_current() -> bool:
    return True


def _fail(message: object) -> NoReturn:
    """Refuse values that a template cannot work with."""
    raise SourceError(str(message))


def _failure(error: Exception, name: str, templates: TemplateSet, hidden: Sequence[str]) -> OtaError:
    """Return the error for a template that failed, with the template's file and line."""
    from jinja2 import TemplateNotFound, TemplateSyntaxError

    files = {template.file for template in templates.values()}
    file = templates[name].file if name in templates else name
    place = _place_of(error.__traceback__, files) or Place(file)
    remedy = "correct the template, or remove it to use the plugin's own"
    if isinstance(error, OtaError):
        problem, place, remedy = error.problem, error.place or place, error.remedy or remedy
    elif isinstance(error, TemplateSyntaxError):
        place = Place(error.filename or file, error.lineno)
        problem = f"the template is not valid: {error.message}"
    elif isinstance(error, TemplateNotFound):
        problem = f"there is no template {error.name}"
        remedy = "add it to the solution's templates folder"
    elif isinstance(error, RecursionError):
        problem = "the template calls or includes itself without end, or is nested too deeply"
    elif isinstance(error, MemoryError):
        problem = "the template makes more than there is memory for, or is too complex to be compiled"
    else:
        problem = f"the template failed: {type(error).__name__}: {error}"
    if any(secret in problem for secret in hidden):
        problem = f"the template failed: {type(error).__name__}, with a message that holds a secret"
    return SourceError(problem[:1000], place=place, remedy=remedy)


def _place_of(traceback: Optional[TracebackType], files: Set[str]) -> Optional[Place]:
    """Return the innermost template line of a traceback; Jinja gives its frames the files and lines."""
    place = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in files:
            place = Place(traceback.tb_frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
