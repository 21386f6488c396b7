"""A bit that turned over anywhere fails a video and is made good; it is never indexed or judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.pipeline import VIDEO_PHASES
from components.records.videos import EmbeddedVideo
from components.running.services import Services
from tests.clips import numbered_video
from tests.conftest import Corpus
from tests.deployment import copied as storage  # noqa: F401
from tests.phases import through
from tests.points import change
from tests.test_storage import flaky, flipped
from tests.test_verify import frame, kinds, mended, taken
from workflows.operations.verify.deep import Sample
from workflows.operations.verify.verify import verify

pytestmark = pytest.mark.slow

EVERYTHING = Sample(100)


def files(tmp_path: Path, suffix: str, bucket: str = "oriane-artifacts") -> list[Path]:
    return sorted((tmp_path / "s3" / bucket).rglob(f"*{suffix}"))


@pytest.fixture
def fresh(tmp_path: Path, corpus: Corpus) -> Corpus:
    corpus.add(numbered_video(tmp_path / "new.mp4", [number / 5 for number in range(8)], 160, 90))
    return corpus


@pytest.mark.parametrize(("suffix", "after", "fails"), [("new", "embed", "index")])
def test_vectors_that_turned_over_on_disk_are_never_indexed(
    tmp_path: Path, fresh: Corpus, suffix: str, after: str, fails: str
) -> None:
    (entry,) = fresh.through(*through(after))
    assert isinstance(entry.result, EmbeddedVideo)
    path = tmp_path / "s3" / entry.result.vectors.removeprefix("s3://")
    path.write_bytes(flipped(path.read_bytes()))
    (entry,) = fresh.through(*VIDEO_PHASES)
    assert entry.problem
    assert (entry.problem.kind, entry.problem.phase) == ("failed", fails)
    assert "was written" in entry.problem.message
    (entry,) = fresh.through(*VIDEO_PHASES)
    assert entry.problem is None


def test_frames_that_turned_over_on_disk_are_never_published(tmp_path: Path, fresh: Corpus) -> None:
    fresh.through(*through("dedup"))
    (tar,) = (path for path in files(tmp_path, ".tar") if "/new/" in str(path))
    tar.write_bytes(flipped(tar.read_bytes()))
    (entry,) = fresh.through(*through("upload"))
    assert entry.problem
    assert (entry.problem.kind, entry.problem.phase) == ("failed", "upload")
    assert files(tmp_path, ".png", "oriane-frames/local/new") == []
    (entry,) = fresh.through(*VIDEO_PHASES)
    assert entry.problem is None


@pytest.mark.parametrize("lie", ["flips", "shorts"])
def test_a_lie_about_the_source_is_not_the_videos_fault(fresh: Corpus, lie: str) -> None:
    """A source that arrives short looks truncated, and would be rejected for good."""
    services = fresh.services
    with flaky(services.settings.storage, **{lie: 10**6}) as (through_proxy, server):
        kept = services.copies._store
        services.copies._store = through_proxy
        (entry,) = fresh.through("fetch")
        assert entry.problem
        assert (entry.problem.kind, entry.problem.reason) == ("failed", "unavailable")
        server.flips = server.shorts = 0
        (entry,) = fresh.through("fetch")
        assert entry.problem is None
        services.copies._store = kept


def turn_over_a_frame(services: Services, folder: Path) -> None:
    path = folder / "s3" / "oriane-frames" / frame(services).path
    path.write_bytes(flipped(path.read_bytes()))


def cut_a_frame(services: Services, folder: Path) -> None:
    path = folder / "s3" / "oriane-frames" / frame(services).path
    path.write_bytes(path.read_bytes()[:200])


def turn_over_a_vector(services: Services, folder: Path) -> None:
    identifier = frame(services).uuid
    vector = np.roll(services.collection.vectors([identifier])[identifier], 1).tolist()
    change(services.collection, identifier, vector)


@pytest.mark.parametrize(
    ("hurt", "kind"),
    [
        (turn_over_a_frame, "damaged_frames"),
        (cut_a_frame, "damaged_frames"),
        (turn_over_a_vector, "damaged_points"),
    ],
)
def test_reading_back_finds_damage_and_a_repair_mends_it(
    tmp_path: Path,
    services: Services,
    hurt,
    kind: str,  # type: ignore[no-untyped-def]
) -> None:
    whole = verify(services, deep=Sample(100))
    assert kinds(whole) == {}
    assert whole.read_back
    assert whole.read_back.videos == 2
    assert whole.read_back.frames == whole.read_back.points > 4
    hurt(services, tmp_path)
    assert kinds(verify(services)) == {}, "it takes reading"
    assert kinds(verify(services, deep=Sample(100))) == {kind: 1}
    assert mended(services, deep=Sample(100)) == {"remove_damaged": 1, "make_due": 1}
    assert taken(services) == ["local/one"]
    assert kinds(verify(services, deep=Sample(100))) == {}


def test_artifacts_that_turned_over_are_removed(tmp_path: Path, services: Services) -> None:
    tar = next(path for path in files(tmp_path, ".tar") if "/one/" in str(path))
    tar.write_bytes(flipped(tar.read_bytes()))
    assert kinds(verify(services, deep=Sample(100))) == {"damaged_artifacts": 1}
    assert mended(services, deep=Sample(100)) == {"remove_damaged": 1}
    assert not tar.exists()
    assert kinds(verify(services, deep=Sample(100))) == {}


def test_a_sample_is_bounded_and_reading_on_misses_none(services: Services) -> None:
    one = verify(services, deep=Sample(1)).read_back
    assert one
    assert (one.videos, one.next_after) == (1, None)
    first = verify(services, deep=Sample(1, "")).read_back
    assert first
    assert first.next_after == "local/one"
    second = verify(services, deep=Sample(1, first.next_after)).read_back
    assert second
    assert (second.videos, second.next_after) == (1, None)
