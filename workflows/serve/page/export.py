"""What a search shows, as a file: CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from components.base.formulas import not_computed
from components.base.install_line import install_line
from components.errors import ConfigurationError
from workflows.serve.page.material import Moment


def rows(moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """Return a row a moment."""
    return [
        {
            "platform": one.platform,
            "code": one.code,
            "start": one.start,
            "end": one.end,
            "second": one.second,
            "frame_number": one.number,
            "confidence": round(one.confidence, 4),
            "score": round(one.score, 6),
            "alike": " ".join(f"{other.video}/{other.number}" for other in one.alike),
        }
        for one in moments
    ]


def kinds() -> list[str]:
    """Return the kinds that can be written here."""
    return [kind for kind in _WRITERS if kind != "parquet" or find_spec("pyarrow")]


def written(moments: Sequence[Moment], kind: str) -> tuple[bytes, str]:
    """Return the file and its media type.

    Raises:
        ConfigurationError: the kind is not known, or needs a package.
    """
    if kind not in _WRITERS:
        raise ConfigurationError(f"export: expected {', '.join(_WRITERS)}, found {kind[:20]!r}")
    if kind not in kinds():
        raise ConfigurationError(f"Parquet needs pyarrow; type {install_line('export')}")
    write, media_type = _WRITERS[kind]
    return write(rows(moments)), media_type


def _csv(table: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    names = list(table[0]) if table else _COLUMNS
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for row in table:
        writer.writerow({name: not_computed(value) for name, value in row.items()})
    return text.getvalue().encode()


def _json(table: list[dict[str, Any]]) -> bytes:
    return json.dumps(table, indent=1, ensure_ascii=False).encode()


def _parquet(table: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    text, real = pa.string(), pa.float64()
    types = (text, text, real, real, real, pa.int64(), real, real, text)
    schema = pa.schema(list(zip(_COLUMNS, types, strict=True)))
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(table, schema=schema), file)
    return file.getvalue()


_COLUMNS = list(rows([Moment("", "", 0.0, 0.0, 0.0, 0, 0.0, 0.0)])[0])
_WRITERS: dict[str, tuple[Callable[[list[dict[str, Any]]], bytes], str]] = {
    "csv": (_csv, "text/csv; charset=utf-8"),
    "json": (_json, "application/json"),
    "parquet": (_parquet, "application/vnd.apache.parquet"),
}
