"""The engine's own filters, of what a request asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import qdrant_edge as edge

from components.stores.vectors.edge.requests import Condition, Where


def filter_of(where: Where) -> edge.Filter | None:
    """Return the filter for these points; None for all."""
    must = [part for condition in where.all_of for part in _parts(condition)]
    must_not: list[Any] = [_together((condition,)) for condition in where.none_of]
    must_not += [_together(group) for group in where.without]
    if where.without_ids:
        must_not.append(edge.HasIdCondition(set(where.without_ids)))
    return edge.Filter(must=must, must_not=must_not) if must or must_not else None


def _together(conditions: Sequence[Condition]) -> Any:
    parts = [part for condition in conditions for part in _parts(condition)]
    return parts[0] if len(parts) == 1 else edge.Filter(must=parts)


def _parts(condition: Condition) -> Iterator[Any]:
    field = condition.field
    if condition.any_of is not None:
        yield _one_of(field, condition.any_of)
    if condition.at_least is not None or condition.at_most is not None:
        yield edge.FieldCondition(
            field, range=edge.RangeFloat(gte=condition.at_least, lte=condition.at_most)
        )
    if condition.since is not None or condition.until is not None:
        yield edge.FieldCondition(
            field, range=edge.RangeDateTime(gte=condition.since, lt=condition.until)
        )
    if condition.missing:
        yield edge.IsEmptyCondition(field)


def _one_of(field: str, values: Sequence[str | int]) -> Any:
    matches: list[Any] = [
        edge.FieldCondition(field, match=edge.MatchValue(value)) for value in values
    ]
    return matches[0] if len(matches) == 1 else edge.Filter(should=matches)
