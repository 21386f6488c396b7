"""What a process keeps for its next phase, and what that saves."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier, Thread

import pytest

from components.errors import NotFoundError
from components.pipeline import PHASES
from components.records.videos import Video
from components.running.copies import Copies
from components.running.decoders import Decoders
from components.running.results import Results
from components.running.services import Services
from components.settings import Settings
from tests.clips import numbered_video
from tests.conftest import Corpus, SharedDecoders
from tests.s3_requests import counted

ONE = "s3://oriane-frames/one"
TWO = "s3://oriane-frames/two"
MISSING = "s3://oriane-frames/missing"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return numbered_video(tmp_path / "clip.mp4", [number / 10 for number in range(30)])


def filled(services: Services, capacity: int) -> Copies:
    for uri in (ONE, TWO):
        services.store.put(uri, uri.encode(), content_type="text/plain")
    return Copies(services.store, services.scratch, capacity)


def read(copies: Copies, uri: str, version: str = "") -> bytes:
    with copies.of(uri, version, "file") as path:
        return path.read_bytes()


def test_a_copy_is_fetched_once_as_long_as_it_fits(services: Services) -> None:
    copies = filled(services, len(ONE))
    with counted(services) as calls:
        assert [read(copies, uri) for uri in (ONE, ONE, TWO, TWO, ONE)] == [
            uri.encode() for uri in (ONE, ONE, TWO, TWO, ONE)
        ]
    assert calls["GetObject"] == 3
    assert read(copies, ONE, "another version") == ONE.encode()


def test_without_room_nothing_stays(services: Services) -> None:
    copies = filled(services, 0)
    with copies.of(ONE, "", "file") as path:
        assert path.read_text() == ONE
    assert not path.parent.exists()


def test_threads_share_one_download(services: Services) -> None:
    copies, together = filled(services, 10**6), Barrier(4)

    def reader() -> None:
        together.wait()
        read(copies, ONE)

    threads = [Thread(target=reader) for _ in range(4)]
    with counted(services) as calls:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert calls["GetObject"] == 1


def test_what_was_sent_is_not_fetched(services: Services, tmp_path: Path) -> None:
    copies = filled(services, 10**6)
    path = tmp_path / "file"
    path.write_text("sent")
    copies.keep(ONE, "", path)
    with counted(services) as calls:
        assert read(copies, ONE) == b"sent"
    assert not calls


def test_a_failed_download_leaves_nothing_behind(services: Services) -> None:
    copies = filled(services, 10**6)
    for _ in range(2):
        with pytest.raises(NotFoundError), copies.of(MISSING, "", "file"):
            pass
    services.store.put(MISSING, b"now there", content_type="text/plain")
    assert read(copies, MISSING) == b"now there"


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_video_that_is_done_leaves_no_copies(
    settings: Settings, decoders: Decoders, clip: Path
) -> None:
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        corpus = Corpus(services)
        corpus.add(clip, "a")
        corpus.add(b"not a video", "b")
        before_record = [phase for phase in PHASES if phase != "record"]
        corpus.through(*before_record)
        assert files_below(services.scratch.path)
        corpus.through(*PHASES)
        assert not files_below(services.scratch.path)
        assert not services.copies.unsent


def test_requests_of_a_process_that_runs_every_phase(
    settings: Settings, decoders: Decoders, clip: Path
) -> None:
    """The number that docs/performance.md states: source and frames are fetched once, or not."""
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        corpus = Corpus(services)
        corpus.add(clip, "a")
        with counted(services) as calls:
            (entry,) = corpus.through(*PHASES)
        assert entry.problem is None
        # Shards, not videos, cost manifests: nine are written, and only plan's is read from S3.
        manifests = 9 + 1
        frames = 3
        wanted = {
            "HeadObject": 1,  # which source it is; fingerprints start from its ETag
            "GetObject": 1,  # the source
            "ListObjectsV2": 2,  # its results, so that none is asked for; its published frames
            # What fetch, crop, frame, dedup, embed and index came to; vectors; the done marker.
            "PutObject": 6 + 1 + 1,
        }
        assert calls.total() - manifests == 12 + frames
        calls.subtract({"PutObject": manifests - 1 + frames, "GetObject": 1})
        assert calls == wanted, calls
        with counted(services) as again:
            corpus.through(*PHASES)
        # The source, six results and their listing, the done marker; its published frames are
        # listed by frame, whose pictures they are, and by upload.
        assert again.total() - manifests == 1 + 6 + 1 + 1 + 2, again


def test_results_of_a_shard_are_listed_together(services: Services) -> None:
    videos = [Video(platform="p", code=code, source=f"s3://v/p/{code}/v.mp4") for code in "abc"]
    writing = Results(services.store, "oriane-artifacts", listing=True)
    kept = writing.uri(videos[1], "fetch", "f", "json")
    services.store.put(kept, b"{}", "application/json")
    results = Results(services.store, "oriane-artifacts", listing=True)
    with counted(services) as calls:
        results.list_ahead(videos)
        held = [results.hold(video, [kept]) for video in videos]
        results.list_ahead(videos)
    assert held == [False, True, False]
    assert calls == {"ListObjectsV2": 1}
