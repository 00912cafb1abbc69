"""Work in a process of its own: a process can start Spark once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_fresh_process(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """What the work returns or raises there; all of it must be picklable."""
    with ProcessPoolExecutor(1, get_context("spawn")) as another:
        return another.submit(work, *arguments, **named).result()
