"""The environment that templates run in: Jinja's sandbox, and a bound on all that a template can make.

Jinja's own sandbox keeps a template from Python's insides, not from filling the memory or running for a year. Here
every round of a loop, call, inclusion and text that is made is paid for out of one budget, before it is made.
"""

from __future__ import annotations

import functools
import re
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.loaders import BaseLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment

BUDGET = 64 << 20
"""Bytes that a template may make in all; a round of a loop counts as the whole of the longest template."""
SECONDS = 20
"""The longest that a template may compute; what the budget does not see still ends."""
_ROUND = 2048  # so at most 32,768 rounds
_WIDEST = 10_000
_BITS = 4096
_METHODS = frozenset(
    (
        "upper",
        "lower",
        "strip",
        "lstrip",
        "rstrip",
        "title",
        "capitalize",
        "swapcase",
        "casefold",
        "startswith",
        "endswith",
        "split",
        "rsplit",
        "splitlines",
        "partition",
        "rpartition",
        "find",
        "rfind",
        "index",
        "count",
        "removeprefix",
        "removesuffix",
        "isalnum",
        "isalpha",
        "isascii",
        "isdecimal",
        "isdigit",
        "isidentifier",
        "islower",
        "isnumeric",
        "isspace",
        "istitle",
        "isupper",
        "items",
        "keys",
        "values",
        "get",
        "hex",
        "bit_length",
    )
)
_FILTERS = (
    "abs",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "items",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "string",
    "title",
    "trim",
    "unique",
    "upper",
)
_WIDE = re.compile(r"\*|[0-9]{4}")


class Budget:
    """What a template may still make."""

    def __init__(self, round_size: int) -> None:
        self._left = BUDGET
        self._round = max(round_size, _ROUND)
        self._end = time.process_time() + SECONDS

    def pay(self, size: int) -> None:
        """Pay for ``size`` bytes. Raises SecurityError when there is no more."""
        self._left -= size
        if self._left < 0:
            raise SecurityError(f"it makes more than {BUDGET >> 20} MiB, or goes round without end")
        if time.process_time() > self._end:
            raise SecurityError(f"it takes more than {SECONDS} seconds")

    def step(self) -> None:
        """Pay for a round of a loop, a call or an inclusion."""
        self.pay(self._round)

    def made(self, value: Any) -> Any:
        """Pay for a value that there is already; returns it."""
        if isinstance(value, (str, bytes)):
            self.pay(len(value))
        elif isinstance(value, (list, tuple, dict)):
            self.pay(8 * len(value))
        return value


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """See the module. One environment renders one file."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, loader: BaseLoader, *, longest: int, filters: Dict[str, Callable[..., Any]]) -> None:
        self.budget = Budget(longest)
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=False,  # this writes C, not HTML; c_string keeps values inside their literals
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            optimized=False,  # nothing is computed before there is a budget
            finalize=_finalize,
        )
        own = {name: self.filters[name] for name in _FILTERS}
        bounded = {
            "format": self._format,
            "indent": self._indent,
            "int": _integer,
            "join": self._join,
            "replace": self._replace,
        }
        self.filters = {name: self._paid(function) for name, function in {**own, **bounded, **filters}.items()}
        self.filters.update(_rounds=self._rounds, _concat=self._concat, _made=self.budget.made)
        del self.globals["lipsum"]

    def _parse(self, source: str, name: Optional[str], filename: Optional[str]) -> nodes.Template:
        """Jinja's tree of a template, with what makes something out of something handed to the budget."""
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            if loop.recursive:
                self.handle_exception_at(loop, filename)
            loop.iter = _filtered(loop.iter, "_rounds")
        _replace_expressions(tree)
        return tree

    @staticmethod
    def handle_exception_at(node: nodes.Node, filename: Optional[str]) -> None:
        """Refuse a statement where it stands."""
        from jinja2 import TemplateSyntaxError

        raise TemplateSyntaxError("loops that call themselves are not for templates", node.lineno, filename=filename)

    def get_template(self, *arguments: Any, **options: Any) -> Any:
        """Jinja's own; every inclusion comes by here."""
        self.budget.step()
        return super().get_template(*arguments, **options)

    def call(self, *arguments: Any, **options: Any) -> Any:
        """Call what a template calls: of a value's methods only those whose result is no larger than what goes in."""
        function = arguments[1]
        owner = getattr(function, "__self__", None)
        if isinstance(owner, (str, bytes, int, float, list, tuple, dict)) and function.__name__ not in _METHODS:
            raise SecurityError(f"the method {function.__name__} is not for templates")
        self.budget.step()
        return self.budget.made(super().call(*arguments, **options))

    def wrap_str_format(self, value: Any) -> Any:
        """Refuse ``format`` and ``format_map``: a field may be as wide as it says."""
        if super().wrap_str_format(value) is not None:
            raise SecurityError("the method format is not for templates: use the filter")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute what is no larger than the budget."""
        if operator == "%" and isinstance(left, str):
            return self._format(left, *(right if isinstance(right, tuple) else (right,)))
        if operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            self.budget.pay(8 * (len(left) + len(right)))
        elif operator == "*" and (hasattr(left, "__len__") or hasattr(right, "__len__")):
            items, times = (left, right) if hasattr(left, "__len__") else (right, left)
            self.budget.pay(8 * len(items) * max(int(times), 0))
        elif operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() + right.bit_length() if operator == "*" else left.bit_length() * abs(right)
            if bits > _BITS:
                raise SecurityError(f"a number of more than {_BITS} bits")
        return super().call_binop(context, operator, left, right)

    def _paid(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def filtered(*arguments: Any, **options: Any) -> Any:
            for value in (*arguments, *options.values()):
                if isinstance(value, int) and value is not arguments[0] and abs(value) > _WIDEST:
                    raise SecurityError(f"{value} is more than a filter can be told")
            self.budget.pay(64)
            return self.budget.made(function(*arguments, **options))

        return filtered

    def _rounds(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.budget.step()
            yield item

    def _concat(self, parts: List[Any]) -> str:
        texts = [str(part) for part in parts]
        self.budget.pay(sum(map(len, texts)))
        return "".join(texts)

    def _join(self, items: Iterable[Any], between: str = "") -> str:
        texts = []
        for item in items:
            texts.append(str(item))
            self.budget.pay(len(texts[-1]) + len(between) + 64)
        return str(between).join(texts)

    def _replace(self, value: Any, old: str, new: str) -> str:
        text = str(value)
        self.budget.pay(len(text) + text.count(old) * len(new))
        return text.replace(old, new)

    def _indent(self, text: Any, width: Any = 4, first: bool = False, blank: bool = False) -> str:
        lines = str(text).split("\n")
        margin = width if isinstance(width, str) else " " * int(width)
        self.budget.pay(len(lines) * (len(margin) + 8))
        return "\n".join(
            margin + line if (line or blank) and (number or first) else line for number, line in enumerate(lines)
        )

    def _format(self, pattern: Any, *values: Any, **named: Any) -> str:
        text = str(pattern)
        if values and named:
            raise SecurityError("format takes values or names, not both")
        if _WIDE.search(text):
            raise SecurityError("a width of four digits, or one among the values")
        longest = max((len(str(value)) for value in (*values, *named.values())), default=0)
        self.budget.pay(len(text) + text.count("%") * (longest + 1000))
        return str(text % (named or values))


@pass_context
def _finalize(context: Any, value: Any) -> Any:
    text = str(value)
    context.environment.budget.pay(len(text))
    return text


def _integer(value: Any, default: int = 0, base: int = 10) -> int:
    if isinstance(value, str) and len(value) > 100:
        raise SecurityError("a number of more than 100 characters")
    try:
        return int(value, base) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        return default


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)


def _replace_expressions(node: nodes.Node) -> None:
    """Put concatenations and slices below ``node`` into the hands of filters."""
    for field, value in list(node.iter_fields()):
        if isinstance(value, nodes.Node):
            _replace_expressions(value)
            setattr(node, field, _replaced(value))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, nodes.Node):
                    _replace_expressions(item)
                    value[index] = _replaced(item)


def _replaced(node: nodes.Node) -> nodes.Node:
    if isinstance(node, nodes.Concat):
        return _filtered(nodes.List(node.nodes, lineno=node.lineno, environment=node.environment), "_concat")
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        return _filtered(node, "_made")
    return node
