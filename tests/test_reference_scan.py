"""VP_SCENE_SCAN=reference: the cuts of a full scan, most frames that nothing refers to left out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.frame.extract import extract
from components.frame.framing import Framing
from components.frame.gaps import GapScores, Run
from components.frame.left_out import LeftOut
from components.frame.reference_scan import reference_scan
from components.frame.scenes import Difference, SceneCuts, ScoredCuts, doubt
from components.frame.segments import InOrder, Looked
from components.frame.skipping import CannotSkipError
from components.frames_tar.read import check_tar
from components.media.display import Display
from components.media.packets import PacketIndex
from components.media.pictures import upright
from components.media.video import opened
from components.records.videos import CroppedVideo, Frame, Rectangle
from components.running.fingerprint import Fingerprints
from components.settings import FrameSettings, LimitSettings, Settings
from tests import readable
from tests.clips import write_pictures
from tests.conftest import source_of
from tests.frame_pictures import read_pictures

slow = pytest.mark.slow
RATE = 30
# Close cuts, long scenes, one half a second before the end.
STARTS = [0.0, 1.1, 1.8, 2.5, 5.1, 6.4, 7.1, 9.2, 11.5]
LENGTH_S = 12

ENCODERS = {
    "H.264": ("v.mp4", "libx264", {}),
    "H.264, no pyramid": ("v.mp4", "libx264", {"x264-params": "b-pyramid=none:bframes=3"}),
    "H.264, many B": ("v.mkv", "libx264", {"x264-params": "bframes=8:b-adapt=2"}),
    "H.264, fixed and open": (
        "v.mp4",
        "libx264",
        {"x264-params": "open-gop=1:keyint=48:min-keyint=48:scenecut=0"},
    ),
    "H.264, no B": ("v.mp4", "libx264", {"bf": "0"}),
    "H.264, fixed": ("v.mp4", "libx264", {"g": "60", "sc_threshold": "0"}),
    "HEVC, open": (
        "v.mkv",
        "libx265",
        {"preset": "ultrafast", "x265-params": "log-level=error:open-gop=1:keyint=50:bframes=4"},
    ),
}


def pictures(bar: int = 0) -> list[np.ndarray]:
    """Return nine moving scenes."""
    found, stills = [], []
    for scene in range(len(STARTS) + 1):
        grounds = np.random.default_rng(scene).integers(60, 250, (8, 10, 3), np.uint8)
        still = Image.fromarray(grounds).resize((320, 240), Image.Resampling.BICUBIC)
        stills.append(np.asarray(still))
    for number in range(RATE * LENGTH_S):
        scene = sum(number / RATE >= start for start in STARTS)
        picture = np.roll(stills[scene], 2 * number, axis=1)
        if bar:
            picture[:bar] = picture[-bar:] = 0
        found.append(picture)
    return found


def encoded(path: Path, codec: str, options: dict[str, str], bar: int = 0) -> Path:
    """Write the scenes; the same video is encoded once a process."""
    path.write_bytes(_encoded(path.suffix, codec, tuple(options.items()), bar))
    return path


@cache
def _encoded(suffix: str, codec: str, options: tuple[tuple[str, str], ...], bar: int) -> bytes:
    seconds = [number / RATE for number in range(RATE * LENGTH_S)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"v{suffix}"
        write_pictures(path, pictures(bar), seconds, codec=codec, options=dict(options))
        return path.read_bytes()


def frames(
    path: Path, scan: str, folder: Path, rectangle: Rectangle | None = None, **changes: object
) -> list[tuple[Frame, Image.Image]]:
    cropped = CroppedVideo(source=source_of(path), rectangle=rectangle)
    settings = FrameSettings(VP_SCENE_SCAN=scan, **changes)  # type: ignore[arg-type]
    tar = folder / f"{scan}.tar"
    found = extract(path, tar, cropped, settings, LimitSettings(), 24).frames
    return list(read_pictures(tar, found))


def starts(found: list[tuple[Frame, Image.Image]]) -> list[float]:
    return sorted({frame.scene_start for frame, _ in found})


def scanned(path: Path, **changes: object) -> tuple[list[int], int]:
    """Return the numbers of frames kept by the scan alone, which must not give up."""
    kept: list[int] = []
    settings = FrameSettings(VP_SCENE_SCAN="reference", **changes)  # type: ignore[arg-type]
    framing = Framing(source_of(path), None, 24)
    limits = LimitSettings()
    reference_scan(path, framing, settings, limits, lambda one: kept.append(one.number))
    with opened(path) as video:
        return sorted(kept), len(PacketIndex.of(video).pts)


@slow
@pytest.mark.parametrize(("name", "codec", "options"), ENCODERS.values(), ids=ENCODERS)
def test_scenes_and_pictures_are_those_of_a_full_scan(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = encoded(tmp_path / name, codec, options)
    scanned(path)
    every, some = (frames(path, scan, tmp_path) for scan in ("all", "reference"))
    assert starts(every) == pytest.approx(STARTS, abs=0.04)
    assert starts(some) == starts(every)
    with opened(path) as video:
        decoded = {one.number: one for one in video.decoded(source_of(path).start)}
    for frame, picture in some:
        assert np.array_equal(np.asarray(picture), upright(decoded[frame.number].frame, Display()))
        assert frame.second == decoded[frame.number].second


@slow
@pytest.mark.parametrize("apart", [0, 1])
@pytest.mark.parametrize("name", ["H.264", "H.264, many B", "HEVC, open"])
def test_stretches_that_were_left_out_come_as_in_a_full_scan(
    tmp_path: Path, name: str, apart: int
) -> None:
    """However near the next one lies; the way to it is not decoded anew where that can be."""
    file, codec, options = ENCODERS[name]
    path = encoded(tmp_path / file, codec, options)
    framing, limits = Framing(source_of(path), None, 24), LimitSettings()
    with opened(path) as video:
        index = PacketIndex.of(video)
    chance = np.random.default_rng(apart)
    hinted = {*chance.choice(len(index.pts), 60 if apart else 0, replace=False).tolist()}

    def looked(wanted: set[int] | None) -> list[Looked]:
        with opened(path) as video:
            return list(InOrder([video], index, framing, FrameSettings(), limits, wanted).looked())

    all_score, seen_score = Difference(), Difference()
    scores = [all_score.score(one.thumbnail) for one in looked(None)]
    seen = [(one.number, seen_score.score(one.thumbnail)) for one in looked(hinted)]
    runs = [Run(first, last, score) for (first, _), (last, score) in pairwise(seen)]
    with opened(path) as video:
        left_out = LeftOut(video, index, framing, hinted)
        ways = 0
        while runs and left_out.decoded < len(index.pts) // 4:
            stretch, runs = runs[:4], runs[4 + apart :]
            first, last = stretch[0].first, stretch[-1].last
            assert left_out.scores(stretch) == scores[first + 1 : last + 1]
            with opened(path) as another:
                alone = LeftOut(another, index, framing, hinted)
                alone.scores(stretch)
            ways += alone.decoded
    assert left_out.decoded < ways


@slow
def test_half_of_the_frames_are_left_out(tmp_path: Path) -> None:
    path = encoded(tmp_path / "v.mp4", "libx264", {})
    decoded = []
    with opened(path) as video:
        index = PacketIndex.of(video)
    with opened(path) as video:
        video.skip_unreferenced()
        decoded = [index.number(frame.pts) for frame in video.frames(video.packets())]
    assert len(decoded) < 0.7 * len(index.pts)
    kept, _ = scanned(path, VP_MIN_FRAMES=9)
    assert len(kept) >= 9


@slow
@pytest.mark.parametrize("scan", ["reference", "keyframes"])
def test_a_scan_that_gives_up_leaves_nothing_in_the_tar(tmp_path: Path, scan: str) -> None:
    """A keyframe is damaged after scenes that were picked from already."""
    path = encoded(tmp_path / "v.mp4", "libx264", {"g": "30", "sc_threshold": "0"})
    with opened(path) as video:
        keyframes = [one for one in video.packets() if one.is_keyframe and one.size]
        places = [(one.pos, one.size) for one in keyframes]
    content = bytearray(path.read_bytes())
    at, size = places[-3]
    content[at + 4 : at + size] = bytes(size - 4)
    path.write_bytes(content)
    settings = FrameSettings(VP_SCENE_SCAN=scan)  # type: ignore[arg-type]
    cropped = CroppedVideo(source=source_of(path), rectangle=None)
    found = extract(path, tmp_path / "f.tar", cropped, settings, LimitSettings(), 24)
    check_tar(tmp_path / "f.tar", found.frames)
    assert found.lost_packets or scan == "keyframes"


@slow
def test_a_changing_rate_and_a_beginning_cut_off(tmp_path: Path) -> None:
    apart = np.where(np.arange(RATE * LENGTH_S) % 50 < 25, 1 / 60, 1 / 20)
    seconds = np.round(np.cumsum(apart) - apart[0], 4).tolist()
    path = write_pictures(tmp_path / "v.mp4", pictures(), seconds, options={"g": "40"})
    readable.with_edits(path, [(10.0, 0.6, 1)])
    every, some = (frames(path, scan, tmp_path) for scan in ("all", "reference"))
    assert starts(some) == starts(every)
    assert len(starts(some)) >= 5


@slow
def test_pictures_that_dissolve_and_blank_ones(tmp_path: Path) -> None:
    """VP_SCENE_CHANGE sees the same, and no blank frame is kept."""
    grounds = [np.random.default_rng(n).integers(0, 255, (6, 8, 3), np.uint8) for n in range(3)]
    stills = [
        np.asarray(Image.fromarray(one).resize((320, 240), Image.Resampling.BICUBIC), np.float32)
        for one in grounds
    ]
    stills.insert(2, np.full_like(stills[0], 128))
    shown = []
    for number in range(RATE * 16):
        place, within = divmod(number / RATE, 4)
        before, after = stills[int(place)], stills[min(3, int(place) + 1)]
        share = max(0.0, within - 3)
        shown.append(((1 - share) * before + share * after).astype(np.uint8))
    path = write_pictures(
        tmp_path / "v.mp4", shown, [number / RATE for number in range(len(shown))], options={}
    )
    every, some = (frames(path, scan, tmp_path, VP_MIN_FRAMES=1) for scan in ("all", "reference"))
    assert [frame.second for frame, _ in some] == pytest.approx(
        [frame.second for frame, _ in every], abs=0.2
    )
    assert len(some) >= 3
    assert all(np.asarray(picture).std() > 5 for _, picture in some)


@slow
def test_a_border_is_cropped_where_it_stays(tmp_path: Path) -> None:
    path = encoded(tmp_path / "v.mp4", "libx264", {}, bar=40)
    sizes = {}
    for bar in (40, 60):
        inside = Rectangle(x=0, y=bar, width=320, height=240 - 2 * bar)
        found = [frames(path, scan, tmp_path, inside) for scan in ("all", "reference")]
        sizes[bar] = [{picture.size for _, picture in one} for one in found]
    assert sizes == {40: [{(320, 160)}] * 2, 60: [{(320, 240)}] * 2}


@slow
@pytest.mark.parametrize(
    ("name", "options", "changes", "reason"),
    [
        ("v.webm", ("-c:v", "libvpx-vp9", "-cpu-used", 8), {}, "frames of vp9"),
        ("v.mp4", ("-c:v", "libaom-av1", "-cpu-used", 8), {}, "frames of av1"),
        ("v.avi", ("-c:v", "libx264", "-bf", 2), {}, "do not say when"),
        ("v.ts", (), {}, "does not lead to keyframes"),
        ("v.mp4", ("-flags", "+ildct+ilme", "-x264-params", "tff=1"), {}, "interlaced"),
        ("v.mp4", (), {"VP_SCENE_DETECTOR": "hash"}, "hash looks at all"),
        ("v.mp4", (), {"VP_DECODE_HWACCEL": "cuda"}, "GPU"),
    ],
    ids=["VP9", "AV1", "AVI", "TS", "interlaced", "detector", "GPU"],
)
def test_where_nothing_can_be_left_out_all_is_decoded(
    tmp_path: Path,
    name: str,
    options: tuple[object, ...],
    changes: dict[str, object],
    reason: str,
) -> None:
    path = readable.write(tmp_path / name, *options)
    with pytest.raises(CannotSkipError, match=reason):
        scanned(path, **changes)
    every, some = (frames(path, scan, tmp_path, **changes) for scan in ("all", "reference"))
    assert [frame for frame, _ in every] == [frame for frame, _ in some]


@slow
def test_a_picture_that_changes_its_size(tmp_path: Path) -> None:
    first = readable.write(tmp_path / "a.ts", frames=range(30))
    second = readable.write(tmp_path / "b.ts", "-vf", "scale=160:90", frames=range(30))
    path = tmp_path / "v.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(CannotSkipError):
        scanned(path)
    every, some = (frames(path, scan, tmp_path) for scan in ("all", "reference"))
    assert [frame for frame, _ in every] == [frame for frame, _ in some]


# Scores of frames that were left out

# Of two cuts that are closer, a sixth of a second, that of the full scan may be told at the other.
APART = 5

SCORES = st.lists(st.floats(0, 255), min_size=1, max_size=60)


def gapped(scores: Sequence[float], gaps: Sequence[int]) -> list[Run]:
    """Return runs over frames of these scores, the first of which is frame 1, as gaps say."""
    runs, first = [], 0
    for gap in gaps:
        last = min(first + gap, len(scores))
        if last > first:
            runs.append(Run(first, last, sum(scores[first:last])))
        first = last
    return runs + [Run(n, n + 1, scores[n]) for n in range(first, len(scores))]


def told(scores: Sequence[float], runs: Sequence[Run], doubts: bool) -> list[tuple[int, float]]:
    def decoded(some: Sequence[Run]) -> Sequence[float]:
        return scores[some[0].first : some[-1].last]

    gaps = GapScores(lambda *_, **__: doubts, decoded)
    found = [one for run in runs for one in gaps.add(run)]
    return [*found, *gaps.finish()]


@given(SCORES, st.lists(st.integers(1, 9)))
def test_in_doubt_all_scores_are_those_of_a_full_scan(scores: list[float], gaps: list[int]) -> None:
    assert told(scores, gapped(scores, gaps), True) == list(enumerate(scores, 1))


@given(SCORES)
def test_where_nothing_is_left_out_nothing_is_estimated(scores: list[float]) -> None:
    assert told(scores, gapped(scores, []), False) == list(enumerate(scores, 1))


@given(SCORES, st.lists(st.integers(1, 9)))
def test_estimates_add_up(scores: list[float], gaps: list[int]) -> None:
    found = told(scores, gapped(scores, gaps), False)
    assert [number for number, _ in found] == list(range(1, len(scores) + 1))
    assert sum(score for _, score in found) == pytest.approx(sum(scores))


@st.composite
def apart(draw: st.DrawFn) -> set[int]:
    """Draw frames at which cuts are, none within the detector's windows around another."""
    cuts = draw(st.sets(st.integers(5, 84)))
    return {cut for cut in cuts if not any(0 < cut - other <= APART for other in cuts)}


@given(st.lists(st.floats(0, 3), min_size=90, max_size=90), apart(),
       st.lists(st.integers(1, 4), min_size=90))  # fmt: skip
def test_cuts_in_quiet_footage_are_found_at_their_frame(
    quiet: list[float], cuts: set[int], gaps: list[int]
) -> None:
    """Whatever was left out around them."""
    scores = [60.0 if number in cuts else 2 + 0.1 * s for number, s in enumerate(quiet)]
    settings = FrameSettings()
    runs = gapped(scores, gaps)
    # What two pictures differ by is no more than what changed between them, and mostly less.
    for run in runs:
        run.score = max(scores[run.first : run.last])
    known = GapScores(doubt(settings), lambda some: scores[some[0].first : some[-1].last])
    gaps_told = [one for run in runs for one in known.add(run)] + [*known.finish()]

    def found(told: Sequence[tuple[int, float]]) -> list[float]:
        detector = ScoredCuts(settings)
        return [cut for number, score in told for cut in detector.feed(number / RATE, score)]

    assert found([(0, 0.0), *gaps_told]) == found([(0, 0.0), *enumerate(scores, 1)])


def test_scores_make_the_cuts_that_pictures_make() -> None:
    settings = FrameSettings()
    by_picture, by_score = SceneCuts(settings), ScoredCuts(settings)
    difference = Difference()
    found: tuple[list[float], list[float]] = ([], [])
    for number, picture in enumerate(pictures()):
        second = number / RATE
        found[0].extend(by_picture.feed(second, picture, (320, 240)))
        found[1].extend(by_score.feed(second, difference.score(picture)))
    assert found[0] == found[1]
    assert len(found[0]) == len(STARTS) - 1


def test_done_videos_stay_done() -> None:
    """Results of all frames and of reference frames are taken for the same."""
    marks = [
        Fingerprints(Settings.load({"VP_SCENE_SCAN": scan})).of("s3://videos/a/b/video.mp4", "e")
        for scan in ("all", "reference", "keyframes")
    ]
    assert marks[0] == marks[1] != marks[2]
