"""Refuse repeated keys, great depth and size in YAML files of ours; list repeated keys of others.

A file of ours has no key twice, and is bounded in depth and size, aliases counted as often as they stand. Other
people's files are read as aos-tools reads them, which has read them before, without these bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, NamedTuple, Tuple

if TYPE_CHECKING:
    from yaml.nodes import Node

DEPTH_MAX = 100
"""Collections inside one another, through aliases too; a package.yaml has four."""
SIZE_MAX = 100_000
"""Values of a document, counted as often as aliases repeat them."""
NUMBER_MAX = 1000
"""Characters of a number in any file: Python 3.11 and later cannot show one of more than 4300 decimal digits."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:value")  # the latter is a plain `=`, a text where it is a key


class RefusedYamlError(ValueError):
    """Refused YAML: ``problem`` says what is wrong, ``redacted`` says it without any of the content."""

    def __init__(self, node: Node, problem: str, remedy: str, redacted: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.redacted = redacted or problem
        self.remedy = remedy
        self.problem_mark = node.start_mark


class RepeatedKey(NamedTuple):
    """A key that a mapping has again, after ``before``; ``lost`` is the value of that earlier one."""

    mapping: Node
    key: Node
    before: Node
    lost: Node


class Merges(NamedTuple):
    """The mappings that every ``<<`` brings into one, in the order of the text."""

    mapping: Node
    merged: Tuple[Node, ...]


class Survey(NamedTuple):
    """The repeated keys of a document, and its merges by the mapping's ``id``, before YAML resolves them."""

    repeated: Tuple[RepeatedKey, ...]
    merges: Dict[int, Merges]


def refuse_document(root: Node, construct: Callable[[Node], Any]) -> None:
    """Raise RefusedYamlError for what files of ours must not have.

    ``construct`` makes the value of a scalar node.
    """
    _refuse_large(root)
    refuse_numbers(root)
    repeated = survey(root, construct).repeated
    if repeated:
        key, before = repeated[0].key, repeated[0].before
        lines = f"lines {before.start_mark.line + 1} and {key.start_mark.line + 1}"
        raise RefusedYamlError(
            key,
            f"the key {key.value[:80]!r} stands in one mapping twice, in {lines}",
            "take one of the two out: of such a pair YAML keeps one only, without a word",
            f"a key stands in one mapping twice, in {lines}",
        )


def refuse_numbers(root: Node) -> None:
    """Raise RefusedYamlError for a number that is too long to be shown in a message."""
    for node in _nodes(root):
        if node.tag in _NUMBERS and len(node.value) > NUMBER_MAX:
            remedy = "put it in quotes if it is a text"
            raise RefusedYamlError(node, f"this number has {len(node.value)} characters", remedy)


def survey(root: Node, construct: Callable[[Node], Any]) -> Survey:
    """Find the repeated keys and the merges of a document; ``construct`` makes the value of a scalar node."""
    from yaml.nodes import MappingNode

    repeated: List[RepeatedKey] = []
    merges: Dict[int, Merges] = {}
    for node in _nodes(root):
        if isinstance(node, MappingNode):
            repeated += _repeated(node, construct)
            merged = [_merged_by(value) for key, value in node.value if key.tag.endswith(":merge")]
            if merged:
                merges[id(node)] = Merges(node, tuple(mapping for group in merged for mapping in group))
    return Survey(tuple(repeated), merges)


def _nodes(root: Node) -> Iterable[Node]:
    """Yield every node of a document once, in the order of the text."""
    visited = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) not in visited:
            visited.add(id(node))
            yield node
            pending += reversed(_children(node))


def _children(node: Node) -> List[Node]:
    from yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _merged_by(value: Node) -> Tuple[Node, ...]:
    from yaml.nodes import MappingNode, SequenceNode

    nodes = value.value if isinstance(value, SequenceNode) else [value]
    return tuple(node for node in nodes if isinstance(node, MappingNode))


def _refuse_large(root: Node) -> None:
    """Raise RefusedYamlError where a document is too deep or too large once its aliases are written out.

    The place is that of the outermost mapping's value.
    """
    remedy = "write out what is meant, without anchors and aliases"
    size = 0
    waiting = [(root, root, 0)]
    while waiting:
        node, place, depth = waiting.pop()
        size += 1
        if size > SIZE_MAX:
            raise RefusedYamlError(place, f"more than {SIZE_MAX} values stand here, aliases counted", remedy)
        if depth > DEPTH_MAX:
            raise RefusedYamlError(place, f"more than {DEPTH_MAX} collections stand inside one another", remedy)
        waiting += [(child, place if depth else child, depth + 1) for child in reversed(_children(node))]


def _repeated(node: Node, construct: Callable[[Node], Any]) -> List[RepeatedKey]:
    """Return the repeated keys of a mapping: only the value of one of each counts."""
    from yaml.nodes import ScalarNode

    last: Dict[object, Tuple[Node, Node]] = {}
    repeated = []
    for key, value in node.value:
        if isinstance(key, ScalarNode):
            merge = key.tag.endswith(":merge")
            name = (merge, key.value if merge or key.tag in _TEXTS else construct(key))
            if name in last:
                repeated.append(RepeatedKey(node, key, *last[name]))
            last[name] = (key, value)
    return repeated
