"""Changing the model: fill beside, compare, switch, roll back; killed anywhere, it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from components.base.model_names import identity
from components.errors import ConfigurationError
from components.pipeline import PHASES
from components.records.videos import Video
from components.running.decoders import Decoders
from components.running.services import Services
from components.settings import LedgerSettings, Settings
from tests.clips import numbered_video
from tests.conftest import Corpus, SharedDecoders, settings_below
from tests.deployment import sparse_copy
from tests.kills import dies_at
from tests.points import aliases_below, fresh, make_plain, names_below, points_below
from tests.storage import SharedS3
from tests.vectors import framed
from workflows.cli.app import app
from workflows.model_swap.backfill import backfill
from workflows.model_swap.compare import compare
from workflows.model_swap.judge import Judgement, in_words, judge, require_better
from workflows.model_swap.measures import interval, verdict
from workflows.model_swap.reports import (
    Answered,
    Judged,
    Measured,
    Prepared,
    PreparedVideos,
    Switched,
)
from workflows.model_swap.switch import rollback, switch
from workflows.search.background import KeptBackgrounds
from workflows.search.calibration import Background

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
]


def quiet(_: str) -> None:
    """Tell nobody."""


def filled(services: Services) -> Prepared:
    return backfill(services, tell=quiet)


def moved(services: Services, **options: Any) -> Switched:
    return switch(services, confirmed=True, tell=quiet, **options)


def moved_back(services: Services) -> Switched:
    return rollback(services, confirmed=True, tell=quiet)


Served = Callable[[Path, Path], AbstractContextManager[Settings]]


@pytest.fixture(scope="module")
def served(shared_s3: SharedS3) -> Served:
    """Return what serves the S3 and the Qdrant below a folder, and gives settings with a model."""

    @contextmanager
    def serve(root: Path, model: Path) -> Iterator[Settings]:
        with shared_s3.over(root / "s3") as storage:
            yield settings_below(root, storage, str(model))

    return serve


def run_pipeline(
    served: Served, root: Path, model: Path, decoders: Decoders, videos: list[Path]
) -> None:
    with served(root, model) as settings, SharedDecoders(settings, decoders) as services:
        corpus = Corpus(services)
        for path in videos:
            corpus.add(path)
        entries = corpus.through(*PHASES)
        assert not any(entry.problem for entry in entries)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, torch: Any) -> Path:
    from tests.models import save_clip

    return save_clip(tmp_path_factory.mktemp("models") / "other-clip", seed=7, dim=16)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [
        numbered_video(folder / f"{code}.mp4", [number / 5 for number in range(frames)], 160, 90)
        for code, frames in (("one", 15), ("two", 22))
    ]


@pytest.fixture(scope="module")
def done_with_tiny(
    served: Served,
    tmp_path_factory: pytest.TempPathFactory,
    decoders: Decoders,
    clip_model: Path,
    videos: list[Path],
) -> Path:
    run_pipeline(served, root := tmp_path_factory.mktemp("tiny"), clip_model, decoders, videos)
    return root


@pytest.fixture(scope="module")
def prepared(
    served: Served, tmp_path_factory: pytest.TempPathFactory, done_with_tiny: Path, other: Path
) -> Path:
    sparse_copy(done_with_tiny, root := tmp_path_factory.mktemp("prepared") / "root")
    with served(root, other) as settings, Services(settings) as services:
        assert filled(services).videos.embedded == 2
    return root


@pytest.fixture(scope="module")
def done_with_other(
    served: Served,
    tmp_path_factory: pytest.TempPathFactory,
    decoders: Decoders,
    other: Path,
    videos: list[Path],
) -> Path:
    run_pipeline(served, root := tmp_path_factory.mktemp("other"), other, decoders, videos)
    return root


@pytest.fixture
def services(served: Served, prepared: Path, other: Path, tmp_path: Path) -> Iterator[Services]:
    """Services on a deployment of tiny-clip in which other-clip is prepared, and set."""
    sparse_copy(prepared, tmp_path / "root")
    with served(tmp_path / "root", other) as settings, Services(settings) as services:
        yield services


def with_model(services: Services, model: Path) -> Services:
    """Change the model that services are set to."""
    services.settings = services.settings.having("embed", model=str(model))
    return services


def identity_of(services: Services) -> str:
    return identity(services.settings.embed.model)


def state(root: Path) -> dict[str, Any]:
    """Return aliases, points and markers, without what differs from run to run."""
    points = {
        f"{name} {identifier}": {**point, "created_at": None, "dated": None}
        for name in names_below(root / "qdrant")
        for identifier, point in points_below(root / "qdrant", name).items()
    }
    return {"aliases": aliases_below(root / "qdrant"), "points": points, "markers": markers(root)}


def markers(root: Path) -> dict[str, Any]:
    found = {}
    for path in (root / "s3/oriane-frames").rglob("manifest.json"):
        found[path.parent.name] = json.loads(path.read_text())
        found[path.parent.name] |= dict.fromkeys(("run", "recorded_at", "dated", "seconds"))
    return found


def test_a_switched_deployment_is_as_one_made_with_the_new_model(
    services: Services, tmp_path: Path, done_with_other: Path
) -> None:
    outcome = moved(services)
    assert (outcome.videos, outcome.lacking, outcome.to_rebook) == (2, 0, 2)
    services.close()
    switched, fresh = state(tmp_path / "root"), state(done_with_other)
    for marker in switched["markers"].values():
        assert marker.pop("previous")["model"].startswith("tiny-clip@")
    assert switched["markers"] == fresh["markers"]
    name = switched["aliases"]["watched_frames"]
    assert name == fresh["aliases"]["watched_frames"]
    assert fresh["points"] == {
        key: value for key, value in switched["points"].items() if key.startswith(name)
    }


def test_the_ledger_follows_the_markers(services: Services, database: LedgerSettings) -> None:
    services.settings = replace(services.settings, ledger=database)
    ledger = services.ledger
    assert ledger
    ledger.book(services.markers.bookings())
    before = {one.code: one.fingerprints for one in ledger.bookings()}
    moved(services)
    after = {one.code: one.fingerprints for one in ledger.bookings()}
    assert after == {one.code: one.fingerprints for one in services.markers.bookings()}
    assert after["one"] != before["one"]
    assert [event.event for event in ledger.events("local", "one")] == ["done", "rebooked"]
    moved_back(services)
    assert {one.code: one.fingerprints for one in ledger.bookings()} == before


def test_a_rollback_restores_what_was(services: Services, tmp_path: Path, prepared: Path) -> None:
    moved(services)
    outcome = moved_back(services)
    assert outcome.to_rebook == 2
    with pytest.raises(ConfigurationError, match="no collection from before a switch"):
        moved_back(services)
    services.close()
    assert state(tmp_path / "root") == state(prepared)


def test_a_video_run_since_the_switch_is_rolled_back_by_its_settings(
    services: Services, tmp_path: Path, prepared: Path, clip_model: Path
) -> None:
    moved(services)
    uri = "s3://oriane-frames/local/one/manifest.json"
    marker = json.loads(services.store.get(uri))
    del marker["previous"]
    services.store.put(uri, json.dumps(marker).encode(), "application/json")
    assert rollback(services, confirmed=False, tell=quiet).to_rebook == 1, "a folder unknown"
    assert moved_back(with_model(services, clip_model)).to_rebook == 2
    assert markers(tmp_path / "root") == markers(prepared)


def test_without_yes_nothing_changes(services: Services, tmp_path: Path, prepared: Path) -> None:
    assert switch(services, confirmed=False, tell=quiet).dry_run
    moved(services)
    switched = markers(tmp_path / "root")
    assert rollback(services, confirmed=False, tell=quiet).to_rebook == 2
    assert markers(tmp_path / "root") == switched != markers(prepared)


def test_vectors_of_two_models_never_meet(services: Services, clip_model: Path) -> None:
    late, video = services.collection, framed()
    tiny = late.model()
    assert tiny
    late.ensure(tiny, 24)
    moved(services)
    rows = np.ones((2, 24), np.float32)
    late.replace(video, rows, tiny)
    before, after = services.vectors.previous(), services.vectors.current()
    assert before
    assert after
    assert before.holds(video, tiny)
    assert not after.holds(video)
    with pytest.raises(ConfigurationError, match="24"):
        fresh(late).ensure(tiny, 24)
    with pytest.raises(ConfigurationError, match="vectors of other-clip"):
        fresh(late).ensure("another", 16)


def test_a_run_with_the_former_model_is_refused_after_the_switch(
    services: Services, clip_model: Path
) -> None:
    moved(services)
    corpus = Corpus(with_model(services, clip_model))
    source = "s3://oriane-contents/local/one/video.mp4"
    corpus.videos.append(Video(platform="local", code="one", source=source))
    with pytest.raises(ConfigurationError, match=r"16 dimensions, but tiny-clip@\w+ gives 24"):
        corpus.through(*PHASES)


def test_lacking_videos_keep_their_booking(
    services: Services, tmp_path: Path, clip_model: Path
) -> None:
    target = services.vectors.find(identity_of(services), services.settings.embed.dim)
    two = markers(tmp_path / "root")["two"]["frames"][0]["uuid"]
    target.remove([two])
    with pytest.raises(ConfigurationError, match=r"lacks points of 1 of 2 .*--incomplete"):
        moved(services)
    assert moved(services, incomplete=True).lacking == 1
    booked = {code: marker["model"] for code, marker in markers(tmp_path / "root").items()}
    assert booked["one"].startswith("other-clip@")
    assert booked["two"].startswith("tiny-clip@")


def test_other_pictures_under_the_same_ids_are_embedded_anew(
    services: Services, tmp_path: Path
) -> None:
    marker = json.loads(services.store.get(uri := "s3://oriane-frames/local/one/manifest.json"))
    marker["fingerprints"]["dedup"] = "another"
    services.store.put(uri, json.dumps(marker).encode(), "application/json")
    with pytest.raises(ConfigurationError, match="lacks points of 1 of 2"):
        moved(services)
    assert filled(services).videos == PreparedVideos(embedded=1, already=1, skipped=0, unreadable=0)
    assert moved(services).lacking == 0


def test_missing_frames_and_unreadable_markers_are_counted(
    served: Served, done_with_tiny: Path, other: Path, tmp_path: Path
) -> None:
    sparse_copy(done_with_tiny, root := tmp_path / "root")
    lost = sorted((root / "s3/oriane-frames/local/one").glob("*.png"))[0]
    lost.unlink()
    (root / "s3/oriane-frames/local/three").mkdir()
    (root / "s3/oriane-frames/local/three/manifest.json").write_text("{")
    with served(root, other) as settings, Services(settings) as services:
        result = filled(services)
    assert result.videos == PreparedVideos(embedded=1, already=0, skipped=1, unreadable=1)
    assert result.skipped[0].video == "local/one"
    assert f"1 frame missing, local/one/{lost.name}" in result.skipped[0].why


def test_a_limit_and_a_platform(
    served: Served, done_with_tiny: Path, other: Path, tmp_path: Path
) -> None:
    sparse_copy(done_with_tiny, root := tmp_path / "root")
    with served(root, other) as settings, Services(settings) as services:
        assert backfill(services, tell=quiet, platform="none").videos.embedded == 0
        assert backfill(services, tell=quiet, limit=1).videos.embedded == 1
        rest = filled(services).videos
    assert (rest.embedded, rest.already) == (1, 1)


def test_a_plain_collection_is_refused_and_a_new_name_helps(
    services: Services, tmp_path: Path
) -> None:
    services.settings = services.settings.having("index", collection="plain")
    make_plain(services.collection, "plain", 24)
    for refused in (filled, moved):
        with pytest.raises(ConfigurationError, match=r"no alias.*QDRANT_COLLECTION"):
            refused(services)
    services.close()
    renamed = services.settings.having("index", collection="frames")
    with Services(renamed) as anew:
        assert filled(anew).videos.embedded == 2
        assert moved(anew).from_ is None
        assert anew.collection.model() == identity_of(anew)
    assert {marker["collection"] for marker in markers(tmp_path / "root").values()} == {"frames"}


def test_overlap_is_counted_without_the_query_itself(settings: Settings) -> None:
    """Models one and two swap what they see in the second and the third of four frames."""
    angles = {"owner/one": (0, 10, 40, 90), "owner/two": (0, 40, 10, 90)}
    video = framed()
    frames = tuple(video.frames[0].model_copy(update={"number": number}) for number in range(4))
    video = video.model_copy(update={"frames": frames})
    with Services(settings.having("embed", model="owner/two")) as services:
        services.collection.ensure("owner/one", 2)
        beside = services.vectors.begin("owner/two", 2)
        collections = {"owner/one": services.collection, "owner/two": beside}
        for model, degrees in angles.items():
            radians = np.radians(degrees)
            rows = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
            collections[model].replace(video, rows, model)
        result = compare(services, "owner/two", k=1, sample=10)
        again = compare(services, "owner/two", k=1, sample=10)
        everything = compare(services, "owner/two", k=3, sample=2)
    # By one, the nearest of 0, 1, 2, 3 are 1, 0, 1, 2; by two, they are 2, 2, 0, 1.
    assert result.queries == 4
    assert result.mean_overlap == 0.0
    assert (everything.queries, everything.mean_overlap) == (2, 1.0)
    assert again == result
    assert "not comparable" in result.note


def test_texts_are_embedded_by_both_models(
    services: Services, clip_model: Path, tmp_path: Path, other: Path
) -> None:
    (tmp_path / "queries.txt").write_text("a cat\n\na dog\n")
    with_model(services, clip_model)
    result = compare(services, str(other), k=100, sample=1, queries=tmp_path / "queries.txt")
    assert (result.queries, result.mean_overlap) == (2, 1.0)
    with pytest.raises(ConfigurationError, match="set CLIP_MODEL to that folder"):
        compare(with_model(services, other), str(other), k=1, sample=1,
                queries=tmp_path / "queries.txt")  # fmt: skip


def blurred(collection: Any, model: str) -> None:
    """Give every video's frames one and the same vector: nothing finds itself any more."""
    for code in ("one", "two"):
        video = framed("local", code)
        stored = sorted(collection.frames("local", code), key=lambda frame: frame.frame_number)
        frames = tuple(
            video.frames[0].model_copy(
                update={
                    "number": frame.frame_number,
                    "second": frame.second,
                    "scene_start": frame.scene_start,
                    "scene_end": frame.scene_end,
                }
            )
            for frame in stored
        )
        rows = np.zeros((len(frames), collection.dim()), np.float32)
        rows[:, 0] = 1.0
        collection.replace(video.model_copy(update={"frames": frames}), rows, model)


def test_the_model_that_finds_more_is_told_by_known_items(
    services: Services, clip_model: Path, other: Path
) -> None:
    current, prepared = services.vectors.current(), services.vectors.find(identity_of(services), 16)
    assert current is not None
    with_model(services, clip_model)
    (equal,) = judge(services, str(other), sample=10, tell=quiet).judged
    assert (equal.kind, equal.queries % 3) == ("known items", 0)
    for measured in (equal.ndcg, equal.recall):
        assert 0 < measured.current <= 1
        assert measured.low <= measured.difference <= measured.high
    blurred(current, str(current.model()))
    (better,) = judge(services, str(other), sample=10, tell=quiet).judged
    assert better.ndcg.current < better.ndcg.other
    assert better.ndcg.other == equal.ndcg.other
    blurred(prepared, str(prepared.model()))
    (same,) = judge(services, str(other), sample=10, tell=quiet).judged
    assert same.ndcg.difference == pytest.approx(0, abs=0.1)
    with pytest.raises(ConfigurationError, match="not surely better than the current"):
        require_better(Judgement((same,), ()), str(other))


def test_captions_are_asked_as_people_ask(
    services: Services, clip_model: Path, tmp_path: Path, other: Path
) -> None:
    with_model(services, clip_model)
    (file := tmp_path / "captions.csv").write_text("text,video\na cat,local/one\na dog,local/two\n")
    found = judge(services, str(other), sample=2, captions=file, tell=quiet)
    judged = found.judged
    asked = [(one.kind, one.queries, one.confidence) for one in found.answered]
    assert asked == [("captions", 2, 0.9), ("not there", 100, 0.9)]
    assert [(one.kind, one.queries) for one in judged] == [("known items", 6), ("captions", 2)]
    # Two videos in all, so the right one is among ten.
    assert judged[1].recall.current == judged[1].recall.other == 1.0
    for content, told in (
        ("text,video\n", "found no row"),
        ("text,video\na cat,local/one\na dog,\n", "line 3: expected a text and a video"),
        (
            "text,video\na cat,local/one\na dog,local/x\n",
            "line 3: local/x has no frames in watched",
        ),
        ("\xff", "expected a CSV"),
    ):
        file.write_text(content)
        with pytest.raises(ConfigurationError, match=told):
            judge(services, str(other), sample=2, captions=file, tell=quiet)


def test_what_is_not_there_and_answered_is_counted(
    services: Services, clip_model: Path, tmp_path: Path, other: Path
) -> None:
    with_model(services, clip_model)
    (file := tmp_path / "absent.txt").write_text("a walrus\n\nan election\n")
    current = services.vectors.current()
    assert current is not None
    everything = Background(
        model=str(current.model()), collection=current.name, points=current.count(),
        scores={"text": (-1.0,) * 9, "picture": (), "mixed": ()},
    )  # fmt: skip
    # As if no random question had found anything: then whatever is asked seems to be there.
    KeptBackgrounds(services.settings.work.data_dir / "search").keep(everything)
    (absent,) = judge(services, str(other), sample=2, absent=file, tell=quiet).answered
    assert (absent.kind, absent.queries, absent.share.current) == ("not there", 2, 1.0)
    file.write_text("\n")
    with pytest.raises(ConfigurationError, match=r"--absent .*found none"):
        judge(services, str(other), sample=2, absent=file, tell=quiet)


def _measured(low: float, high: float) -> Measured:
    return Measured(current=0.5, other=0.6, difference=(low + high) / 2, low=low, high=high)


def _judged(kind: str, low: float, high: float) -> Judged:
    measured = _measured(low, high)
    return Judged(kind=kind, queries=9, k=10, ndcg=measured, recall=measured)


def _false(low: float, high: float) -> Answered:
    share = _measured(low, high)
    return Answered(kind="not there", queries=9, confidence=0.9, share=share)


def test_what_is_asked_of_one_frame_counts_once() -> None:
    """Four frames, each with three variants: as sure as of four, not as of twelve."""
    names = [f"v/{frame}.png {variant}" for frame in range(4) for variant in ("a", "b", "c")]
    relevant = {name: {name.split()[0]: 2} for name in names}
    found = {name: dict(hits) for name, hits in relevant.items()}
    missing = {name: {} if name.startswith("v/0") else hits for name, hits in found.items()}
    judged = verdict("known items", relevant, missing, found)
    assert (judged.queries, judged.ndcg.current, judged.ndcg.low) == (12, 0.75, 0.0)


def test_better_is_what_is_surely_better() -> None:
    known, captions = "known items", "captions"
    better = _judged(known, 0.01, 0.2)
    fewer, more = _false(-0.2, 0.1), _false(0.01, 0.2)
    require_better(Judgement((better,), (fewer,)), "m")
    assert in_words(Judgement((better,), (more,)), "m") == (
        "compared with the current model, m is surely better by known items; it surely gives more "
        "false answers; `oriane model switch --if-better` would refuse it; known items say "
        "nothing of texts, --captions does"
    )
    require_better(Judgement((_judged(known, -0.1, 0.1), _judged(captions, 0.01, 0.2)), ()), "m")
    for doubtful in (
        (_judged(known, -0.01, 0.2),),
        (better, _judged(captions, -0.01, 0.2)),
        (_judged(known, -0.2, -0.1), _judged(captions, 0.01, 0.2)),
    ):
        with pytest.raises(ConfigurationError, match="not surely better"):
            require_better(Judgement(doubtful, ()), "m")
    with pytest.raises(ConfigurationError, match=r"of what is not there: 50% and 60%"):
        require_better(Judgement((better,), (more,)), "m")


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-1, 1)))
@settings(max_examples=10)
def test_the_interval_holds_the_mean_and_turns_with_its_sign(differences: np.ndarray) -> None:
    low, high = interval(differences)
    assert min(differences) - 1e-9 <= low <= high <= max(differences) + 1e-9
    turned = interval(-differences)
    assert turned == pytest.approx((-high, -low), abs=1e-9)


def test_the_commands(
    services: Services,
    tmp_path: Path,
    clip_model: Path,
    other: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services.close()
    monkeypatch.setenv("VP_DATA_DIR", str(tmp_path / "root"))
    monkeypatch.setenv("CLIP_MODEL", str(other))

    aside: list[str] = []

    def told(*arguments: str) -> Any:
        done = CliRunner().invoke(app, ["model", *arguments], catch_exceptions=False)
        assert done.exit_code == 0
        aside.append(done.stderr)
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    roles = {member["role"]: member for member in told("status", "--json")["collections"]}
    assert (roles["current"]["dim"], roles["prepared"]["dim"]) == (24, 16)
    assert roles["current"]["points"] == roles["prepared"]["points"] > 0
    assert told("prepare", "--json")["videos"]["already"] == 2
    compared = told("compare", "--json")
    assert compared["queries"] == roles["current"]["points"]
    assert "set CLIP_MODEL to that folder" in compared["not_judged"], "of the current model"
    monkeypatch.setenv("CLIP_MODEL", str(clip_model))
    compared = told("compare", "--model", str(other), "--json")
    assert compared["judged"][0]["queries"] == 3 * roles["current"]["points"]
    assert not told("compare", "--model", str(other), "--overlap-only", "--json")["judged"]
    shown = told("compare", "--model", str(other))
    assert "95 % interval" in shown
    assert "\\n" not in shown
    assert (
        "known items: frames, mirrored, cropped and recompressed, should find themselves" in shown
    )
    assert "is neither surely better nor surely worse by known items; `oriane" in shown
    assert "switch --if-better` would refuse it; known items say nothing of texts" in shown
    refused = CliRunner().invoke(app, ["model", "switch", "--model", str(other), "--if-better"])
    assert "not surely better" in str(refused.exception)
    monkeypatch.setenv("CLIP_MODEL", str(other))
    assert "would switch" in told("switch")
    assert "CLIP_MODEL" not in aside[-1]
    assert not told("switch", "--yes", "--json")["dry_run"]
    assert f"set CLIP_MODEL={other} wherever videos are run" in aside[-1]
    assert "previous" in told("status")
    assert "rolled back" in told("rollback", "--yes")


def killed_everywhere(
    served: Served, start: Path, folder: Path, model: Path, work: Callable[[Services], object]
) -> tuple[int, dict[str, Any]]:
    """Do the work undisturbed, then killed at each side effect and done again: no difference.

    Return how many side effects there are, and what the work leaves.
    """
    sparse_copy(start, folder / "whole")
    with served(folder / "whole", model) as settings, Services(settings) as services:
        work(services)
    expected, number = state(folder / "whole"), 0
    while True:
        sparse_copy(start, root := folder / str(number))
        with served(root, model) as settings:
            if not dies_at(number, settings, work):
                return number, expected
            with Services(settings) as services:
                work(services)
        assert state(root) == expected, f"killed before side effect {number}"
        number += 1


def test_prepare_killed_between_any_two_side_effects(
    served: Served, done_with_tiny: Path, other: Path, tmp_path: Path
) -> None:
    effects, left = killed_everywhere(served, done_with_tiny, tmp_path, other, filled)
    assert effects == 1 + 2 * 2, "the collection; for each video an upsert, and a removal of others"
    assert len({key.split()[0] for key in left["points"]}) == 2


def test_switch_killed_between_any_two_side_effects(
    served: Served, prepared: Path, other: Path, tmp_path: Path
) -> None:
    effects, left = killed_everywhere(served, prepared, tmp_path, other, moved)
    assert effects == 1 + 2, "the alias, then a marker for each video"
    assert "--other-clip-" in left["aliases"]["watched_frames"]


def test_rollback_killed_between_any_two_side_effects(
    served: Served, services: Services, prepared: Path, other: Path, tmp_path: Path
) -> None:
    moved(services)
    services.close()
    (tmp_path / "kills").mkdir()
    effects, left = killed_everywhere(
        served, tmp_path / "root", tmp_path / "kills", other, moved_back
    )
    assert effects == 1 + 2, "the alias, then a marker for each video"
    assert left == state(prepared)


def test_the_first_start_killed_between_any_two_side_effects(
    served: Served, tmp_path: Path, clip_model: Path
) -> None:
    (tmp_path / "empty/qdrant").mkdir(parents=True)

    def start(services: Services) -> None:
        services.collection.ensure("owner/model@0123456789abcdef", 4)

    effects, left = killed_everywhere(served, tmp_path / "empty", tmp_path, clip_model, start)
    assert effects == 2, "the collection, then its alias"
    assert left["aliases"] == {"watched_frames": "watched_frames--model-0123456789ab-4"}
