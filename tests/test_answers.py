"""Answers: moments that never overlap, reposts folded, scores calibrated; nothing fits is said."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.base.model_names import identity
from components.encoders.conse_text import ConseTextEncoder
from components.encoders.encoder import normalized, reach_of
from components.encoders.load import load_encoder, load_text_encoder
from components.errors import ConfigurationError
from components.records.frame_names import frame_file, point_id
from components.records.sketch import dhash
from components.records.videos import Frame, FramedVideo
from components.records.watch import Watch
from components.running.services import Services
from components.settings import Settings, StorageSettings
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.store import Neighbour, StoredFrame
from tests.conftest import settings_below
from tests.vectors import framed, unit
from workflows.demo.videos import packaged_folder
from workflows.search.ask import asking
from workflows.search.background import KeptBackgrounds
from workflows.search.calibration import Background, gumbel, normal
from workflows.search.diversity import diverse_order
from workflows.search.folding import folded
from workflows.search.moments import bounded, grouped
from workflows.search.question import Question, asked
from workflows.watch.asked import Watching

_DIM = 8


def near(
    code: str, second: float, scene: tuple[float, float], score: float, look: int = 0
) -> Neighbour:
    """Return a frame of a video; frames of the same look are the same picture."""
    vector = np.random.default_rng(look).normal(size=_DIM)
    frame = StoredFrame(
        platform="tiktok",
        code=code,
        second=second,
        frame_number=round(second * 100),
        scene_start=scene[0],
        scene_end=scene[1],
        path=f"tiktok/{code}/{frame_file(round(second * 100), second)}",
        model="m",
        dhash=np.random.default_rng(look).bytes(8).hex(),
    )
    return Neighbour(frame, score, (vector / np.linalg.norm(vector)).tolist())


seconds = st.floats(0, 100, allow_nan=False)
neighbours = st.lists(
    st.builds(
        lambda code, times, score, look: near(
            code, sorted(times)[1], (sorted(times)[0], sorted(times)[2]), score, look
        ),
        st.sampled_from("abc"),
        st.tuples(seconds, seconds, seconds),
        st.floats(-1, 1, allow_nan=False),
        st.integers(0, 5),
    ),
    max_size=12,
)


@given(neighbours)
def test_moments_of_a_video_never_overlap_and_lose_no_frame(frames: list[Neighbour]) -> None:
    moments = grouped(frames)
    assert sum(len(moment.frames) for moment in moments) == len(frames)
    scores = [moment.best.score for moment in moments]
    assert scores == sorted(scores, reverse=True)
    for moment in moments:
        assert moment.best.score == max(one.score for one in moment.frames)
        assert all(moment.start <= one.frame.second <= moment.end for one in moment.frames)
        for other in moments:
            if other is not moment and other.video == moment.video:
                assert moment.end <= other.start or other.end <= moment.start


@given(neighbours)
def test_folding_loses_nothing_and_keeps_the_best(frames: list[Neighbour]) -> None:
    moments = grouped(frames)
    kept = folded(moments)
    assert len(kept) + sum(len(moment.folded) for moment in kept) == len(moments)
    assert {one.best.frame.dhash for one in kept} == {one.best.frame.dhash for one in moments}
    assert len({one.best.frame.dhash for one in kept}) == len(kept), "of each picture, one"
    assert folded(kept) == kept
    for moment in kept:
        assert all(moment.best.score >= one.score for one in moment.folded)


def test_a_hash_alone_folds_nothing() -> None:
    one = near("a", 1, (0, 2), 0.9, look=1)
    other = near("b", 1, (0, 2), 0.8, look=2)
    plain = replace(other, frame=replace(other.frame, dhash=one.frame.dhash))
    assert len(folded(grouped([one, plain]))) == 2
    older = replace(other, frame=replace(other.frame, dhash=""), vector=one.vector)
    (moment,) = folded(grouped([one, older]))
    assert [one.frame.code for one in moment.folded] == ["b"], "by its vector, without a hash"


@given(neighbours, st.integers(0, 3))
def test_videos_are_bounded(frames: list[Neighbour], per_video: int) -> None:
    moments = grouped(frames)
    kept = bounded(moments, per_video)
    assert per_video or kept == moments
    for code in "abc":
        own = [moment for moment in moments if moment.video[1] == code]
        left = [moment for moment in kept if moment.video[1] == code]
        assert left == (own[:per_video] if per_video else own)


@given(st.lists(st.floats(-1, 1, allow_nan=False), max_size=12), st.integers(0, 15))
def test_diversity_orders_all_once_best_first(scores: list[float], count: int) -> None:
    vectors = unit(len(scores), _DIM) if scores else np.zeros((0, _DIM))
    order = diverse_order(scores, vectors, count)
    assert len(order) == len(set(order)) == min(count, len(scores))
    if order:
        assert scores[order[0]] == max(scores)
    assert diverse_order(scores, vectors, max(count - 1, 0)) == order[: max(count - 1, 0)]
    by_score = diverse_order(scores, vectors, count, relevance=1.0)
    assert [scores[place] for place in by_score] == sorted(scores, reverse=True)[:count]


def test_what_is_unlike_the_first_comes_before_its_like() -> None:
    vectors = np.array([[1.0, 0], [0.999, 0.04], [0, 1]])
    assert diverse_order([0.5, 0.49, 0.45], vectors, 3) == [0, 2, 1]


@given(
    st.lists(st.floats(-1, 1, allow_nan=False), max_size=40),
    st.floats(-1, 1, allow_nan=False),
    st.floats(-1, 1, allow_nan=False),
)
def test_confidence_rises_with_the_score(best: list[float], one: float, other: float) -> None:
    background = Background(model="m", collection="c", points=1, scores={"text": tuple(best)})
    low, high = (background.confidence("text", score) for score in sorted((one, other)))
    assert 0 <= low <= high <= 1


def test_confidence_is_the_share_of_random_questions_that_find_less() -> None:
    drawn = np.random.default_rng(0).gumbel(0.2, 0.03, 4000)
    background = Background(model="m", collection="c", points=1, scores={"text": tuple(drawn)})
    for share in (0.5, 0.9, 0.99):
        score = float(np.quantile(drawn, share))
        assert background.confidence("text", score) == pytest.approx(share, abs=0.02)
    # A fifth of the questions found what they name, and that moves little.
    some = np.concatenate([drawn, np.full(1000, 0.8)])
    assert gumbel(tuple(some)) == pytest.approx((0.2, 0.03), abs=0.02)


def test_scores_are_measured_by_what_a_text_can_reach() -> None:
    drawn = np.random.default_rng(0).normal(0.5, 0.1, 4000)
    measured = Background(
        model="m", collection="c", points=1, scores={"text": tuple(drawn)}, measured=True
    )
    for share in (0.5, 0.9, 0.99):
        score = float(np.quantile(drawn, share))
        assert measured.confidence("text", score * 0.4, reach=0.4) == pytest.approx(share, abs=0.02)
    assert normal(tuple(np.concatenate([drawn, np.full(500, 2.0)]))) == pytest.approx(
        (0.5, 0.1), abs=0.03
    )


def test_the_packaged_model_reaches_what_has_a_name_and_little_else(settings: Settings) -> None:
    for encoder in (load_encoder(settings.embed), load_text_encoder(settings.embed)):
        texts = encoder.embed_texts(["a tabby cat", "an espresso", "an election"])
        reach = reach_of(encoder, texts)
        named, also_named, nameless = reach.most.tolist()
        assert 1 >= min(named, also_named) > 0.7 > nameless > 0
        assert reach.known.tolist() == [True, True, False]
        strange = encoder.embed_texts(["eine Katze", "猫", "🐱", "bycicle", "the", "???", " ,"])
        assert not reach_of(encoder, strange).known.any()

    class Unknowing:
        name, dim = "m", 4

        def embed_texts(self, texts: Sequence[str]) -> Any:
            return unit(len(texts))

    reach = reach_of(Unknowing(), unit(3))
    assert reach.most.tolist() == [1, 1, 1]
    assert reach.known.all()


def test_a_background_holds_while_the_collection_is_about_as_large() -> None:
    background = Background(model="m", collection="c", points=100, scores={})
    assert background.is_of("m", "c", 120)
    assert not background.is_of("m", "c", 121)
    assert not background.is_of("other", "c", 100)
    assert not background.model_copy(update={"version": 2}).is_of("m", "c", 100)


def test_the_dhash_of_a_sketch_is_imagehash_s() -> None:
    from base64 import b64encode

    for seed in range(5):
        grey = np.random.default_rng(seed).integers(0, 255, (8, 9), np.uint8)
        expected = str(imagehash.dhash(Image.fromarray(grey), hash_size=8))
        assert dhash(b64encode(grey.tobytes()).decode()) == expected
    assert dhash("") == ""


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({}, "a text, a picture or a frame"),
        ({"texts": (" ",)}, "found an empty one"),
        ({"like": "a/b/c"}, r"platform/code/number, found 'a/b/c'"),
        ({"texts": ("x",), "from_second": 5, "to_second": 4}, "5 is above to_second 4; swap"),
        ({"texts": ("x",), "limit": 0}, "limit: "),
        ({"texts": ("x",), "after": "yesterday"}, "after"),
    ],
)
def test_a_question_that_cannot_be_asked(given_: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        asked(**given_)


@pytest.fixture(params=["edge", "local"])
def each_engine(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Services]:
    with Services(settings.having("index", engine=request.param)) as services:
        yield services


def test_filters(each_engine: Services) -> None:
    collection = each_engine.collection
    collection.ensure("m", 4)
    rows = unit(2)
    one = framed(code="one")
    dated = one.cropped.source.model_copy(update={"modified": "2026-03-01T12:00:00+00:00"})
    one = one.model_copy(update={"cropped": one.cropped.model_copy(update={"source": dated})})
    plain = framed(platform="tiktok", code="two").model_copy(update={"rectangle": None})
    for video in (one, plain):
        collection.replace(video, rows, "m")

    def found(**asks: object) -> set[tuple[str, int]]:
        where = FrameFilter(**asks)  # type: ignore[arg-type]
        hits = [one.hit for one in collection.nearest(rows[0].tolist(), 9, where=where)]
        return {(hit.code, hit.frame_number) for hit in hits}

    everything = {("one", 50), ("one", 75), ("two", 50), ("two", 75)}
    of_one = {("one", 50), ("one", 75)}
    assert found() == everything
    assert found(platform="tiktok") == everything - of_one
    assert found(code="one") == found(cropped=True) == of_one
    assert found(cropped=False) == everything - of_one
    assert found(min_duration=12, max_duration=12) == everything
    assert found(min_duration=12.5) == found(max_duration=11) == set()
    assert found(from_second=6.6321, to_second=9) == {("one", 50), ("two", 50)}
    first, next_day = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    assert found(after=first, before=next_day) == of_one
    assert found(after=next_day) == set()
    assert found(undated=True) == everything - of_one
    assert found(without_videos=(("instagram", "one"),)) == everything - of_one
    assert found(without_videos=(("tiktok", "one"),)) == everything


@dataclass(frozen=True)
class Undescribed:
    """A video as an earlier version gave it to a store."""

    framed: FramedVideo
    duration: None = None
    is_cropped: None = None
    dated: None = None

    def dhash(self, frame: Frame) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.framed, name)


def test_points_of_earlier_versions_are_described_later(each_engine: Services) -> None:
    collection = each_engine.collection
    collection.ensure("m", 4)
    video, rows = framed(), unit(2)
    collection.replace(Undescribed(video), rows, "m")
    where = FrameFilter(min_duration=1)
    assert collection.nearest(rows[0].tolist(), 9, where=where) == []
    collection.describe(video)
    found = collection.nearest(rows[0].tolist(), 9, where=where, vectors=True)
    assert found[0].hit.frame_number == 50
    assert found[0].vector == pytest.approx(rows[0].tolist(), abs=1e-6)
    assert len(found) == 2
    assert collection.holds(video, "m"), "all else is as it was"


def test_a_watch_folds_reposts_as_a_search_does(each_engine: Services) -> None:
    """By their hashes: compressed again, vectors are less alike than hashless frames have to be."""
    collection = each_engine.collection
    encoder = load_text_encoder(each_engine.settings.embed)
    collection.ensure(encoder.name, encoder.dim)
    cat, dog = encoder.embed_texts(["a cat", "a dog"])
    sketch = b64encode(bytes(range(72))).decode()
    for code, vector in (("first", cat), ("repost", normalized((cat + 0.5 * dog)[None])[0])):
        video = framed(code=code)
        frame = video.frames[0].model_copy(update={"sketch": sketch})
        one = video.model_copy(update={"frames": (frame,)})
        collection.replace(one, vector[None], encoder.name)
    stored = {frame.code: frame for frame in collection.frames(vectors=True)}
    assert 0.86 < np.dot(stored["first"].vector, stored["repost"].vector) < 0.96
    named = [point_id(frame.platform, frame.code, frame.frame_number) for frame in stored.values()]
    assert {frame.code: frame for frame in collection.frames_of([*named, str(uuid4())])} == stored
    watch = Watch(name="w", text="a cat", confidence=0, added_at="2026-11-01T00:00:00+00:00")
    (found,) = Watching(each_engine).everything(watch).moments
    assert (found.code, found.folded) == ("first", ("instagram/repost/50",))


@pytest.fixture
def photographs(settings: Settings) -> Settings:
    """A collection with two frames a video: a photograph, and the same one mirrored."""
    encoder = load_encoder(settings.embed)
    with Services(settings) as services:
        services.collection.ensure(encoder.name, encoder.dim)
        for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
            picture = Image.open(packaged_folder("skimage") / name).convert("RGB")
            mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            rows = encoder.embed_images([picture, mirrored])
            for platform in ("instagram", "tiktok"):
                video = framed(platform, name.partition(".")[0])
                frames = tuple(
                    Frame(number=n, second=n, scene_start=n, scene_end=n + 1) for n in (0, 5)
                )
                services.collection.replace(
                    video.model_copy(update={"frames": frames}), rows, encoder.name
                )
    return settings


def test_answers(photographs: Settings) -> None:
    with asking(photographs) as asker:
        cat = asker.answer(Question(texts=("a cat",)))
        assert cat.fits
        first = cat.moments[0]
        assert first.code == "chelsea"
        assert {name.split("/")[1] for name in first.folded} == {"chelsea"}, "the repost"
        assert first.confidence >= cat.threshold == 0.9
        assert cat.model == identity(photographs.embed.model)

        absent = asker.answer(Question(texts=("an election",), limit=2))
        assert (absent.fits, absent.moments, len(absent.nearest)) == (False, (), 2)
        assert asker.answer(Question(texts=("an election",), confidence=0)).fits
        assert (cat.unknown, absent.unknown) == ((), ("an election",))
        nowhere = asker.answer(Question(texts=("a cat",), platform="x", from_second=0))
        assert (nowhere.nearest, nowhere.excluded_by) == ((), ("platform",))
        assert (cat.excluded_by, absent.excluded_by) == ((), ())

        like = asker.answer(Question(like="tiktok/coffee/0", confidence=0))
        assert like.moments[0].code == "coffee"
        frames = {
            (one.platform, one.code, one.frame_number)
            for moment in like.moments
            for one in moment.frames
        }
        assert ("tiktok", "coffee", 0) not in frames, "the frame itself is no answer"
        with pytest.raises(ConfigurationError, match="tiktok/coffee/1 is not in the collection"):
            asker.answer(Question(like="tiktok/coffee/1"))

        picture = (packaged_folder("skimage") / "rocket.jpg").read_bytes()
        assert asker.answer(Question(image=picture)).moments[0].code == "rocket"
        with pytest.raises(ConfigurationError, match="expected a picture"):
            asker.answer(Question(image=b"no picture"))

        both = asker.answer(Question(texts=("a cat", "a cup of coffee"), confidence=0, limit=3))
        assert {moment.code for moment in both.moments[:2]} == {"chelsea", "coffee"}
        less = Question(texts=("a cat", "a cup of coffee"), without=("a cat",), confidence=0.9)
        answer = asker.answer(less)
        assert "chelsea" not in {one.code for one in (*answer.moments, *answer.nearest)}

        whole = Question(texts=("a cat",), without=("a cup of coffee",), confidence=0)
        left = asker.answer(whole).moments
        assert {moment.code for moment in left} == {"chelsea", "rocket"}, "those are no coffee"


def test_a_question_is_compared_with_all_class_names_once(
    photographs: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How high its pictures may score, and whether the model knows it, come of the same."""
    compared: list[int] = []
    nearest = ConseTextEncoder.nearest_class

    def counting(encoder: ConseTextEncoder, texts: Any) -> Any:
        compared.append(len(texts))
        return nearest(encoder, texts)

    with asking(photographs) as asker:
        asker.warm(pictures=False)
        monkeypatch.setattr(ConseTextEncoder, "nearest_class", counting)
        assert asker.answer(Question(texts=("eine Katze",))).unknown == ("eine Katze",)
        assert asker.answer(Question(texts=("a cat", "qwx"), confidence=0)).unknown == ("qwx",)
    assert compared == [1, 3]


def test_a_background_is_kept_and_taken_anew_once_the_collection_has_grown(
    photographs: Settings,
) -> None:
    def asked_once() -> Background | None:
        with asking(photographs) as asker:
            assert asker.answer(Question(texts=("a cat",))).fits
        return kept.read("watched_frames")

    kept = KeptBackgrounds(photographs.work.data_dir / "search")
    before = asked_once()
    assert before is not None
    assert (before.points, len(before.scores["text"]), before.measured) == (12, 192, True)
    assert asked_once() == before

    # As an earlier version kept it, and grown since: taken anew either way.
    path = photographs.work.data_dir / "search/watched_frames.json"
    older = json.loads(path.read_text())
    older["best"] = older.pop("scores")
    path.write_text(json.dumps(older | {"version": 1}))
    assert kept.read("watched_frames") is None
    with Services(photographs) as services:
        model = services.collection.model()
        assert model
        video = framed("youtube", "more")
        frames = tuple(Frame(number=n, second=n, scene_start=n, scene_end=n + 1) for n in range(9))
        video = video.model_copy(update={"frames": frames})
        services.collection.replace(video, unit(9, services.collection.dim()), model)
    after = asked_once()
    assert after is not None
    assert after.points == 21


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, model: str) -> Settings:
    """A collection of 120 videos with up to six scenes; of some videos, and looks, many."""
    settings = settings_below(tmp_path_factory.mktemp("many"), StorageSettings(), model)
    encoder = load_encoder(settings.embed)
    draw = np.random.default_rng(5)
    looks = unit(90, encoder.dim)
    with Services(settings) as services:
        services.collection.ensure(encoder.name, encoder.dim)
        for number in range(120):
            frames = tuple(
                Frame(number=n, second=n, scene_start=n, scene_end=n + 1)
                for n in range(1 + number % 6)
            )
            rows = looks[draw.integers(0, 90, len(frames))] + 0.02 * unit(len(frames), encoder.dim)
            video = framed("tiktok", f"v{number}").model_copy(update={"frames": frames})
            services.collection.replace(video, normalized(rows), encoder.name)
    return settings


@pytest.mark.parametrize("per_video", [0, 2])
@pytest.mark.parametrize("confidence", [0, 1])
def test_pages_neither_overlap_nor_skip(many: Settings, per_video: int, confidence: float) -> None:
    wanted = {"like": "tiktok/v5/2", "per_video": per_video, "confidence": confidence}

    def pages(limit: int) -> Iterator[list[str]]:
        offset, more = 0, True
        while more:
            answer = asker.answer(Question(**wanted, limit=limit, offset=offset))
            assert answer.fits is (confidence == 0)
            shown = answer.moments or answer.nearest
            scores = [moment.score for moment in shown]
            assert scores == sorted(scores, reverse=True), "as a reader expects them"
            yield [moment.best.path for moment in shown]
            offset, more = offset + limit, answer.more
        assert answer.total in (None, 0, offset - limit + len(shown))

    with asking(many) as asker:
        found = {limit: [name for page in pages(limit) for name in page] for limit in (17, 40, 400)}
    for names in found.values():
        assert len(names) == len(set(names))
        assert set(names) == set(found[400])
    assert len(found[400]) > 50, "of more than one request's frames"


def test_an_answer_says_that_frames_have_no_date(many: Settings) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    with asking(many) as asker:
        for asked_, undated in (({"after": day}, True), ({"before": day}, True), ({}, False)):
            assert asker.answer(Question(like="tiktok/v5/2", **asked_)).undated is undated
        missing = Question(like="tiktok/v5/2", after=day, platform="instagram")
        assert not asker.answer(missing).undated, "of that platform, there is none"
