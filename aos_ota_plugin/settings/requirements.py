"""The requirements between settings: the condition that is an error, the problem and its remedy."""

from __future__ import annotations

import os
from typing import Callable, List, NamedTuple, Optional, Tuple

from aos_ota_plugin.errors import Place, SettingsError
from aos_ota_plugin.keys.reference import KeyReference
from aos_ota_plugin.settings.fields import OtaSettings
from aos_ota_plugin.settings.secretfile import SECRETS_FILE, VARIABLES

_SECOND = ("OTA_SECOND_PUBLIC_KEY", "OTA_SECOND_SIGNER", "OTA_SECOND_APPROVAL")


class Requirement(NamedTuple):
    """A combination of settings that is an error, shown at the place where ``setting`` was set.

    In ``problem`` and ``remedy``, ``{mode}`` is replaced by the security mode, ``{second}`` and ``{seconds}`` by the
    first and by all settings of the second signer, ``{missing}`` and ``{where}`` by what an embedded identity lacks.
    """

    setting: str
    unmet: Callable[[OtaSettings], bool]
    problem: str
    remedy: str


def _needs_public_key(reference: Optional[KeyReference]) -> bool:
    return reference is not None and reference.needs_public_key


REQUIREMENTS = (
    Requirement(
        "OTA_APP_VERSION",
        lambda s: not s.app_version,
        "OTA_APP_VERSION: no version is set",
        "add `OTA_APP_VERSION: app-1.0.0` under def_config there, or build with `aos make OTA_APP_VERSION=app-1.0.0`",
    ),
    Requirement(
        "OTA_CONFIG_LOCAL_RSA",
        lambda s: s.security == "local" and s.signing_key is None,
        "OTA_SIGNING_KEY: no signing key is set, and this build signs its images",
        "set OTA_SIGNING_KEY to the path of the private key under def_config; `aos-ota keygen` makes one",
    ),
    Requirement(
        "OTA_SIGNING_KEY",
        lambda s: s.security == "local" and s.public_key is None and _needs_public_key(s.signing_key),
        "OTA_PUBLIC_KEY: no public key is set, and a signing command does not say which one devices need",
        "set OTA_PUBLIC_KEY to the file of the public key that belongs to what the command signs with",
    ),
    Requirement(
        "OTA_CONFIG_CLOUD_RSA",
        lambda s: s.security == "cloud" and s.public_key is None,
        "OTA_PUBLIC_KEY: no public key is set, and devices check the platform's signature with it",
        "copy the public key from the platform's console into a file and set OTA_PUBLIC_KEY to its path",
    ),
    Requirement(
        "OTA_DIFF",
        lambda s: s.diff and s.base_release is None,
        "OTA_DIFF: no base release is set to make the diff from",
        "set OTA_BASE_RELEASE to the ota_rtos_ota.json of the release in the field, with its ota_rtos_ota.bin beside "
        "it; or set OTA_DIFF to n",
    ),
    Requirement(
        "OTA_PROVENANCE",
        lambda s: s.provenance and s.security != "local",
        "OTA_PROVENANCE: the statement is signed with the signing key, and this build has none",
        "set OTA_PROVENANCE to n; `aos-ota sbom` lists the solution's components without a statement",
    ),
    Requirement(
        "OTA_EMBED_NEXT_KEY",
        lambda s: s.embed_next_key and s.security != "local",
        "OTA_EMBED_NEXT_KEY: in {mode} mode no key of ours signs",
        "set it to n; a new key of the platform goes into OTA_PUBLIC_KEY",
    ),
    Requirement(
        "OTA_EMBED_NEXT_KEY",
        lambda s: s.embed_next_key and s.key_ring is None,
        "OTA_EMBED_NEXT_KEY: no key ring is set, and the next key has to be in it",
        "set OTA_KEY_RING to an ota.keys.yaml with `current:` and `next:`",
    ),
    Requirement(
        "OTA_EMBED_NEXT_KEY",
        lambda s: s.embed_next_key and s.base_release is None,
        "OTA_EMBED_NEXT_KEY: no base release is set, and it cannot be proven that devices will take the new key",
        "set OTA_BASE_RELEASE to the ota_rtos_ota.json of the release in the field",
    ),
    Requirement(
        "{second}",
        lambda s: bool(_second(s)) and s.security != "local",
        "{second}: in {mode} mode this build signs nothing that a second signer could agree to",
        "take {seconds} out",
    ),
    Requirement(
        "{second}",
        lambda s: s.second_signer is not None and s.second_approval is not None,
        "OTA_SECOND_SIGNER and OTA_SECOND_APPROVAL are both set, and one approval is enough",
        "keep the one that you use",
    ),
    Requirement(
        "{second}",
        lambda s: s.second_public_key is None and (s.second_approval is not None or _needs_public_key(s.second_signer)),
        "{second}: no OTA_SECOND_PUBLIC_KEY is set, so anyone could be the second signer",
        "set OTA_SECOND_PUBLIC_KEY to the file of their public key",
    ),
    Requirement(
        "OTA_IDENTITY_EMBEDDED",
        lambda s: s.identity == "embedded" and bool(_missing_identity(s)),
        "OTA_IDENTITY_EMBEDDED: an identity inside the firmware needs {missing}",
        "set {where}; or set OTA_IDENTITY_KV to y, and every device reads its own",
    ),
)


def refuse_unmet(settings: OtaSettings) -> None:
    """Raise SettingsError for the first requirement that the settings do not meet."""
    for requirement in REQUIREMENTS:
        if not requirement.unmet(settings):
            continue
        second, missing = _second(settings), _missing_identity(settings)
        words = {
            "mode": settings.security,
            "second": second[0] if second else "",
            "seconds": _join_words(second),
            "missing": _join_words([name for name, _ in missing]),
            "where": _join_words([where for _, where in missing]),
        }
        package = Place(os.path.join(settings.solution_dir, "package.yaml"))
        raise SettingsError(
            requirement.problem.format(**words),
            place=settings.origins[requirement.setting.format(**words)].place or package,
            remedy=requirement.remedy.format(**words),
        )


def _second(settings: OtaSettings) -> List[str]:
    """Return the settings of the second signer that are set."""
    values = settings.values()
    return [name for name in _SECOND if values[name]]


def _missing_identity(settings: OtaSettings) -> List[Tuple[str, str]]:
    """Return what an embedded identity lacks: its name, and where to set it."""
    values = settings.values()
    names = ("OTA_PRODUCT_KEY", "OTA_DEVICE_NAME")
    missing = [(name, f"{name} under def_config") for name in names if not values[name]]
    if settings.secrets.device_secret is None:
        variable = VARIABLES["device_secret"]
        where = f"the device secret in the environment variable {variable} or as device_secret in {SECRETS_FILE}"
        missing.append(("the device secret", where))
    return missing


def _join_words(words: List[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)
