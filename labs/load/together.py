"""Several things at once: load on two models, or load while something is done to the server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def together(*works: Callable[[], Result]) -> list[Result]:
    """Return the results of works that are begun at the same moment, in their order.

    Args:
        works: Calls without arguments; load loops run in processes of their own, so they do not slow each other here.

    Raises:
        Exception: The first error among them, after all of them have ended.
    """
    with ThreadPoolExecutor(len(works)) as pool:
        begun = [pool.submit(work) for work in works]
    return [one.result() for one in begun]
