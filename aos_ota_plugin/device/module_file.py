"""The rules for a file for a device's file system: a module's image, or a data-file pack to unpack.

==========  ============================================================================  =======================
rule        accepted when                                                                 else
==========  ============================================================================  =======================
push        signMethod is MD5 or SHA256, sign is there, digestsign decodes                OTA_TRANSPORT_PAR_FAIL
version     strncmp(new, current, strlen(new)) > 0                                        OTA_TRANSPORT_VER_FAIL
size        the file is as long as the push says                                          OTA_DOWNLOAD_HEAD_FAIL
hash        MD5 or SHA-256 of the whole file is the push's, in both modes                 OTA_VERIFY_MD5/SHA2_FAIL
signature   local mode: digestsign is there and verifies; cloud mode: as for an image     OTA_VERIFY_RSA_FAIL
pack        it is to be unpacked: sizes lead from file to file to the very end            **see below**
names       of a pack: every name is one that stays inside the target folder              **see below**
folders     of a pack to unpack: no name has a folder; a hardened device makes them       OTA_INIT_FAIL
md5         of a pack: each file's bytes are those it was packed with                     **see below**
==========  ============================================================================  =======================

**The rule for names differs from the vendor's device on purpose.** It joins folder and name in 128 bytes and writes
to that path, `../x` included: a pack with such a name can replace any file of the device. A hardened device refuses
it, and so does this module, with OTA_UPGRADE_PARAM_FAIL and a text on the vendor's device; likewise a pack that is not
whole. The vendor's devices do not check the MD5 in a pack: a wrong one is reported, and does not change the verdict. A
hardened device answers OTA_VERIFY_MD5_FAIL.

>>> judge_module(Device(public_key=None, local_rsa=False), b"no pack", unpacked=True).verdict.name
'OTA_UPGRADE_PARAM_FAIL'
"""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, Finding, Judgement, Push, judge_file
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import full, pack
from aos_ota_plugin.images.names import check_name, check_together

_SHOWN = 5  # findings about single files


def judge_module(
    device: Device, data: bytes, *, version: Optional[str] = None, push: Optional[Push] = None, unpacked: bool = False
) -> Judgement:
    """Judge a module's file by the device's rules; without `push` hash and signature are not judged.

    `unpacked` tells whether the module's settings have the device unpack the file; the names in any pack are judged.
    Never raises.
    """
    judgement = judge_file(device, data, version=version, push=push)
    if not judgement.accepted:
        return judgement
    if pack.is_pack(data):
        findings = _names(memoryview(data), hardened=device.hardened)
        if unpacked and not device.hardened and all(finding.ok for finding in findings):
            findings = (*findings, *_folders(data))
    elif unpacked:
        findings = (Finding("pack", False, DeviceVerdict.OTA_UPGRADE_PARAM_FAIL, "this is no whole data-file pack"),)
    else:
        return judgement
    last = next((finding for finding in findings if not finding.ok), judgement.findings[-1])
    return Judgement(last.verdict, (*judgement.findings, *findings), judgement.signature_checked)


def _folders(data: bytes) -> Tuple[Finding, ...]:
    """Judge a pack's names with folders: the vendor's device makes none, and fails on the first."""
    found = next((entry.raw_name for entry in pack.entries(data) if b"/" in entry.raw_name.lstrip(b"/")), None)
    if found is None:
        return ()
    name = found[:80].decode("utf-8", "backslashreplace")
    return (
        Finding(
            "folders",
            False,
            DeviceVerdict.OTA_INIT_FAIL,
            f"{name!a} is in a folder, and the device makes none: it fails unless the folder is there",
        ),
    )


def judge_packed_payload(image: bytes) -> Tuple[Finding, ...]:
    """Judge the names of a pack that is an image's payload; () for other payloads. Never raises."""
    try:
        parsed = full.parse(image)
    except FormatError:
        return ()
    view = memoryview(image)
    # An image of a pack that ends in ff ff ff ff itself may have no padding.
    packs = (view[:size] for size in (parsed.payload_size, parsed.body_size) if pack.is_pack(view[:size]))
    return next((_names(data) for data in packs), ())


def _names(data: memoryview, *, hardened: bool = False) -> Tuple[Finding, ...]:
    unsafe: List[str] = []
    names: List[str] = []
    for entry in pack.entries(data):
        try:
            name = entry.raw_name.decode("utf-8")
            names.append(name)
            check_name(name)
        except UnicodeDecodeError:
            unsafe.append(f"the name {entry.raw_name[:80]!a} is not UTF-8")
        except FormatError as error:
            unsafe.append(error.problem)
    if not unsafe:
        try:
            check_together(names)
        except FormatError as error:
            unsafe.append(error.problem)
    findings = [
        Finding(
            "names",
            False,
            DeviceVerdict.OTA_UPGRADE_PARAM_FAIL,
            f"{problem}; a hardened device refuses it, the vendor's writes where folder and name lead",
        )
        for problem in unsafe[:_SHOWN]
    ]
    if not findings:
        detail = "every file stays inside the folder that it is unpacked into"
        findings = [Finding("names", True, DeviceVerdict.OTA_SUCCESS, detail)]
    damaged = [entry for entry in pack.entries(data) if not entry.is_intact]
    if damaged:
        findings.append(_md5(damaged, refused=hardened and not unsafe))
    return tuple(findings)


def _md5(damaged: Sequence[pack.Entry], *, refused: bool) -> Finding:
    names = ", ".join(f"{entry.raw_name[:80].decode('utf-8', 'replace')!a}" for entry in damaged[:_SHOWN])
    more = f" and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
    detail = f"not that of the bytes of {names}{more}"
    if refused:
        return Finding("md5", False, DeviceVerdict.OTA_VERIFY_MD5_FAIL, detail)
    warning = f"WARNING: {detail}; devices do not check it"
    return Finding("md5", True, DeviceVerdict.OTA_SUCCESS, warning, judged=False)
