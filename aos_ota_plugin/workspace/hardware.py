"""The section ``hw_info`` (also ``board``, ``chip``, ``solution``), merged as aos-tools merges it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from aos_ota_plugin.errors import Place, WorkspaceError
from aos_ota_plugin.files.yaml_text import Entry, YamlText

SECTIONS = ("board", "chip", "solution", "hw_info")
_FIELDS = (
    "cpu_id",
    "cpu_name",
    "arch_name",
    "chip_name",
    "vendor_name",
    "board_name",
    "flash_program",
    "toolchain_prefix",
    "toolchain_path",
    "debug_server",
    "ld_script",
    "uspace_app_ld_script",
)
_PATHS = ("ld_script", "uspace_app_ld_script", "flash_program", "debug_server")
_SPELT = ("cpu_id", "cpu_name", "arch_name", "vendor_name", "chip_name", "board_name")  # aos puts them in capitals
_ARCHITECTURES = ("CSKY", "ARM", "RISCV", "XTENSA", "MIPS")
# aos-tools has a list of CPUs for two architectures; for a CPU outside of the list it ends, with status 0.
_CPUS = {
    "RISCV": (
        "rv32emc",
        "e902",
        "e902m",
        "e902t",
        "e902mt",
        "e906",
        "e906f",
        "e906fd",
        "c906",
        "c906fd",
        "c906v",
        "c910",
        "c910v",
        "c906fdv",
        "esp32-c3",
    ),
    "MIPS": ("ls232",),
}


class Hardware(NamedTuple):
    """A component's hardware section; "" for a field that is not set.

    Of several sections aos uses only the last one with content.
    """

    board_name: str = ""
    chip_name: str = ""
    cpu_id: str = ""
    cpu_name: str = ""
    arch_name: str = ""
    vendor_name: str = ""
    ld_script: str = ""
    toolchain_prefix: str = ""
    toolchain_path: str = ""
    cpus: Mapping[str, Mapping[str, object]] = MappingProxyType({})  # by cpu_id, for chips with several CPUs
    values: Mapping[str, object] = MappingProxyType({})  # the fields above that are set, as YAML has them


def read_hardware(yaml_text: YamlText, top: Mapping[str, Entry]) -> Hardware:
    """Read a component's hardware section. Raises WorkspaceError for one that aos-tools fails on."""
    sections = [entry for key, entry in top.items() if key in SECTIONS and entry.value]
    for section in sections:
        if not isinstance(section.value, dict):
            raise WorkspaceError(
                f"{section.key} has to be a mapping of names to values",
                place=section.place,
                remedy="write one `name: value` a line under it",
            )
    if not sections:
        return Hardware()
    values: Dict[str, object] = {}
    cpus: Dict[str, Mapping[str, object]] = {}
    for item in yaml_text.entries(sections[-1].node, sections[-1].value):
        if item.key in _FIELDS and item.value:
            _refuse_other_path(item)
            values[item.key] = item.value
        elif isinstance(item.value, dict):
            cpus[item.key] = _read_cpu(yaml_text, item)
    names = (
        "board_name",
        "chip_name",
        "cpu_id",
        "cpu_name",
        "arch_name",
        "vendor_name",
        "ld_script",
        "toolchain_prefix",
        "toolchain_path",
    )
    return Hardware(**{name: str(values.get(name, "")) for name in names}, cpus=cpus, values=values)


def _read_cpu(yaml_text: YamlText, section: Entry) -> Mapping[str, object]:
    fields: Dict[str, object] = {}
    for item in yaml_text.entries(section.node, section.value):
        if not item.value or item.key in ("icc_ld_script", "armcc_ld_script"):
            continue
        if item.key in ("ld_script", "uspace_app_ld_script"):
            raise WorkspaceError(
                f"aos-tools fails on {item.key} inside of {section.key}",
                place=item.place,
                remedy=f"move it out of {section.key}, to the section's own fields",
            )
        _refuse_other_path(item)
        fields[item.key] = item.value
    return fields


def _refuse_other_path(item: Entry) -> None:
    if item.key in _PATHS and not isinstance(item.value, str):
        raise WorkspaceError(
            f"{item.key} is a path, and this is no text to YAML", place=item.place, remedy="put it in quotes"
        )


def merge_hardware(owners: Sequence[Hardware], file: str) -> Mapping[str, str]:
    """Merge the fields of chip, board and solution (in this order); return those that are not empty.

    Raises WorkspaceError, with the solution's ``file`` as its place, where aos-tools would end.
    """
    merged: Dict[str, object] = {}
    cpus: Mapping[str, Mapping[str, object]] = {}
    for hardware in owners:
        merged = {**hardware.values, **merged}
        cpus = cpus or hardware.cpus
    cpu_id = merged.get("cpu_id")
    if isinstance(cpu_id, str):
        merged.update(cpus.get(cpu_id, {}))
    for hardware in owners[-2:] if len(owners) > 2 else owners[-1:]:
        merged.update(hardware.values)
    for name in _SPELT:
        if not isinstance(merged.get(name, ""), str):
            raise _wrong(file, f"{name} is no text to YAML: {str(merged[name])[:40]}", "put it in quotes")
    fields = {name: str(value) for name, value in merged.items()}
    if not fields.get("cpu_name"):
        raise _wrong(
            file,
            "neither solution, board nor chip names a cpu_name",
            "set cpu_name, or a cpu_id that the chip has, under hw_info",
        )
    arch, cpu = fields.get("arch_name", "CSKY").upper(), fields["cpu_name"]
    if arch not in _ARCHITECTURES:
        raise _wrong(file, f"aos-tools knows no arch_name {arch}", f"it is one of {', '.join(_ARCHITECTURES)}")
    if cpu.lower() not in _CPUS.get(arch, (cpu.lower(),)):
        raise _wrong(file, f"aos-tools knows no cpu_name {cpu} of {arch}", f"it is one of {', '.join(_CPUS[arch])}")
    if not fields.get("ld_script"):
        raise _wrong(file, "neither solution, board nor chip names an ld_script", "set ld_script in the chip's hw_info")
    return fields


def variables_from(fields: Mapping[str, str]) -> Dict[str, object]:
    """Return the variables for conditions that aos sets from the merged fields; without paths."""
    cpu, arch = fields["cpu_name"], fields.get("arch_name", "")
    values: List[Optional[str]] = [cpu, arch if arch.upper() not in ("", "CSKY") else "CSKY"]
    values += [fields.get(name) for name in ("vendor_name", "chip_name", "board_name")]
    variables: Dict[str, object] = {"compiler": "gcc", "cpu_num": "a number"}
    for name, text in zip(("CPU", "ARCH", "VENDOR", "CHIP", "BOARD"), values):
        if text:
            variables.update({name: text.upper() if name != "ARCH" else text, name.lower(): text.lower()})
    if fields.get("cpu_id"):
        variables[fields["cpu_id"].upper()] = True
    variables[f"__ARCH_{arch.upper()}__"] = 1
    variables[f"__CPU_{cpu.upper().replace('-', '').replace('.', '')}__"] = 1
    return variables


def _wrong(file: str, problem: str, remedy: str) -> WorkspaceError:
    return WorkspaceError(problem, place=Place(file), remedy=remedy)
