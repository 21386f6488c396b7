"""Writes rows as Parquet, CSV or NumPy, whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from components.base.formulas import not_computed
from components.base.install_line import install_line
from components.base.side_by_side import batches
from components.errors import ConfigurationError

Row = dict[str, Any]
_ROWS_A_GROUP = 10_000


def check_target(target: Path, *, vectors: bool) -> None:
    """Refuse a file that cannot be written as its name says, before anything is read.

    Raises:
        ConfigurationError: its kind is not known, holds no vectors, or needs a package.
    """
    kind = target.suffix.lower()
    if kind not in _WRITERS:
        raise ConfigurationError(
            f"{target}: expected a name that ends with {', '.join(_WRITERS)}, found {kind!r}"
        )
    if kind == ".csv" and vectors:
        raise ConfigurationError(
            f"{target}: CSV has no place for vectors; leave out --vectors, or take .parquet or .npz"
        )
    if kind == ".parquet" and find_spec("pyarrow") is None:
        raise ConfigurationError(
            f"{target}: Parquet needs pyarrow; type {install_line('export')}, or take .csv or .npz"
        )


def write_rows(rows: Iterable[Row], target: Path) -> int:
    """Write the rows, all with the same columns, and return how many there are; 0 writes nothing.

    Rows are taken as they come for Parquet and CSV; NumPy's arrays are made in memory.
    """
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        return 0
    with _whole(target) as unfinished:
        return _WRITERS[target.suffix.lower()](chain([first], remaining), unfinished)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a file beside the target that takes its place once it is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _parquet(rows: Iterator[Row], target: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    count, writer = 0, None
    try:
        for group in batches(rows, _ROWS_A_GROUP):
            # float32, as the vectors were embedded; of one length, so that readers make a matrix.
            columns = {name: [row[name] for row in group] for name in group[0]}
            arrays = {
                name: pa.array(column) for name, column in columns.items() if name != "vector"
            }
            if "vector" in columns:
                flat = pa.array(np.asarray(columns["vector"], np.float32).ravel())
                size = len(columns["vector"][0])
                arrays["vector"] = pa.FixedSizeListArray.from_arrays(flat, size)
            table = pa.table(arrays)
            writer = writer or parquet.ParquetWriter(target, table.schema)
            writer.write_table(table)
            count += len(group)
    finally:
        if writer:
            writer.close()
    return count


def _csv(rows: Iterator[Row], target: Path) -> int:
    count = 0
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow({name: not_computed(value) for name, value in row.items()})
            count += 1
    return count


def _npz(rows: Iterator[Row], target: Path) -> int:
    all_rows = list(rows)
    arrays: dict[str, Any] = {
        name: np.asarray([row[name] for row in all_rows], np.float32 if name == "vector" else None)
        for name in all_rows[0]
    }
    if "vector" in arrays:
        arrays["vectors"] = arrays.pop("vector")
    with target.open("wb") as file:
        np.savez(file, **arrays)
    return len(all_rows)


_WRITERS: dict[str, Callable[[Iterator[Row], Path], int]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".npz": _npz,
}
