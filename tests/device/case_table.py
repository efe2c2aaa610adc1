"""Reads the case table, `cases/*.yaml`: what a device answers to a push message and the file behind it.

`cases/README.md` describes the form. Errors name file and line.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

import yaml
from case_files import KINDS, OTHER, OWN, SECTION_KEYS, STEP_KEYS, changed, make_file

from aos_ota_plugin.device.acceptance import Device
from aos_ota_plugin.device.limits import HAAS100_RTOS_SIZE
from aos_ota_plugin.keys.rsa import PublicKey

FOLDER = Path(__file__).parent / "cases"
URL = "https://ota.example/image.bin"
KEY_OF_DEVICE = {
    "own": OWN.public_key,
    "other": OTHER.public_key,
    "zero": PublicKey(0),
    "none": None,
    "exponent 3": PublicKey(OWN.public_key.modulus, 3),
}
CASE_KEYS = {
    "name", "mode", "file", "damage", "push", "top", "fields", "version", "offers", "key", "partition", "module",
    "vendor", "hardened", "both", "stricter",
}  # fmt: skip
EXPECTED_KEYS = {"code", "boot", "unpack", "fault", "unchecked", "words"}
MODES = ("local", "cloud")
Place = str


class CaseError(ValueError):
    """A mistake in the table; its text begins with file and line."""


@dataclass(frozen=True)
class Expected:
    """A device's answer: the agent's code, or a fault; then the boot stage's code, or the unpacking's.

    `boot` is "fails" where any code will do, and another text where the boot stage has a fault. `unchecked`: it is accepted without a check of its RSA signature. `words`
    are part of the verdict's text.
    """

    code: Optional[int] = None
    fault: Optional[str] = None
    boot: Union[int, str] = 0
    unpack: int = 0
    unchecked: bool = False
    words: str = ""


@dataclass(frozen=True)
class Case:
    """A device, and what it is offered; an answer is None where it was not measured, or no rule says it.

    `stricter` is the model's answer for the vendor's device where it refuses on purpose what that device takes.
    """

    name: str
    place: Place
    mode: str
    version: str
    public_key: Optional[PublicKey]
    partition_size: int
    text: bytes
    file: bytes
    base: Optional[bytes]
    vendor: Optional[Expected]
    hardened: Optional[Expected]
    stricter: Optional[Expected]

    def device(self, *, hardened: bool) -> Device:
        """Return the case's device, of the vendor's kind or the hardened one."""
        return Device(self.public_key, self.mode == "local", self.version, self.partition_size, hardened)


def load(folder: Path = FOLDER) -> Tuple[Case, ...]:
    """Read all files of the table. Raises CaseError."""
    cases = [case for path in sorted(folder.glob("*.yaml")) for case in load_file(path)]
    _check_distinct(cases)
    return tuple(cases)


def load_file(path: Path) -> List[Case]:
    """Read one file of the table. Raises CaseError."""
    try:
        document = _Loader(path).get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise CaseError(f"{path.name}:{mark.line + 1 if mark else 1}: {error}") from None
    cases = []
    for entry in _of(document, list, f"{path.name}:1", "a list of cases"):
        place = f"{path.name}:{getattr(entry, 'line', 1)}"
        _check_entry(_of(entry, dict, place, "a case"), place)
        modes = entry["mode"] if isinstance(entry["mode"], list) else [entry["mode"]]
        cases += [_case(entry, mode, place, suffix=len(modes) > 1) for mode in modes]
    return cases


class _Map(Dict[str, Any]):
    """A mapping that knows its line."""

    line = 0


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML into mappings with their lines; a key given twice is an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(path.read_text(encoding="utf-8"))

    def construct_mapping(self, node: Any, deep: bool = False) -> _Map:
        found = _Map()
        found.line = node.start_mark.line + 1
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in found:
                raise CaseError(f"{self._path.name}:{key_node.start_mark.line + 1}: {key!r} is given twice")
            found[key] = self.construct_object(value_node, deep=True)
        return found


_Loader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True))


def _of(value: Any, kind: type, place: Place, what: str) -> Any:
    if not isinstance(value, kind):
        raise CaseError(f"{place}: here has to be {what}, not {value!r}")
    return value


def _known(found: Iterable[str], known: Iterable[str], place: Place, what: str) -> None:
    for key in found:
        if key not in known:
            raise CaseError(f"{place}: {what} has no {key!r}; it has {', '.join(sorted(known))}")


def _check_entry(entry: Dict[str, Any], place: Place) -> None:
    _known(entry, CASE_KEYS, place, "a case")
    for needed in ("name", "mode"):
        if needed not in entry:
            raise CaseError(f"{place}: the case has no {needed!r}")
    modes = entry["mode"] if isinstance(entry["mode"], list) else [entry["mode"]]
    _known(modes, MODES, place, "mode")
    if "push" in entry and {"top", "fields", "module"} & entry.keys():
        raise CaseError(f"{place}: 'push' is the whole text; 'top', 'fields' and 'module' are for the default one")
    _known([entry.get("key", "own")], KEY_OF_DEVICE, place, "key")
    if ("both" in entry) == bool({"vendor", "hardened"} & entry.keys()) or ("stricter" in entry) > ("vendor" in entry):
        raise CaseError(f"{place}: give 'both', or 'vendor' and 'hardened'; 'stricter' goes with 'vendor'")
    for name in ("vendor", "hardened", "both", "stricter"):
        if name in entry:
            _known(entry[name], EXPECTED_KEYS, place, name)
            if ("code" in entry[name]) == ("fault" in entry[name]):
                raise CaseError(f"{place}: {name} has to have 'code' or 'fault'")
    _check_recipe(entry.get("file", {}), place)
    _check_steps(entry.get("damage", ()), place)


def _check_recipe(recipe: Dict[str, Any], place: Place) -> None:
    kind = _of(recipe, dict, place, "a recipe").get("kind", "image")
    _known([kind], KINDS, place, "kind")
    _known(recipe, ("kind", "then", *KINDS[kind].keys), place, f"a recipe of {kind}")
    for section in recipe.get("sections", ()):
        _known(section, SECTION_KEYS, place, "a section")
    for steps in ("then", "stream"):
        _check_steps(recipe.get(steps, ()), place)


def _check_steps(steps: Iterable[Dict[str, Any]], place: Place) -> None:
    for step in _of(steps, (list, tuple), place, "a list of steps"):  # type: ignore[arg-type]
        _known(step, STEP_KEYS, place, "a step")
        if len({"xor", "put", "cut", "append"} & step.keys()) != 1:
            raise CaseError(f"{place}: a step has one of xor, put, cut, append")


def _check_distinct(cases: List[Case]) -> None:
    names: Dict[str, Case] = {}
    offers: Dict[Any, Case] = {}
    for case in cases:
        same = names.setdefault(case.name, case)
        if same is not case:
            raise CaseError(f"{case.place}: the name {case.name!r} is that of {same.place}")
        same = offers.setdefault((case.device(hardened=False), case.text, case.file, case.base), case)
        if same is not case:
            raise CaseError(f"{case.place}: {case.name!r} offers what {same.place} does")


def _case(entry: Dict[str, Any], mode: str, place: Place, *, suffix: bool) -> Case:
    try:
        made = make_file(entry.get("file", {}), mode)
        text = _filled(_push_text(entry, mode), made.data, entry.get("offers", "app-1.1.0"))
        file = changed(made.data, entry.get("damage", ()))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CaseError(f"{place}: {entry['name']!r} can't be built: {error!r}") from error
    vendor, hardened, stricter = (
        None if answer is None else Expected(**answer)
        for answer in (
            entry.get("both", entry.get("vendor")), entry.get("both", entry.get("hardened")), entry.get("stricter"),
        )
    )  # fmt: skip
    return Case(
        entry["name"] + (f" ({mode})" if suffix else ""),
        place,
        mode,
        entry.get("version", "app-1.0.0"),
        KEY_OF_DEVICE[entry.get("key", "own")],
        entry.get("partition", HAAS100_RTOS_SIZE),
        text,
        file,
        made.base,
        vendor,
        hardened,
        stricter,
    )


def _push_text(entry: Dict[str, Any], mode: str) -> str:
    if "push" in entry:
        return str(entry["push"])
    fields = {
        "size": "${size}", "version": '"${version}"', "url": '"${url}"', "signMethod": '"SHA256"',
        "sign": '"${sha256}"', "md5": '"${md5}"',
    }  # fmt: skip
    if mode == "cloud" or "module" in entry:
        fields["digestsign"] = '"${digestsign}"'
    if "module" in entry:
        fields["module"] = f'"{entry["module"]}"'
    top = {"code": '"1000"', "message": '"success"', "data": _joined({**fields, **entry.get("fields", {})})}
    return _joined({**top, **entry.get("top", {})})


def _joined(members: Dict[str, Optional[str]]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items() if text is not None) + "}"


_NAME = re.compile(r"([a-z0-9_]+)(?:([+-]\d+)|\[(-?\d*):(-?\d*)\]|(\.upper))?")


def _filled(text: str, data: bytes, version: str) -> bytes:
    """Return the message's bytes: UTF-8, placeholders replaced."""
    parts = re.split(r"\$\{([^}]*)\}", text)
    values = _values(data, version)
    return b"".join(_value(part, values) if number % 2 else part.encode("utf-8") for number, part in enumerate(parts))


def _value(name: str, values: Dict[str, Callable[[], str]]) -> bytes:
    if name.startswith("0x"):
        return bytes.fromhex(name[2:])
    repeated = re.fullmatch(r"(.+)\*(\d+)", name)
    if repeated:
        return repeated[1].encode("utf-8") * int(repeated[2])
    found = _NAME.fullmatch(name)
    if not found or found[1] not in values:
        raise ValueError(f"there is no placeholder ${{{name}}}")
    value = values[found[1]]()
    if found[2]:
        value = str(int(value) + int(found[2]))
    elif found[3] is not None:
        value = value[slice(*(int(end) if end else None for end in (found[3], found[4])))]
    elif found[5]:
        value = value.upper()
    return value.encode("ascii")


def _values(data: bytes, version: str) -> Dict[str, Callable[[], str]]:
    sha256, md5 = hashlib.sha256(data), hashlib.md5(data)

    def base64_of(signature: bytes) -> str:
        return b64encode(signature).decode("ascii")

    return {
        "size": lambda: str(len(data)),
        "sha256": sha256.hexdigest,
        "md5": md5.hexdigest,
        "version": lambda: version,
        "url": lambda: URL,
        "digestsign": lambda: base64_of(OWN.sign_message(sha256.digest())),
        "digestsign_md5": lambda: base64_of(OWN.sign_message(md5.digest())),
        "digestsign_other": lambda: base64_of(OTHER.sign_message(sha256.digest())),
        "digestsign_once": lambda: base64_of(OWN.sign_message(data)),
        "digestsign_text": lambda: base64_of(OWN.sign_message(sha256.hexdigest().encode())),
        "digestsign_lines": lambda: "\\n".join(_lines(base64_of(OWN.sign_message(sha256.digest())))),
    }


def _lines(text: str) -> Iterator[str]:
    return (text[at : at + 64] for at in range(0, len(text), 64))
