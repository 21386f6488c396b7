"""JSON Schemas of the documents that the program writes: docs/schemas, from the records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from components.records.digest import Digest
from components.records.done_marker import DoneMarker
from components.records.limit import MeasuredRate
from components.records.machine import MachineHistory
from components.records.plan import Plan
from components.records.rejected_marker import RejectedMarker
from components.records.run_report import RunReport
from components.records.run_start import RunStart
from components.records.watch import Announced, Watch, WatchEvent, WatchNotice
from workflows.argo.doctor import Checked
from workflows.argo.submit import Submitted
from workflows.model_swap.reports import Collections, Compared, Prepared, Switched
from workflows.operations.config.report import Configuration
from workflows.operations.delete.report import Deleted
from workflows.operations.gc.report import Cleaned
from workflows.operations.plan.report import PlanReport, QueueReport
from workflows.operations.release.report import Released
from workflows.operations.retry.report import Requested
from workflows.operations.runs.report import PastRun
from workflows.operations.show.report import ShownVideo
from workflows.operations.status.report import Overview, StoppedVideo, VideoStatus
from workflows.operations.verify.report import Verification
from workflows.reference.tree import ROOT
from workflows.search.answer import Answer, Found

FOLDER = ROOT / "docs" / "schemas"

# By file: what is stored, then what commands print with --json.
DOCUMENTS: dict[str, tuple[type[BaseModel] | TypeAdapter[Any], str]] = {
    "done-marker": (DoneMarker, "`manifest.json` beside a done video's frames"),
    "rejected-marker": (RejectedMarker, "`rejected.json` of a rejected video"),
    "run-plan": (Plan, "`plan.json` of a run: what it took and left"),
    "digest": (Digest, "`digest.json` of a run; also `oriane runs RUN --json`"),
    "machine": (MachineHistory, "`machines/<machine>.json`"),
    "measured-rate": (MeasuredRate, "`machines/<machine>.<rate>.json`, `machines/pods/…`"),
    "run-start": (RunStart, "`run.json` of a run that began"),
    "watch": (Watch, "`watches/<name>.json`; also `oriane watch add --json`"),
    "watch-notice": (WatchNotice, "`watches/<name>/<run>.json`; also `oriane watch test --json`"),
    "watch-announced": (Announced, "`watches/<name>/announced/points.json`"),
    "watch-event": (WatchEvent, "the body of a webhook"),
    "run": (RunReport, "`oriane run --json`"),
    "answer": (Answer, "`oriane search --json`"),
    "search": (TypeAdapter(list[Found]), "`oriane search --frames --json`"),
    "watch-list": (TypeAdapter(list[Watch]), "`oriane watch list --json`, `remove --json`"),
    "watch-ask": (TypeAdapter(list[WatchNotice]), "`oriane watch ask --json`"),
    "plan": (PlanReport, "`oriane plan --json`"),
    "plan-queue": (QueueReport, "`oriane plan --from queue --json`"),
    "show": (ShownVideo, "`oriane show --json`"),
    "status-stopped": (TypeAdapter(list[StoppedVideo]), "`oriane status --failed --json`"),
    "config": (Configuration, "`oriane config --json`"),
    "doctor": (TypeAdapter(list[Checked]), "`oriane doctor --json`"),
    "status": (Overview, "`oriane status --json`"),
    "status-video": (VideoStatus, "`oriane status PLATFORM/CODE --json`"),
    "runs": (TypeAdapter(list[PastRun]), "`oriane runs --json`"),
    "retry": (Requested, "`oriane retry --json`"),
    "release": (Released, "`oriane release --json`"),
    "verify": (Verification, "`oriane verify --json`"),
    "delete": (Deleted, "`oriane delete --json`"),
    "gc": (Cleaned, "`oriane gc --json`"),
    "submit": (Submitted, "`oriane submit --json`"),
    "model-status": (Collections, "`oriane model status --json`"),
    "model-prepare": (Prepared, "`oriane model prepare --json`"),
    "model-compare": (Compared, "`oriane model compare --json`"),
    "model-switch": (Switched, "`oriane model switch --json` and `rollback --json`"),
}


def schemas() -> dict[Path, str]:
    """Return the text of every schema, and of the page that lists them."""
    files = {
        FOLDER / f"{name}.json": json.dumps(_schema(document), indent=1, ensure_ascii=False) + "\n"
        for name, (document, _) in DOCUMENTS.items()
    }
    return {**files, FOLDER / "README.md": _page()}


def _schema(document: type[BaseModel] | TypeAdapter[Any]) -> dict[str, Any]:
    if isinstance(document, TypeAdapter):
        return document.json_schema(mode="validation", by_alias=True)
    return document.model_json_schema(mode="validation", by_alias=True)


def _page() -> str:
    lines = [
        "# Documents",
        "",
        "JSON Schemas of what the program writes, rendered by `make docs` from the records in",
        "the code. Fields are added, never taken away or given another meaning; readers leave",
        "alone what they do not know.",
        "",
        "| schema | document |",
        "|---|---|",
        *(f"| [{name}]({name}.json) | {what} |" for name, (_, what) in DOCUMENTS.items()),
    ]
    return "\n".join(lines) + "\n"
