"""Validators of the documents that are written. jsonschema takes a second to load, so only the tests that validate load it."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import aos_ota_plugin.release.manifest

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator
    from jsonschema import Draft202012Validator

MANIFEST_SCHEMA = Path(aos_ota_plugin.release.manifest.__file__).with_name("manifest-1.schema.json")


@functools.cache
def manifest_schema() -> Draft202012Validator:
    """Return the validator of manifests."""
    import jsonschema

    return jsonschema.Draft202012Validator(json.loads(MANIFEST_SCHEMA.read_text(encoding="utf-8")))


@functools.cache
def cyclonedx_schema() -> JsonStrictValidator:
    """Return the standard's own validator of lists of components."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_5)
