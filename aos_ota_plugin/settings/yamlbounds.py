"""What YAML allows and nobody writes on purpose: keys that stand twice, aliases that multiply, numbers without end.

Every loader takes these, and each for something else; some of them cost memory or time without bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Tuple

if TYPE_CHECKING:
    from yaml.nodes import Node

DEPTH_MAX = 100
"""Collections inside one another, through aliases too; a package.yaml has four."""
SIZE_MAX = 100_000
"""Values of a document, counted as often as aliases repeat them."""
NUMBER_MAX = 64
"""Characters of a number."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXT = "tag:yaml.org,2002:str"


class OddYamlError(ValueError):
    """Something refused: ``problem`` says what, ``discreet`` the same without a word of the content."""

    def __init__(self, node: Node, problem: str, remedy: str, discreet: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.discreet = discreet or problem
        self.remedy = remedy
        self.problem_mark = node.start_mark


class _Measure(NamedTuple):
    """How many values a node stands for, and how deep they lie, aliases followed."""

    size: int
    depth: int


def refuse_odd(root: Node, construct: Callable[[Node], Any]) -> None:
    """Raise OddYamlError for what this module is about; ``construct`` makes the value of a scalar node."""
    from yaml.nodes import MappingNode, ScalarNode

    measures: Dict[int, _Measure] = {}
    open_nodes = set()
    waiting: List[Tuple[Node, bool]] = [(root, False)]
    while waiting:
        node, done = waiting.pop()
        children = _children(node)
        if done:
            open_nodes.discard(id(node))
            measures[id(node)] = _measured(node, [measures[id(child)] for child in children])
        elif id(node) in open_nodes:
            raise OddYamlError(node, "an alias stands inside of what it stands for",
                               "write out what is meant, without it")
        elif id(node) not in measures:
            if isinstance(node, ScalarNode):
                _refuse_number(node)
            elif isinstance(node, MappingNode):
                _refuse_twice(node, construct)
            open_nodes.add(id(node))
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(children)]


def _children(node: Node) -> List[Node]:
    from yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _measured(node: Node, inner: List[_Measure]) -> _Measure:
    measure = _Measure(1 + sum(one.size for one in inner), 1 + max((one.depth for one in inner), default=0))
    remedy = "write out what is meant, without anchors and aliases"
    if measure.size > SIZE_MAX:
        raise OddYamlError(node, f"more than {SIZE_MAX} values stand here, aliases counted", remedy)
    if measure.depth > DEPTH_MAX + 1:
        raise OddYamlError(node, f"more than {DEPTH_MAX} collections stand inside one another", remedy)
    return measure


def _refuse_number(node: Node) -> None:
    if node.tag in _NUMBERS and len(node.value) > NUMBER_MAX:
        raise OddYamlError(node, f"a number of {len(node.value)} characters is for nobody",
                           "put it in quotes if it is a text")


def _refuse_twice(node: Node, construct: Callable[[Node], Any]) -> None:
    """A key that a mapping has twice: of the two values one would count, and nobody sees which."""
    from yaml.nodes import ScalarNode

    seen: Dict[object, Node] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            continue
        _refuse_number(key)
        value = key.value if key.tag == _TEXT or key.tag.endswith(":merge") else construct(key)
        first = seen.setdefault((key.tag.endswith(":merge"), value), key)
        if first is not key:
            lines = f"lines {first.start_mark.line + 1} and {key.start_mark.line + 1}"
            raise OddYamlError(key, f"the key {key.value[:80]!r} stands in one mapping twice, in {lines}",
                               "take one of the two out: of such a pair YAML keeps one only, without a word",
                               f"a key stands in one mapping twice, in {lines}")
