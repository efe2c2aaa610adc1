"""Statements of a release's origin: in-toto Statement v1 with an SLSA provenance v1 predicate.

Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance.
``subject`` lists the release's files, manifest and list of components among them, by SHA-256. A statement holds no
secret, no path of the machine, no user and no time, so the same inputs give the same bytes; the predicate's optional
``metadata`` is left out for that.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from aos_ota_plugin.errors import placed
from aos_ota_plugin.files.documents import DocumentKind, Fields, read_document
from aos_ota_plugin.provenance.component import Component, Revision

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:x-aos-ota-plugin:build:1"
BUILDER = "urn:x-aos-ota-plugin:builder:signing-key-holder"
"""The holder of the signing key states the build's inputs; no build service confirms them."""
KIND = DocumentKind(
    "statement",
    {"_type": STATEMENT_TYPE, "predicateType": PREDICATE_TYPE},
    "give the ota_rtos_ota.intoto.jsonl that was written beside the manifest",
)
_HEX = set("0123456789abcdef")


class Tool(NamedTuple):
    """A program used by the build: its name, its version, and the line in which it prints that."""

    name: str
    version: str
    description: str = ""


class Build(NamedTuple):
    """The inputs of a release.

    ``settings`` by name, without secrets and paths; ``revisions`` by a component's name, where git has them;
    ``compiler`` is None where it could not be asked; ``base`` is version and payload SHA-256 of the base release.
    """

    solution: Optional[str]
    board: Optional[str]
    settings: Mapping[str, str]
    key_fingerprint: str
    components: Sequence[Component]
    revisions: Mapping[str, Revision]
    compiler: Optional[Tool]
    tools: Sequence[Tool]
    base: Optional[Tuple[str, str]] = None


class Statement(NamedTuple):
    """The claims of a statement.

    ``subjects`` has the SHA-256 by file name, ``key_fingerprint`` is that of the key for the images.
    """

    subjects: Mapping[str, str]
    settings: Mapping[str, str]
    key_fingerprint: str
    solution: Optional[str]
    board: Optional[str]


def statement(subjects: Mapping[str, str], build: Build) -> bytes:
    """Return the statement's bytes: JSON, keys in a fixed order, without white space."""
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "solution": build.solution,
                    "board": build.board,
                    "settings": dict(build.settings),
                    "signingKey": build.key_fingerprint,
                },
                "internalParameters": {},
                "resolvedDependencies": _dependencies(build),
            },
            "runDetails": {"builder": {"id": BUILDER, "version": {tool.name: tool.version for tool in build.tools}}},
        },
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _dependencies(build: Build) -> List[Dict[str, Any]]:
    entries = [_component(component, build.revisions.get(component.name)) for component in sorted(build.components)]
    if build.compiler:
        name, version, description = build.compiler
        entries.append(
            {
                "name": name,
                "uri": Component(name, version, "", "").purl,
                "annotations": {"type": "compiler", "version": description or version},
            }
        )
    if build.base:
        entries.append(
            {
                "name": f"base release {build.base[0]}",
                "digest": {"sha256": build.base[1]},
                "annotations": {"type": "payload", "version": build.base[0]},
            }
        )
    return entries


def _component(component: Component, revision: Optional[Revision]) -> Dict[str, Any]:
    annotations: Dict[str, Any] = {"type": component.type, "version": component.version, "folder": component.folder}
    entry: Dict[str, Any] = {"name": component.name, "uri": component.purl, "annotations": annotations}
    if revision:
        entry["digest"] = {"gitCommit": revision.commit}
        annotations["modified"] = revision.modified
    return entry


def parse_statement(data: bytes, *, file: str) -> Statement:
    """Read a statement that `statement` made. Raises FormatError."""
    with placed(file):  # no line: the payload of an envelope has none of its own there
        fields = read_document(data, KIND, file="")
        definition = _mapping(_mapping(fields.values.get("predicate")).get("buildDefinition"))
        if definition.get("buildType") != BUILD_TYPE:
            raise fields.bad(f'"buildType" is not "{BUILD_TYPE}"; a newer aos_ota_plugin may know it')
        parameters = fields.within(_mapping(definition.get("externalParameters")), "")
        settings = parameters.values.get("settings")
        if not isinstance(settings, dict) or not all(isinstance(value, str) for value in settings.values()):
            raise fields.bad('"settings" is not an object of texts')
        names = [parameters.values.get(name) for name in ("solution", "board")]
        if not all(name is None or isinstance(name, str) for name in names):
            raise fields.bad('"solution" or "board" is no text')
        key = parameters.text("signingKey", empty=True)
        return Statement(_subjects(fields), settings, key, names[0], names[1])


def _subjects(fields: Fields) -> Dict[str, str]:
    listed = fields.values.get("subject")
    if not isinstance(listed, list) or not listed:
        raise fields.bad('"subject" is not a list of files')
    subjects: Dict[str, str] = {}
    for item in listed:
        name = _mapping(item).get("name")
        digest = _mapping(_mapping(item).get("digest")).get("sha256")
        if not isinstance(name, str) or not isinstance(digest, str) or len(digest) != 64 or not set(digest) <= _HEX:
            raise fields.bad("a subject has no name, or no SHA-256 of 64 lower-case hex digits")
        if name in subjects:
            raise fields.bad(f"the subject {name[:80]!r} is there twice")
        subjects[name] = digest
    return subjects


def _mapping(value: object) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}
