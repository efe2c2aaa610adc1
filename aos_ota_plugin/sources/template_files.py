"""Read the templates: the plugin's own, and a solution's, which take their place."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

from aos_ota_plugin.files.read import decode_text, read_bytes

from ..errors import Place, SourceError
from .template_set import Template, TemplateSet

SUFFIX = ".j2"
# A template that replaces one of the plugin's own can extend that one by its name with this prefix.
OWN = "aos_ota_plugin/"


def load_templates(user_dir: Optional[str] = None) -> TemplateSet:
    """Return the templates by name; those in ``user_dir`` replace our own of the same name.

    ``user_dir`` is a solution's ``templates`` folder; a folder that does not exist counts as empty. Raises SourceError
    for a file that cannot be read or is not UTF-8.
    """
    own = _read(own_folder())
    templates = dict(own)
    templates.update((OWN + name, template) for name, template in own.items())
    if user_dir is not None:
        templates.update(_read(Path(user_dir)))
    return templates


def own_folder() -> Path:
    """Return the folder of our own templates: in an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def _read(folder: Path) -> Dict[str, Template]:
    templates = {}
    for path in sorted(folder.rglob("*" + SUFFIX)) if folder.is_dir() else ():
        try:
            text = decode_text(read_bytes(path))
        except UnicodeDecodeError:
            raise SourceError("this template is not UTF-8", place=Place(str(path)), remedy="save it as UTF-8") from None
        except OSError as error:
            raise SourceError(
                f"this template cannot be read: {error.strerror}",
                place=Place(str(path)),
                remedy="make it a readable file, or remove it",
            ) from error
        templates[path.relative_to(folder).as_posix()] = Template(text, str(path))
    return templates
