r"""Descriptions of chips: the files that an image step makes of the firmware, and which users upload.

A chip has one YAML file, ``NAME.yaml``, with the name of its component: in the solution's ``ota_chips/``, else in
``chips/`` beside this module. docs/chips.md describes the fields. A chip without a file has no image step, or an
unknown one.

>>> chip = parse_chip("schema: aos-ota-chip/1\nfull: ota.bin\nmay_append: any\n", "chips/newchip.yaml")
>>> chip.name, chip.full.name, chip.full.layout.may_append, chip.diff
('newchip', 'ota.bin', None, None)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from aos_ota_plugin.device.payload_layout import PayloadLayout, prebuilt_files
from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.read import TEXT_MAX, decode_text, read_file
from aos_ota_plugin.files.yaml_text import Entry, YamlText, parse_yaml
from aos_ota_plugin.workspace import chip_fields

SCHEMA = "aos-ota-chip/1"
SOLUTION_FOLDER = "ota_chips"
_FOLDER = Path(__file__).with_name("chips")
_OF_IMAGES = ("payload", "layout", "replaced", "may_append")
_FIELDS = ("schema", "folder", *_OF_IMAGES, "full", "xz", "diff", "unsigned")


class UploadedImage(NamedTuple):
    """An image that users upload: its file's name, and the payload that it is made of.

    ``payload`` is the image step's file with the payload: a name in the chip's ``folder``, or a path that begins with
    ``$CHIP``, ``$BOARD`` or ``$SOLUTION``; "" is the linker's .bin.
    """

    name: str = "ota_rtos_ota.bin"
    payload: str = ""
    layout: PayloadLayout = PayloadLayout()


class Chip(NamedTuple):
    """The description of a chip; with an empty ``file`` there is none.

    ``folder`` has the image step's files and the images, in the form of ``UploadedImage.payload``; "" is the linker's
    folder. ``xz`` and ``diff`` are None for devices that take no such image. ``unsigned`` are the names of further
    files of the image step that must not be uploaded.
    """

    name: str = ""
    file: str = ""
    folder: str = ""
    full: UploadedImage = UploadedImage()
    xz: Optional[UploadedImage] = UploadedImage("ota_rtos_ota.bin.xz")
    diff: Optional[str] = "ota_rtos_ota.diff.bin"
    unsigned: Tuple[str, ...] = ()

    @property
    def other_xz(self) -> Optional[UploadedImage]:
        """Return the xz image if it is made of another payload than the full one."""
        return self.xz if self.xz is not None and self.xz.payload != self.full.payload else None

    def prebuilt(self) -> Tuple[str, ...]:
        """Return the prebuilt files that the layouts name."""
        layouts = [self.full.layout, *([self.other_xz.layout] if self.other_xz else [])]
        return tuple(dict.fromkeys(name for layout in layouts for name in prebuilt_files(layout)))


UNDESCRIBED = Chip()
"""A chip without a description."""


class Folders(NamedTuple):
    """The folders that ``$CHIP``, ``$BOARD`` and ``$SOLUTION`` stand for, None for an unknown one."""

    chip: Optional[str] = None
    board: Optional[str] = None
    solution: Optional[str] = None

    def resolve(self, path: str, chip: Chip) -> str:
        """Return the absolute path for a path in a description.

        Raises:
            WorkspaceError: its folder is not known.
        """
        start, _, rest = path.partition("/")
        folder = {"$CHIP": self.chip, "$BOARD": self.board, "$SOLUTION": self.solution}[start]
        if folder is None:
            raise WorkspaceError(
                f"{path}: {start} is not known here",
                place=Place(chip.file),
                remedy="build in a workspace, or give the payload where the build left it, in the chip's component",
            )
        return os.path.join(folder, *rest.split("/")) if rest else folder


def find_description(name: Optional[str], solution: Optional[str] = None) -> Optional[Path]:
    """Return the file that describes a chip, the solution's own first; None where there is none."""
    if not name or not name.isidentifier():
        return None
    folders = [*([Path(solution, SOLUTION_FOLDER)] if solution else []), _FOLDER]
    return next((path for path in (folder / f"{name}.yaml" for folder in folders) if os.path.isfile(path)), None)


def load_chip(name: Optional[str], solution: Optional[str] = None, override: str = "") -> Chip:
    """Read a chip's description; fields of the file ``override`` replace its own.

    Raises:
        WorkspaceError: a description is not as docs/chips.md says, or cannot be read.
    """
    path = find_description(name, solution)
    paths = [str(path)] if path else []
    texts = [(_read(file), file) for file in (*paths, *([override] if override else []))]
    if not texts:
        return Chip(name or "")
    return _build(name or "", [_parse(text, file) for text, file in texts])


def load_named_chip(name: str) -> Chip:
    """Read the description of the chip ``name``, or the description in the file ``name`` (``.yaml``).

    Raises:
        WorkspaceError: there is none, or it is not as docs/chips.md says.
    """
    if name.endswith(".yaml"):
        return parse_chip(_read(name), name)
    if find_description(name) is None:
        names = ", ".join(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
        raise WorkspaceError(
            f"no chip {name[:80]!r} is described here",
            remedy=f"those described are: {names}; or give the path of a description (.yaml); leave it out for a chip "
            "whose image step changes nothing",
        )
    return load_chip(name)


def image_names() -> Tuple[str, ...]:
    """Return the names under which images of all chips described here are uploaded."""
    chips = [load_chip(path.stem) for path in sorted(_FOLDER.glob("*.yaml"))]
    names = (
        name
        for chip in (Chip(), *chips)
        for name in (chip.full.name, chip.xz.name if chip.xz else None, chip.diff)
        if name
    )
    return tuple(dict.fromkeys(names))


def parse_chip(text: str, file: str) -> Chip:
    """Parse the text of a chip's description.

    Raises:
        WorkspaceError: it is no YAML, has another schema, an unknown field, or a value of the wrong kind.
    """
    return _build(Path(file).stem, [_parse(text, file)])


def _read(file: str) -> str:
    data = read_file(
        file, "the description of the chip", "write it as docs/chips.md says", limit=TEXT_MAX, error=WorkspaceError
    )
    try:
        return decode_text(data)
    except UnicodeDecodeError:
        raise WorkspaceError(
            "the description of the chip is not UTF-8", place=Place(file), remedy="save it as UTF-8"
        ) from None


def _parse(text: str, file: str) -> Tuple[YamlText, Dict[str, Entry]]:
    """Return a description's fields by name."""
    yaml_text = parse_yaml(text, file)
    if not isinstance(yaml_text.value, dict):
        raise WorkspaceError(
            "a chip's description has to be a mapping", place=Place(file, 1), remedy=f"begin with `schema: {SCHEMA}`"
        )
    top = yaml_text.top()
    schema = top.get("schema")
    if schema is None or schema.value != SCHEMA:
        raise WorkspaceError(
            f"this is no description of a chip: its schema is not {SCHEMA}",
            place=schema.place if schema else Place(file, 1),
            remedy=f"write `schema: {SCHEMA}`",
        )
    chip_fields.refuse_unknown(yaml_text, yaml_text.root, yaml_text.value, _FIELDS)
    return yaml_text, top


def _build(name: str, files: List[Tuple[YamlText, Dict[str, Entry]]]) -> Chip:
    """Return the chip with the fields of these descriptions; later descriptions replace earlier ones."""
    fields = {key: chip_fields.Field(text, entry) for text, top in files for key, entry in top.items()}
    file = files[-1][0].file
    if "full" not in fields:
        raise WorkspaceError(
            "the description of the chip does not say which file users upload",
            place=Place(file, 1),
            remedy="write its name, e.g. `full: ota_rtos_ota.bin`",
        )
    chip = Chip(
        name,
        file,
        chip_fields.folder(fields.get("folder")),
        _image(fields, "full"),
        _image(fields, "xz") if "xz" in fields else None,
        chip_fields.image_name(fields["diff"]) if "diff" in fields else None,
        chip_fields.image_names(fields.get("unsigned")),
    )
    _refuse_clashes(chip, fields)
    return chip


def _image(fields: Mapping[str, chip_fields.Field], kind: str) -> UploadedImage:
    """Return an image: its own fields, else the description's fields for all images."""
    field = fields[kind]
    inner = field.mapping(("name", *_OF_IMAGES)) if isinstance(field.value, dict) else {"name": field}
    if "name" not in inner:
        raise field.wrong("has no name", "write `name:` below it")
    common = {key: fields[key] for key in _OF_IMAGES if key in fields}
    own = {**common, **inner}
    layout = PayloadLayout(
        chip_fields.parts(own["layout"]) if "layout" in own else (),
        chip_fields.replacements(own["replaced"]) if "replaced" in own else (),
        chip_fields.may_append(own.get("may_append")),
    )
    payload = chip_fields.payload(own["payload"], bool(fields.get("folder"))) if "payload" in own else ""
    return UploadedImage(chip_fields.image_name(own["name"]), payload, layout)


def _refuse_clashes(chip: Chip, fields: Mapping[str, chip_fields.Field]) -> None:
    """Raise WorkspaceError for two files with one name, and for one payload with two layouts."""
    names: Dict[str, str] = {}
    images = [("full", chip.full.name), ("xz", chip.xz.name if chip.xz else ""), ("diff", chip.diff or "")]
    for kind, name in [*images, *(("unsigned", name) for name in chip.unsigned)]:
        if name and name.casefold() in names:
            raise fields[kind].wrong(
                f"{name} is the name under {names[name.casefold()]}, too", "give each file a name of its own"
            )
        names[name.casefold()] = kind
    if chip.xz is not None and chip.xz.payload == chip.full.payload and chip.xz.layout != chip.full.layout:
        raise fields["xz"].wrong(
            "the layout of its payload is not that of the full image, and the payload is the same file",
            "name the file that the xz image is made of (`payload:`), or leave the layout out",
        )
