"""gc: what has expired and nothing refers to goes, and nothing else."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES
from components.running.services import Services
from tests.commands import invoked
from tests.conftest import Corpus
from tests.deployment import content
from tests.deployment import copied as storage  # noqa: F401
from tests.test_catch_up import planned
from workflows.operations.gc.gc import clean
from workflows.operations.gc.report import Cleaned, Expired, Expiry
from workflows.operations.verify.verify import verify
from workflows.terminal.durations import duration

pytestmark = pytest.mark.slow

BUCKET = "s3://oriane-artifacts"
MANIFESTS = 9  # one a phase, and the plan


def cleaned(services: Services, days: float = 30, apply: bool = True) -> Cleaned:
    return clean(services, datetime.now(UTC) - timedelta(days=days), apply=apply)


def put(services: Services, *keys: str) -> None:
    for key in keys:
        services.store.put(f"{BUCKET}/{key}", b"12345", "application/json")


def artifacts(services: Services) -> set[str]:
    return {uri.removeprefix(f"{BUCKET}/") for uri in content(services)["objects"] if BUCKET in uri}


def test_old_manifests_go_and_what_a_rerun_needs_stays(services: Services) -> None:
    before = artifacts(services)
    planned = cleaned(services, apply=False)
    assert planned == cleaned(services).model_copy(update={"applied": False})
    gone = before - artifacts(services)
    assert {key.split("/")[0] for key in gone} == {"runs"}
    assert len(gone) == MANIFESTS
    corpus = Corpus(services)
    corpus.add(services.store.get("s3://oriane-contents/local/one/video.mp4"), "one")
    (entry,) = corpus.through(*VIDEO_PHASES)
    assert all(step.reused for step in entry.steps)
    assert verify(services).findings == ()


def test_old_logs_of_runs_on_this_machine_go(services: Services) -> None:
    folder = services.settings.work.data_dir / "logs"
    folder.mkdir(parents=True)
    old, new, foreign = "20260101-010203-0a1b.jsonl", "20261127-184448-970d.jsonl", "notes.jsonl"
    for name in (old, new, foreign):
        (folder / name).write_text("12345")
    then = (datetime.now(UTC) - timedelta(days=31)).timestamp()
    for name in (old, foreign):
        os.utime(folder / name, (then, then))
    assert cleaned(services, apply=False).expired[Expired.LOG] == Expiry(objects=1, bytes=5)
    assert len([*folder.iterdir()]) == 3
    assert cleaned(services).expired[Expired.LOG] == Expiry(objects=1, bytes=5)
    assert {path.name for path in folder.iterdir()} == {new, foreign}


def test_superseded_and_unfinished_results_go(services: Services) -> None:
    kept = artifacts(services)
    superseded = {"results/local/one/embed/0ld.json", "results/local/one/embed/0ld.npy"}
    put(services, *superseded, "results/local/never/fetch/f1.json", "jobs/j1.json")
    services.markers.remove("local", "two", "manifest.json")
    cleaned(services, days=-1)
    left = artifacts(services)
    assert not superseded & left
    assert {key for key in left if key.startswith("results/")} == {
        key for key in kept if key.startswith("results/local/one/")
    }
    assert not any(key.startswith("jobs/") for key in left)


def test_what_is_young_or_foreign_or_a_digest_stays(services: Services) -> None:
    young = {"jobs/new.json", "results/local/one/embed/new.json", "runs/r9/000000/plan.jsonl"}
    foreign = {"runs/odd.txt", "results/local/x.json", "jobs/a/b.json", "models/m.bin"}
    put(services, *young, *foreign, "runs/test1/digest.json")
    cleaning = cleaned(services)
    assert young | foreign | {"runs/test1/digest.json"} <= artifacts(services)
    assert cleaning.foreign == 3, "of the folders that it looks at"


def test_a_run_that_still_leases_videos_keeps_what_it_works_with(ledgered: Services) -> None:
    assert ledgered.ledger
    ledgered.ledger.lease([("local", "one")], "test1", 1)
    ledgered.markers.remove("local", "one", "manifest.json")
    before = artifacts(ledgered)
    assert cleaned(ledgered).kept_leased > MANIFESTS
    assert artifacts(ledgered) == before
    ledgered.ledger.release("test1")
    cleaned(ledgered)
    assert not any(key.startswith(("runs/", "results/local/one/")) for key in artifacts(ledgered))


def test_after_cleaning_everything_runs_again(services: Services) -> None:
    services.markers.remove("local", "one", "manifest.json")
    cleaned(services)
    assert planned(Corpus(services)) == ["local/one"]
    assert not any(expiry.objects for expiry in cleaned(services).expired.values())


def test_durations() -> None:
    assert duration("30d") == timedelta(days=30)
    assert [duration(text).total_seconds() for text in ("90s", "1.5m", "2h", "1w")] == [
        90, 90, 7200, 604800,
    ]  # fmt: skip
    for wrong in ("", "30", "d", "-1d", "1y", "9999999w", "١d", "1 d"):
        with pytest.raises(ConfigurationError, match="write 12h or 30d"):
            duration(wrong)


def test_the_command(tmp_path: Path, services: Services) -> None:
    services.close()
    code, text = invoked("gc", "--json", data=tmp_path)
    shown = json.loads(text)
    assert (code, shown["applied"]) == (0, False)
    assert shown["expired"]["manifests"]["objects"] == MANIFESTS
    _, text = invoked("gc", "--older-than", "4w", "--yes", "--json", data=tmp_path)
    assert json.loads(text) == {**shown, "applied": True}
    code, text = invoked("gc", "--older-than", "soon", data=tmp_path)
    assert code == 78
    assert "write 12h or 30d" in text
