"""The metrics of `pipeline/metrics` as fields of the schema: a metric has its name, unit and meaning there only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar

import strawberry
from strawberry.types.nodes import SelectedField, Selection
from strawberry.utils.str_converters import to_camel_case

from backend.context import Context
from pipeline.metrics import Metric

Kind = TypeVar("Kind")

_TYPES: dict[str, type] = {"long": int, "double": float}

# Every row holds these, one that was written before there were the other metrics too.
_ALWAYS_KNOWN = frozenset({"empty_seconds", "full_seconds", "closed_seconds", "observed_seconds", "coverage"})


def metric_description(metric: Metric) -> str:
    """What the metric means and its unit."""
    return f"{metric.description} Unit: {metric.unit}."


def with_metrics(metrics: Sequence[Metric]) -> Callable[[type[Kind]], type[Kind]]:
    """Give a class, before Strawberry makes it a type, a field for each metric, of its name; null where unknown."""

    def add(kind: type[Kind]) -> type[Kind]:
        for metric in metrics:
            kind.__annotations__[metric.name] = _annotation(metric)
            setattr(kind, metric.name, strawberry.field(description=metric_description(metric)))
        return kind

    return add


def _annotation(metric: Metric) -> Any:
    known = _TYPES[metric.type]
    return known if metric.name in _ALWAYS_KNOWN else known | None


def asked_metrics(info: strawberry.Info[Context, None], metrics: Sequence[Metric]) -> list[str]:
    """Which of the metrics are asked of the objects that the field of ``info`` answers with."""
    names = set(_names(chain.from_iterable(field.selections for field in info.selected_fields)))
    return [metric.name for metric in metrics if to_camel_case(metric.name) in names]


def _names(selections: Iterable[Selection]) -> Iterator[str]:
    for selection in selections:
        if isinstance(selection, SelectedField):
            yield selection.name
        else:
            yield from _names(selection.selections)
