"""What YAML allows and nobody writes on purpose: keys that stand twice, aliases that multiply, numbers without end.

In a file of ours all of it is refused. In other people's files aos-tools takes most of it: there only what costs
memory or time without bound is refused, and keys that stand twice are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, NamedTuple, Tuple

if TYPE_CHECKING:
    from yaml.nodes import Node

DEPTH_MAX = 100
"""Collections inside one another, through aliases too; a package.yaml has four."""
SIZE_MAX = 100_000
"""Values of a document, counted as often as aliases (in other people's files: merge keys) repeat them."""
NUMBER_MAX = 64
"""Characters of a number in a file of ours."""
FOREIGN_NUMBER_MAX = 4300
"""Characters of a number in other people's files: as many digits as Python 3.11, and aos-tools with it, reads."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:value")  # the latter is a plain `=`, a text where it is a key


class OddYamlError(ValueError):
    """Something refused: ``problem`` says what, ``discreet`` the same without a word of the content."""

    def __init__(self, node: Node, problem: str, remedy: str, discreet: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.discreet = discreet or problem
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


class _Measure(NamedTuple):
    """How many values a node stands for, and how deep they lie."""

    size: int
    depth: int


def refuse_odd(root: Node, construct: Callable[[Node], Any]) -> None:
    """Raise OddYamlError for what no file of ours may have; ``construct`` makes the value of a scalar node."""
    for node in _every(root):
        _refuse_number(node, NUMBER_MAX)
    _measure([root], _children, lambda _: 1, ("values", "anchors and aliases"))
    repeated = survey(root, construct).repeated
    if repeated:
        key, before = repeated[0].key, repeated[0].before
        lines = f"lines {before.start_mark.line + 1} and {key.start_mark.line + 1}"
        raise OddYamlError(
            key,
            f"the key {key.value[:80]!r} stands in one mapping twice, in {lines}",
            "take one of the two out: of such a pair YAML keeps one only, without a word",
            f"a key stands in one mapping twice, in {lines}",
        )


def refuse_unbounded(root: Node, construct: Callable[[Node], Any]) -> Survey:
    """Return what repeats in other people's file; raise OddYamlError where reading it would have no bound."""
    for node in _every(root):
        _refuse_number(node, FOREIGN_NUMBER_MAX)
    document = survey(root, construct)

    def merged(node: Node) -> List[Node]:
        merges = document.merges.get(id(node))
        return list(merges.merged) if merges else []

    mappings = [merges.mapping for merges in document.merges.values()]
    words = ("keys", "merge keys")
    measures = _measure(mappings, merged, lambda node: 1 + len(node.value), words)
    total = 0
    for mapping in mappings:
        total += measures[id(mapping)].size
        _bounded(mapping, _Measure(total, 1), words)
    return document


def survey(root: Node, construct: Callable[[Node], Any]) -> Survey:
    """Find the repeated keys and the merges of a document; ``construct`` makes the value of a scalar node."""
    from yaml.nodes import MappingNode

    repeated: List[RepeatedKey] = []
    merges: Dict[int, Merges] = {}
    for node in _every(root):
        if isinstance(node, MappingNode):
            repeated += _repeated(node, construct)
            brought = [_merged_by(value) for key, value in node.value if key.tag.endswith(":merge")]
            if brought:
                merges[id(node)] = Merges(node, tuple(one for group in brought for one in group))
    return Survey(tuple(repeated), merges)


def _every(root: Node) -> Iterable[Node]:
    """Yield every node of a document once, in the order of the text."""
    seen = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting += reversed(_children(node))


def _children(node: Node) -> List[Node]:
    from yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _merged_by(value: Node) -> Tuple[Node, ...]:
    from yaml.nodes import MappingNode, SequenceNode

    nodes = value.value if isinstance(value, SequenceNode) else [value]
    return tuple(node for node in nodes if isinstance(node, MappingNode))


def _measure(
    roots: Iterable[Node], inside: Callable[[Node], List[Node]], weight: Callable[[Node], int], words: Tuple[str, str]
) -> Dict[int, _Measure]:
    """Return the nodes' measures by ``id``.

    Raises OddYamlError when nodes contain themselves, multiply beyond SIZE_MAX, or lie deeper than DEPTH_MAX.
    """
    measures: Dict[int, _Measure] = {}
    open_nodes = set()
    waiting: List[Tuple[Node, bool]] = [(root, False) for root in roots][::-1]
    while waiting:
        node, done = waiting.pop()
        children = inside(node)
        if done:
            open_nodes.discard(id(node))
            inner = [measures[id(child)] for child in children]
            measures[id(node)] = _bounded(
                node,
                _Measure(
                    weight(node) + sum(one.size for one in inner), 1 + max((one.depth for one in inner), default=0)
                ),
                words,
            )
        elif id(node) in open_nodes:
            raise OddYamlError(
                node, "an alias stands inside of what it stands for", "write out what is meant, without it"
            )
        elif id(node) not in measures:
            open_nodes.add(id(node))
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(children)]
    return measures


def _bounded(node: Node, measure: _Measure, words: Tuple[str, str]) -> _Measure:
    remedy = f"write out what is meant, without {words[1]}"
    if measure.size > SIZE_MAX:
        raise OddYamlError(node, f"more than {SIZE_MAX} {words[0]} stand here, aliases counted", remedy)
    if measure.depth > DEPTH_MAX + 1:
        raise OddYamlError(node, f"more than {DEPTH_MAX} collections stand inside one another", remedy)
    return measure


def _refuse_number(node: Node, limit: int) -> None:
    if node.tag in _NUMBERS and len(node.value) > limit:
        raise OddYamlError(
            node, f"a number of {len(node.value)} characters is for nobody", "put it in quotes if it is a text"
        )


def _repeated(node: Node, construct: Callable[[Node], Any]) -> List[RepeatedKey]:
    """Return the keys that a mapping has again: of their values only one counts, and nobody sees which."""
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
