"""Documents of earlier versions are read by the classes that write today's, and lose nothing.

tests/documents holds what version 0.1.0 wrote; a file is added for each change of what is written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter

from components.records.done_marker import DoneMarker
from workflows.reference.schemas import DOCUMENTS, FOLDER
from workflows.terminal.output import print_json

FILES = sorted((Path(__file__).parent / "documents").glob("*.json"))
# Files whose name says more than which document it is.
KINDS = {
    "run-rejected": "run", "verify-repair": "verify", "digest-leased": "digest",
    "digest-billed": "digest", "digest-limited": "digest", "run-plan-expected": "run-plan",
    "run-billed": "run", "run-start-cpu": "run-start", "done-marker-seconds": "done-marker",
}  # fmt: skip


def adapter(path: Path) -> TypeAdapter[Any]:
    document, _ = DOCUMENTS[KINDS.get(path.stem, path.stem)]
    return document if isinstance(document, TypeAdapter) else TypeAdapter(document)


def as_before(written: Any, before: Any) -> Any:
    """Return of what is written what was there before: later versions add fields, and to a point
    of a machine's history, which is a list of numbers, at its end."""
    if isinstance(before, dict):
        return {name: as_before(written[name], value) for name, value in before.items()}
    if isinstance(before, list):
        if before and not any(isinstance(value, dict | list | str) for value in before):
            written = written[: len(before)]
        assert len(written) == len(before)
        return [as_before(*pair) for pair in zip(written, before, strict=True)]
    return written


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_document_is_read_and_written_as_it_was(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(path.read_text())
    print_json(adapter(path).validate_python(before))
    written = json.loads(capsys.readouterr().out)
    assert as_before(written, before) == before


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_document_is_as_its_schema_says(path: Path) -> None:
    schema = json.loads((FOLDER / f"{KINDS.get(path.stem, path.stem)}.json").read_text())
    Draft202012Validator(schema).validate(json.loads(path.read_text()))


def test_what_a_newer_version_adds_to_a_marker_is_kept() -> None:
    (path,) = [path for path in FILES if path.stem == "done-marker"]
    newer = {**json.loads(path.read_text()), "language": "de"}
    newer["frames"][0]["faces"] = 2
    marker = DoneMarker.model_validate(newer)
    assert json.loads(marker.model_dump_json()) == newer


def test_a_marker_without_newer_fields_is_read() -> None:
    """As the first versions wrote it: without scores, lengths and what a switch replaced."""
    (path,) = [path for path in FILES if path.stem == "done-marker"]
    older = json.loads(path.read_text())
    for name in ("duration", "crop", "duplicates_removed"):
        del older[name]
    marker: BaseModel = DoneMarker.model_validate(older)
    assert isinstance(marker, DoneMarker)
    assert marker.files == {frame["path"].rpartition("/")[2] for frame in older["frames"]}
