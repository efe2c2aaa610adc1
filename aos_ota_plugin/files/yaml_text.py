"""Parse YAML as aos-tools does (PyYAML's safe loader, YAML 1.1), with the place of every value.

``parse_yaml`` is for files of ours, and strict; ``parse_foreign_yaml`` takes what aos-tools takes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple, Type

from aos_ota_plugin.errors import OtaError, Place, WorkspaceError
from aos_ota_plugin.files.yaml_bounds import (
    DEPTH_MAX,
    Merges,
    RefusedYamlError,
    RepeatedKey,
    Survey,
    refuse_document,
    refuse_numbers,
)
from aos_ota_plugin.files.yaml_bounds import survey as survey_of

if TYPE_CHECKING:
    from yaml.nodes import Node

_SURELY_SHALLOW = 500
_NO_SURVEY = Survey((), {})
# What libyaml and PyYAML's own scanner read differently, anywhere in a text: tabs, byte order marks, a lone `!`, `|#`.
_AMBIGUOUS = re.compile(r"\t|\ufeff|!(?:\s|$)|[|>][-+0-9]*#|%[-\s]")


class Entry(NamedTuple):
    """One key of a mapping: where its value stands, what YAML makes of it, and what is written there."""

    key: str
    value: object
    text: str
    place: Place
    node: Node


class YamlText(NamedTuple):
    """A parsed text: ``value`` is what a safe loader returns, ``root`` the nodes it was made from."""

    file: str
    text: str
    root: Optional[Node]
    value: object
    survey: Survey = _NO_SURVEY
    """What repeats in it; empty in a file of ours, where nothing may."""

    def place(self, node: Node) -> Place:
        """Return where a node begins."""
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def written(self, node: Node) -> str:
        """Return a node's text as it stands in the file."""
        return self.text[node.start_mark.index : node.end_mark.index].strip()

    def entries(self, node: Optional[Node], value: object) -> List[Entry]:
        """Return a mapping node's string keys with the values that count, in the order of the text."""
        if not isinstance(value, dict):
            return []
        entries = {
            key: (self.written(value_node), self.place(value_node), value_node)
            for key, value_node in self.pairs(node)
            if key in value
        }
        return [Entry(key, value[key], text, place, value_node) for key, (text, place, value_node) in entries.items()]

    def pairs(self, node: Optional[Node]) -> List[Tuple[str, Node]]:
        """Return a mapping node's string keys with all their values, merged ones first."""
        from yaml.nodes import MappingNode

        if not isinstance(node, MappingNode):
            return []
        return [
            (key.value, value)
            for key, value in node.value
            if isinstance(key.value, str) and key.tag == "tag:yaml.org,2002:str"
        ]

    def repeated_in(self, node: Node) -> List[RepeatedKey]:
        """Return the keys that repeat in a mapping, or in one that ``<<`` brings into it."""
        inside = self._mappings_of(node)
        return [key for key in self.survey.repeated if id(key.mapping) in inside]

    def merges_of(self, node: Node) -> List[Merges]:
        """Return what ``<<`` brings into a mapping, and into those that it brings."""
        return [self.survey.merges[name] for name in self._mappings_of(node) if name in self.survey.merges]

    def _mappings_of(self, node: Node) -> Dict[int, Node]:
        inside: Dict[int, Node] = {}
        waiting = [node]
        while waiting:
            mapping = waiting.pop()
            if id(mapping) not in inside:
                inside[id(mapping)] = mapping
                merges = self.survey.merges.get(id(mapping))
                waiting += merges.merged if merges else ()
        return inside

    def top(self) -> Dict[str, Entry]:
        """Return the keys of the text's outermost mapping."""
        return {entry.key: entry for entry in self.entries(self.root, self.value)}

    def scalars(self, node: Optional[Node]) -> Iterator[Tuple[str, Place]]:
        """Yield the text and place of every scalar under a node."""
        for scalar in self.scalar_nodes(node):
            yield scalar.value, self.place(scalar)

    def scalar_nodes(self, node: Optional[Node]) -> Iterator[Node]:
        """Yield every scalar node under a node; each once, however often aliases repeat it."""
        from yaml.nodes import MappingNode, ScalarNode, SequenceNode

        waiting: List[Node] = [node] if node is not None else []
        visited = set()
        while waiting:
            node = waiting.pop()
            if id(node) in visited:
                continue
            visited.add(id(node))
            if isinstance(node, ScalarNode):
                yield node
            elif isinstance(node, SequenceNode):
                waiting.extend(node.value)
            elif isinstance(node, MappingNode):
                waiting.extend(part for pair in node.value for part in pair)


def parse_yaml(text: str, file: str, *, error: Type[OtaError] = WorkspaceError, quote: bool = True) -> YamlText:
    """Parse a YAML document of ours; ``error`` is raised, with a place, when it is no valid one.

    With ``quote=False`` the message says nothing of the content: the text may hold secrets.
    """
    return _parse(text, file, foreign=False, error=error, quote=quote)


def parse_foreign_yaml(text: str, file: str) -> YamlText:
    """Parse a file of others as aos-tools does: of a repeated key the last counts; ``survey`` has all.

    Raises WorkspaceError for what is no YAML to aos-tools either, and for more than DEPTH_MAX collections that stand
    written inside one another, on which libyaml would overflow the stack, and for numbers that no message could show.
    """
    return _parse(text, file, foreign=True, error=WorkspaceError, quote=True)


def _parse(text: str, file: str, *, foreign: bool, error: Type[OtaError], quote: bool) -> YamlText:
    import yaml

    text = text[1:] if text.startswith("\ufeff") else text  # libyaml skips it, and would count marks without it
    loader_class: Callable[[str], Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if foreign and _AMBIGUOUS.search(text):
        loader_class = yaml.SafeLoader  # aos-tools' own, ten times slower
    root: Optional[Node] = None
    survey = _NO_SURVEY
    loader = None
    try:
        _refuse_depth(text, loader_class)
        loader = loader_class(text)
        root = loader.get_single_node()
        if root is not None:
            if foreign:
                refuse_numbers(root)
                survey = survey_of(root, loader.construct_object)
            else:
                refuse_document(root, loader.construct_object)
        value = None if root is None else loader.construct_document(root)
    except RefusedYamlError as odd:
        mark = odd.problem_mark
        raise error(
            odd.problem if quote else odd.redacted, place=Place(file, mark.line + 1, mark.column + 1), remedy=odd.remedy
        ) from None
    except Exception as problem:  # the loader leaks ValueError, KeyError and others for odd scalars
        parsed = YamlText(file, text, root, None)
        place, reason = _diagnose(parsed, problem, loader_class)
        raise error(
            "this is not YAML" + (f": {reason}" if quote else ""),
            place=place,
            remedy="correct the line; YAML wants spaces, never tabs, and a space after every colon",
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    return YamlText(file, text, root, value, survey)


def _diagnose(parsed: YamlText, problem: Exception, loader_class: Callable[[str], Any]) -> Tuple[Place, str]:
    """Return where the loader failed and why, in a line."""
    mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
    if mark:
        reason = " ".join(str(getattr(problem, "problem", None) or "").split())[:200]
        return Place(parsed.file, mark.line + 1, mark.column + 1), reason
    position = getattr(problem, "position", None)
    if isinstance(position, int):
        before = parsed.text[:position]
        place = Place(parsed.file, before.count("\n") + 1, position - before.rfind("\n"))
        return place, "a character stands here that YAML does not allow"
    # What is left are scalars with the look of a date or number that is none, such as 2020-99-99.
    for node in parsed.scalar_nodes(parsed.root):
        loader = loader_class("")
        try:
            loader.construct_object(node)
        except Exception:
            return parsed.place(node), f"YAML takes {parsed.written(node)[:80]} for a value that cannot be"
        finally:
            loader.dispose()
    return Place(parsed.file), "it is not text"


class NestingError(ValueError):
    """A text nested so deeply that libyaml's recursion would overflow the C stack; a mark says where."""

    def __init__(self, problem_mark: object) -> None:
        self.problem = f"more than {DEPTH_MAX} collections stand inside one another"
        super().__init__(self.problem)
        self.problem_mark = problem_mark


def _refuse_depth(text: str, loader_class: Callable[[str], Any]) -> None:
    """Raise NestingError before libyaml's recursion overflows the C stack."""
    # Block collections nest by column, flow collections by bracket: most texts need no closer look.
    longest = max(map(len, text.splitlines()), default=0)
    if text.count("[") + text.count("{") + longest <= _SURELY_SHALLOW:
        return
    from yaml.error import MarkedYAMLError
    from yaml.events import CollectionEndEvent, CollectionStartEvent

    depth = 0
    loader = loader_class(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEPTH_MAX:
                raise NestingError(event.start_mark)
    except MarkedYAMLError as error:
        # Some libyamls have a limit of their own, and look far enough ahead to meet it first.
        if "nesting" in str(error.problem):
            raise NestingError(error.problem_mark) from None
        raise
    finally:
        loader.dispose()
