"""What a device does with a file for its file system: a module's image, or a data-file pack that it unpacks.

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
md5         of a pack: each file's bytes are those it was packed with                     **see below**
==========  ============================================================================  =======================

**Names are where we differ from the vendor's device on purpose.** It joins folder and name in 128 bytes and writes
there, `../x` included: a pack with such a name can replace any file of the device. A hardened device refuses it, and
so does this, as OTA_UPGRADE_PARAM_FAIL, saying what the vendor's device would do; and what is no whole pack.
The MD5 in a pack is not checked by the vendor's devices: a wrong one is said, and does not change the verdict. A
hardened one answers OTA_VERIFY_MD5_FAIL.
"""

from __future__ import annotations

from typing import List, Optional, Tuple

from aos_ota_plugin.device.acceptance import Device, DeviceVerdict, Finding, Judgement, Push, judge_file
from aos_ota_plugin.errors import FormatError
from aos_ota_plugin.images import full, pack
from aos_ota_plugin.images.names import check_name, check_together

_SHOWN = 5  # findings about single files


def judge_module(
    device: Device, data: bytes, *, version: Optional[str] = None, push: Optional[Push] = None, unpacked: bool = False
) -> Judgement:
    """Take a module's file through the device's rules; without `push` hash and signature are not judged.

    Whether the file is a pack that is `unpacked` or a file that is kept is for the module's settings to say; the names
    of whatever is a pack are judged. Never raises.
    """
    judgement = judge_file(device, data, version=version, push=push)
    if not judgement.accepted:
        return judgement
    if pack.is_pack(data):
        findings = _names(memoryview(data), hardened=device.hardened)
    elif unpacked:
        findings = (Finding("pack", False, DeviceVerdict.OTA_UPGRADE_PARAM_FAIL, "this is no whole data-file pack"),)
    else:
        return judgement
    last = next((one for one in findings if not one.ok), judgement.findings[-1])
    return Judgement(last.verdict, (*judgement.findings, *findings), judgement.signature_checked)


def judge_packed_payload(image: bytes) -> Tuple[Finding, ...]:
    """Judge the names of a data-file pack that is the payload of an image; nothing for other payloads. Never raises."""
    try:
        parsed = full.parse(image)
    except FormatError:
        return ()
    view = memoryview(image)
    # A pack that ends in ff ff ff ff itself may have got no padding.
    packs = (view[:size] for size in (parsed.payload_size, parsed.body_size) if pack.is_pack(view[:size]))
    return next((_names(one) for one in packs), ())


def _names(data: memoryview, *, hardened: bool = False) -> Tuple[Finding, ...]:
    unsafe: List[str] = []
    damaged: List[str] = []
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
        if not entry.is_intact:
            damaged.append(f"{entry.raw_name[:80].decode('utf-8', 'replace')!a}")
    if not unsafe:
        try:
            check_together(names)
        except FormatError as error:
            unsafe.append(error.problem)
    ok, fail = DeviceVerdict.OTA_SUCCESS, DeviceVerdict.OTA_UPGRADE_PARAM_FAIL
    findings = [
        Finding(
            "names",
            False,
            fail,
            f"{problem}; a hardened device refuses it, the vendor's writes where folder and name lead",
        )
        for problem in unsafe[:_SHOWN]
    ]
    findings = findings or [Finding("names", True, ok, "every file stays inside the folder that it is unpacked into")]
    if damaged:
        more = f" and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
        if hardened and not unsafe:
            findings.append(
                Finding(
                    "md5",
                    False,
                    DeviceVerdict.OTA_VERIFY_MD5_FAIL,
                    f"not that of the bytes of {', '.join(damaged[:_SHOWN])}{more}",
                )
            )
            return tuple(findings)
        findings.append(
            Finding(
                "md5",
                True,
                ok,
                f"WARNING: not that of the bytes of {', '.join(damaged[:_SHOWN])}{more}; devices do not check it",
                judged=False,
            )
        )
    return tuple(findings)
