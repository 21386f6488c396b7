"""Segments decoded side by side give what one decoder gives, wherever they may begin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.base.relay import relayed
from components.frame.extract import extract
from components.frame.framing import Framing
from components.frame.segments import InOrder, decoders, segments
from components.frame.skipping import CannotSkipError, several_decoders
from components.media import video as media
from components.media.packets import PacketIndex
from components.media.video import opened
from components.records.videos import CroppedVideo, SourceVideo
from components.settings import FrameSettings, LimitSettings
from tests.clips import ffmpeg, write_pictures
from tests.conftest import source_of
from tests.test_reference_scan import ENCODERS, LENGTH_S, RATE, encoded, pictures

slow = pytest.mark.slow
SETTINGS, LIMITS = FrameSettings(), LimitSettings()
# As encoders of phones place keyframes, and closed groups of pictures.
EVERY_TWO_SECONDS = {"g": "60", "keyint_min": "60", "sc_threshold": "0"}


def index_of(path: Path) -> PacketIndex:
    with opened(path) as video:
        return PacketIndex.of(video)


def trimmed_by_copying(path: Path) -> Path:
    """Cut at two frames after a keyframe without encoding: the two are there, and not shown."""
    trimmed = path.with_name("trimmed.mp4")
    ffmpeg("-ss", 2.07, "-i", path, "-c", "copy", trimmed)
    assert index_of(trimmed).keyframes[0] > 0
    return trimmed


def extracted(path: Path, scan: str, folder: Path, cores: int) -> tuple[object, bytes]:
    """Return what `extract` finds with so many cores, and the tar."""
    media.share_cores(cores)
    try:
        cropped = CroppedVideo(source=source_of(path), rectangle=None)
        settings = FrameSettings(VP_SCENE_SCAN=scan)  # type: ignore[arg-type]
        found = extract(path, folder / "f.tar", cropped, settings, LIMITS, 24)
        return found, (folder / "f.tar").read_bytes()
    finally:
        media.share_cores(0)


@slow
@pytest.mark.parametrize("scan", ["all", "reference"])
@pytest.mark.parametrize("kind", ["H.264, fixed", "H.264, many B", "HEVC, open"])
def test_any_number_of_decoders_gives_the_same(tmp_path: Path, kind: str, scan: str) -> None:
    name, codec, options = ENCODERS[kind]
    path = encoded(tmp_path / name, codec, options)
    one, *others = (extracted(path, scan, tmp_path, cores) for cores in (1, 3, 8))
    assert others == [one, one]


def test_of_large_pictures_fewer_are_decoded_side_by_side(tmp_path: Path) -> None:
    """Frames that wait for their turn take no more memory than a part of a worker's."""
    path = encoded(tmp_path / "v.mp4", "libx264", EVERY_TWO_SECONDS)
    source, index = source_of(path), index_of(path)
    media.share_cores(16)
    try:
        counts = [
            decoders(index, source.model_copy(update={"width": width, "height": height}), LIMITS)
            for width, height in [(1280, 720), (3840, 2160), (7680, 4320)]
        ]
        poor = LimitSettings(VP_DECODE_MEMORY_MB=256)
        counts.append(decoders(index, source.model_copy(update={"width": 1920}), poor))
    finally:
        media.share_cores(0)
    assert counts == [3, 2, 1, 2]


@pytest.mark.parametrize("trimmed", [False, True])
def test_a_seek_leads_to_the_keyframe_that_is_meant(tmp_path: Path, trimmed: bool) -> None:
    name, codec, _ = ENCODERS["H.264, fixed"]
    path = encoded(tmp_path / name, codec, EVERY_TWO_SECONDS)
    if trimmed:
        path = trimmed_by_copying(path)
    index = index_of(path)
    with opened(path) as video:
        for keyframe in index.keyframes:
            video.seek(index.seek_time(keyframe))
            assert next(video.packets()).pts == index.pts[keyframe]


@slow
@pytest.mark.parametrize("scan", ["all", "reference"])
def test_a_trimmed_video_gives_the_same(tmp_path: Path, scan: str) -> None:
    name, codec, _ = ENCODERS["H.264, fixed"]
    path = trimmed_by_copying(encoded(tmp_path / name, codec, EVERY_TWO_SECONDS))
    one, three = (extracted(path, scan, tmp_path, cores) for cores in (1, 3))
    assert one == three


@slow
def test_a_changing_rate_gives_the_same(tmp_path: Path) -> None:
    apart = [1 / 60 if number % 50 < 25 else 1 / 20 for number in range(RATE * LENGTH_S)]
    seconds = [round(sum(apart[:number]), 4) for number in range(len(apart))]
    path = write_pictures(tmp_path / "v.mp4", pictures(), seconds, options=EVERY_TWO_SECONDS)
    assert len(segments(index_of(path))) == 6
    one, three = (extracted(path, "all", tmp_path, cores) for cores in (1, 3))
    assert one == three


@slow
def test_segments_begin_where_nothing_refers_beyond(tmp_path: Path) -> None:
    closed = encoded(tmp_path / "closed.mp4", "libx264", EVERY_TWO_SECONDS)
    assert [part.start for part in segments(index_of(closed))] == [0, 60, 120, 180, 240, 300]
    name, codec, options = ENCODERS["H.264, fixed and open"]
    index = index_of(encoded(tmp_path / name, codec, options))
    assert len(index.keyframes) > 5
    assert len(segments(index)) == 1


def looked(path: Path, source: SourceVideo, index: PacketIndex) -> list[int]:
    with several_decoders(path, source, LIMITS, 2) as videos:
        framing = Framing(source, None, 24)
        return [one.number for one in InOrder(videos, index, framing, SETTINGS, LIMITS).looked()]


@slow
def test_damage_in_a_segment_is_told(tmp_path: Path) -> None:
    path = encoded(tmp_path / "v.mp4", "libx264", EVERY_TWO_SECONDS)
    source, index = source_of(path), index_of(path)
    assert looked(path, source, index) == list(range(RATE * LENGTH_S))
    with opened(path) as video:
        places = [(one.pos, one.size) for one in video.packets() if one.is_keyframe and one.size]
    content = bytearray(path.read_bytes())
    at, size = places[3]
    content[at + 4 : at + size] = bytes(size - 4)
    path.write_bytes(content)
    with pytest.raises(CannotSkipError):
        looked(path, source, index)
    found, _ = extracted(path, "all", tmp_path, 2)
    assert found == extracted(path, "all", tmp_path, 1)[0]


# Threads that make parts


def test_parts_come_in_order_and_no_more_are_held_than_asked() -> None:
    held = most = 0
    lock = threading.Lock()

    def make(part: int) -> Iterator[tuple[int, int]]:
        nonlocal held, most
        for number in range(20):
            with lock:
                held += 1
                most = max(most, held)
            yield part, number

    found = []
    for item in relayed([make] * 3, range(9), 10):
        found.append(item)
        with lock:
            held -= 1
    assert found == [(part, number) for part in range(9) for number in range(20)]
    # Each maker has one more in hand.
    assert most <= 10 + 3 + 2


def test_an_error_comes_where_its_part_does() -> None:
    def make(part: int) -> Iterator[int]:
        yield part
        if part == 2:
            raise ValueError("two")

    items = relayed([make] * 2, range(5), 4)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="two"):
        next(items)


def test_makers_end_with_their_reader() -> None:
    before = threading.active_count()

    def make(part: int) -> Iterator[int]:
        while True:
            yield part

    items = relayed([make] * 3, range(5), 4)
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
