"""The device model against the case table; the table's own form, and that its mistakes are told with file and line."""

from __future__ import annotations

from functools import cache
from typing import Dict, Iterator, Optional, Tuple

import pytest
from case_table import FOLDER, Case, CaseError, Expected, load, load_file

from aos_ota_plugin.device.answer import judge_offer
from aos_ota_plugin.device.updater import UpdaterVerdict
from aos_ota_plugin.device.verdicts import DeviceVerdict, Judgement

FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))


@cache
def cases() -> Tuple[Case, ...]:
    return load()


def of_file(name: str) -> Iterator[Case]:
    return (case for case in cases() if case.place.startswith(f"{name}:"))


def problem(case: Case, expected: Expected, *, hardened: bool) -> Optional[str]:
    """What the model says of a case, if it is another answer than the expected one."""
    found = judge_offer(case.device(hardened=hardened), case.text, case.file, base=case.base)
    says = " | ".join(finding.detail for finding in found.findings)
    wanted = [expected.words, expected.fault or "", *([expected.boot] if is_boot_fault(expected) else [])]
    if is_answer(found, expected) and all(words in says.lower() for words in wanted):
        return None
    return f"{case.place}: {found.verdict!r}, checked: {found.signature_checked}, not {expected}: {says}"


def is_boot_fault(expected: Expected) -> bool:
    return isinstance(expected.boot, str) and expected.boot != "fails"


def is_answer(found: Judgement, expected: Expected) -> bool:
    if expected.fault or is_boot_fault(expected):
        return found.verdict is DeviceVerdict.DEVICE_FAULT
    if expected.boot:
        refused = isinstance(found.verdict, UpdaterVerdict) and found.verdict < 0
        return refused and expected.boot in ("fails", found.verdict)
    if expected.code:
        return isinstance(found.verdict, DeviceVerdict) and found.verdict == expected.code
    return found.verdict == 0 and found.signature_checked is not expected.unchecked


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["vendor", "hardened"])
def test_the_model_answers_as_the_device_does(kind, name):
    problems: Dict[str, str] = {}
    for case in of_file(name):
        expected = case.hardened if kind == "hardened" else case.stricter or case.vendor
        found = None if expected is None else problem(case, expected, hardened=kind == "hardened")
        if found:
            problems[case.name] = found
    assert list(problems.values()) == []


def test_a_stricter_answer_refuses_what_the_device_takes():
    for case in cases():
        if case.stricter is not None:
            assert case.vendor is not None, case.place
            assert case.vendor.code == 0, case.place
            assert case.stricter.code or case.stricter.boot, case.place


def test_there_are_enough():
    assert len({case.place for case in cases()}) >= 250
    for mode in ("local", "cloud"):
        assert sum(case.mode == mode for case in cases()) >= 200
    assert sum(case.vendor is not None and case.vendor.fault is not None for case in cases()) >= 30


def test_every_recipe_builds_the_same_bytes_again():
    assert load() == cases()


@pytest.mark.parametrize(
    "text, says",
    [
        ("- {name: a, mode: local, both: {code: 0}, colour: red}", ":1: a case has no 'colour'"),
        ("- {mode: local, both: {code: 0}}", ":1: the case has no 'name'"),
        ("- {name: a, both: {code: 0}}", ":1: the case has no 'mode'"),
        ("- {name: a, mode: lokal, both: {code: 0}}", ":1: mode has no 'lokal'"),
        ("- {name: a, mode: local}", ":1: give 'both', or 'vendor' and 'hardened'"),
        ("- {name: a, mode: local, both: {code: 0}, vendor: {code: 0}}", ":1: give 'both'"),
        ("- {name: a, mode: local, both: {code: 0}, stricter: {code: -3}}", ":1: give 'both'"),
        ("- {name: a, mode: local, both: {code: 0, fault: x}}", ":1: both has to have 'code' or 'fault'"),
        ("- {name: a, mode: local, both: {verdict: 0}}", ":1: both has no 'verdict'"),
        ("\n- {name: a, mode: local, file: {kind: zip}, both: {code: 0}}", ":2: kind has no 'zip'"),
        ("- {name: a, mode: local, file: {size: 5}, both: {code: 0}}", ":1: a recipe of image has no 'size'"),
        ("- {name: a, mode: local, file: {then: [{at: 5}]}, both: {code: 0}}", ":1: a step has one of"),
        ("- {name: a, mode: local, damage: [{flip: 5}], both: {code: 0}}", ":1: a step has no 'flip'"),
        (
            "- {name: a, mode: local, file: {kind: diff, sections: [{triple: []}]}, both: {code: 0}}",
            ":1: a section has no 'triple'",
        ),
        ("- {name: a, mode: local, key: mine, both: {code: 0}}", ":1: key has no 'mine'"),
        ("- {name: a, mode: local, push: '${sise}', both: {code: 0}}", "there is no placeholder ${sise}"),
        ("- {name: a, mode: local, push: '{}', fields: {url: null}, both: {code: 0}}", ":1: 'push' is the whole text"),
        ("- name: a\n  mode: local\n  name: b", ":3: 'name' is given twice"),
        ("- {name: a}}", ":1: "),
        ("cases: 5", ":1: here has to be a list of cases"),
        ("- a case", ":1: here has to be a case"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, says):
    path = tmp_path / "\u8868 one.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        load_file(path)
    assert str(caught.value).startswith("\u8868 one.yaml:")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "first, second, says",
    [
        ("- {name: a, mode: local, both: {code: 0}}", "- {name: a, mode: cloud, both: {code: 0}}", "the name 'a' is"),
        ("- {name: a, mode: local, both: {code: 0}}", "- {name: b, mode: local, both: {code: -3}}", "'b' offers what"),
    ],
)
def test_each_name_and_each_offer_is_there_once(tmp_path, first, second, says):
    (tmp_path / "1.yaml").write_text(first, encoding="utf-8")
    (tmp_path / "2.yaml").write_text(second, encoding="utf-8")
    with pytest.raises(CaseError, match=f"2.yaml:1: {says} .*1.yaml:1"):
        load(tmp_path)
