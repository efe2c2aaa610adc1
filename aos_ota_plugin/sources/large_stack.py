"""Calls a function in a thread whose stack is large enough for every call that Python allows.

What calls itself without end gets RecursionError after 1000 calls, on a stack that holds as many. In the threads of
`aos make -j`, to which SCons gives 256 KiB, the stack overflows first, and the build ends with a segmentation fault.
"""

from __future__ import annotations

import threading
from typing import Callable, List, TypeVar

from ..errors import BuildError

Result = TypeVar("Result")

STACK_SIZE = 16 << 20
"""Bytes. The templates of tests/sources/test_sources_template_ends.py need more than 1 MiB on Python 3.13."""
_LOCK = threading.Lock()


def call_on_large_stack(function: Callable[[], Result]) -> Result:
    """Call ``function``, which must not raise, in a thread with a large stack. Raises BuildError."""
    results: List[Result] = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    try:
        with _LOCK:
            before = threading.stack_size(STACK_SIZE)
            try:
                thread.start()
            finally:
                threading.stack_size(before)
    except RuntimeError as error:
        raise BuildError(
            f"the templates cannot be rendered: {error}", remedy="end other programs, or raise the limit of memory"
        ) from None
    thread.join()
    return results[0]
