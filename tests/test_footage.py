"""What phones, recorders, live streams and editors make comes out as a player shows it.

Every picture is read back: its number, which way up it is, its colours, and whether it belongs to
the second at which it is said to be.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.crop.detect import border_stays, find_picture
from components.crop.reencode import reencode
from components.errors import Reason, VideoRejectedError
from components.frame.extract import Extracted, extract
from components.records.videos import CroppedVideo, Frame, Rectangle, SourceVideo
from components.settings import CropSettings, FrameSettings, LimitSettings
from tests import readable
from tests.conftest import source_of
from tests.readable import FPS, HEIGHT, SCENE, WIDTH, Picture

pytestmark = pytest.mark.slow

SECONDS = [number / FPS for number in range(1000)]
CLOSE_KEYS = ("-g", SCENE, "-bf", 0)
_WRAP_S = 2**33 / 90000


@dataclass(frozen=True)
class Shown:
    """A video as it came out: what the probe found, and its frames with their pictures."""

    source: SourceVideo
    extracted: Extracted
    pictures: list[tuple[Frame, Picture]]

    def check(self, seconds: list[float] = SECONDS, *, scenes: int = 3, off: int = 12) -> None:
        """Every scene has a frame; each is upright, of the right colours, at its second."""
        found = set()
        for frame, picture in self.pictures:
            reading = readable.read(picture)
            assert reading.is_upright, frame
            assert reading.off() <= off, (frame, reading)
            assert frame.second == pytest.approx(seconds[reading.number], abs=0.5 / FPS), frame
            assert frame.scene_start - 0.05 <= frame.second <= frame.scene_end
            found.add(readable.scene_of(reading.number))
        assert len(found) == scenes
        assert max(frame.scene_end for frame, _ in self.pictures) == pytest.approx(
            self.source.duration, abs=0.05
        )


def shown(path: Path, limits: LimitSettings | None = None, **settings: Any) -> Shown:
    """Take a file through probe and frame."""
    limits = limits or LimitSettings()
    source = source_of(path, limits)
    cropped = CroppedVideo(source=source, rectangle=None)
    return Shown(source, *extracted_of(path, cropped, limits, **settings))


def extracted_of(
    path: Path, cropped: CroppedVideo, limits: LimitSettings, **settings: Any
) -> tuple[Extracted, list[tuple[Frame, Picture]]]:
    """Take a file through frame; return what it says and the pictures that it wrote."""
    tar = path.with_suffix(".tar")
    extracted = extract(path, tar, cropped, FrameSettings(**settings), limits, 24)
    with tarfile.open(tar) as frames:
        pictures = [
            (frame, _opened(frames.extractfile(frame.file).read()))  # type: ignore[union-attr]
            for frame in extracted.frames
        ]
    for frame, picture in pictures:
        assert (frame.height, frame.width) == picture.shape[:2]
    return extracted, pictures


def _opened(png: bytes) -> Picture:
    return np.asarray(Image.open(io.BytesIO(png)))


def rejected(path: Path, limits: LimitSettings | None = None) -> Reason:
    with pytest.raises(VideoRejectedError) as caught:
        shown(path, limits)
    return caught.value.reason


# Clocks


def segments(tmp_path: Path, *options: object) -> list[bytes]:
    """Return three segments of a scene each, whose clocks each begin anew."""
    parts = []
    for scene in range(3):
        frames = range(scene * SCENE, (scene + 1) * SCENE)
        path = readable.write(tmp_path / f"{scene}.ts", "-bf", 2, *options, frames=frames)
        parts.append(path.read_bytes())
    return parts


def test_joined_segments_go_on_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "v.ts"
    path.write_bytes(b"".join(segments(tmp_path)))
    result = shown(path)
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("before_s", [0.5, 1.5, 2.7])
def test_a_clock_of_33_bits_wraps(tmp_path: Path, before_s: float) -> None:
    begin = _WRAP_S - before_s - 1.4
    path = readable.write(tmp_path / "v.ts", "-output_ts_offset", f"{begin:.6f}")
    result = shown(path)
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.05)


def test_a_clock_wraps_twice_and_restarts(tmp_path: Path) -> None:
    near = ["-output_ts_offset", f"{_WRAP_S - 2.0:.6f}"]
    path = tmp_path / "v.ts"
    path.write_bytes(b"".join(segments(tmp_path, *near)))
    result = shown(path)
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.1)


def test_times_thrown_hours_ahead_are_damage(tmp_path: Path) -> None:
    path = readable.write(tmp_path / "v.ts", "-bf", 0)
    content = bytearray(path.read_bytes())
    thrown = 0
    for packet in range(0, len(content), 188):
        # A packet that begins a picture, and the first byte of its time (ISO/IEC 13818-1, 2.4.3).
        start = content.find(b"\x00\x00\x01\xe0", packet, packet + 188)
        if start >= 0 and content[packet + 1] & 0x40:
            thrown += 1
            if thrown % 20 == 7:
                content[start + 9] ^= 0x04
    path.write_bytes(content)
    result = shown(path)
    assert result.source.shifts
    result.check()
    assert result.source.duration == pytest.approx(3.0, abs=0.05)


def test_avi_of_b_frames(tmp_path: Path) -> None:
    """AVI says in which order frames are decoded, not when they are shown."""
    shown(readable.write(tmp_path / "v.avi", "-bf", 3)).check()


@pytest.mark.parametrize(
    ("edits", "first", "duration"),
    [
        ([(2.0, 0.0, 1)], 0.0, 2.0),
        ([(1.5, 1.0, 1)], 1.0, 1.5),
        ([(1.0, 0.0, 1), (1.0, 2.0, 1)], 0.0, 2.0),
        ([(1.0, 2.0, 1), (1.0, 0.0, 1)], 2.0, 2.0),
    ],
    ids=["end cut", "beginning cut", "middle cut", "turned round"],
)
def test_edit_lists(
    tmp_path: Path, edits: list[tuple[float, float, float]], first: float, duration: float
) -> None:
    path = readable.write(tmp_path / "v.mp4", *CLOSE_KEYS)
    readable.with_edits(path, edits)
    result = shown(path, VP_MIN_FRAMES=8)
    assert result.source.duration == pytest.approx(duration, abs=0.05)
    assert max(frame.scene_end for frame, _ in result.pictures) <= duration + 0.05
    starts = np.cumsum([0.0] + [seconds for seconds, _, _ in edits])
    for frame, picture in result.pictures:
        number = readable.read(picture).number
        place = int(np.searchsorted(starts, frame.second + 0.01, side="right")) - 1
        _, start, _ = edits[place]
        media = frame.second - starts[place] + start
        assert number == pytest.approx(media * FPS, abs=0.6)


def test_a_long_recording_trimmed_to_a_moment(tmp_path: Path) -> None:
    path = readable.write(tmp_path / "v.mp4", "-g", 1000, "-bf", 0, fps=1)
    readable.with_edits(path, [(10.0, 0.0, 1)])
    limits = LimitSettings(VP_MAX_DURATION_SECS=30)
    assert shown(path, limits).source.duration == pytest.approx(10.0)


def test_a_picture_that_stands_still_at_the_end_is_whole(tmp_path: Path) -> None:
    """Recorders of screens write a frame when something moves, and the length when they stop."""
    path = readable.write(tmp_path / "v.mkv", "-metadata", "title=x")
    content = bytearray(path.read_bytes())
    # Duration, a float of 8 bytes in milliseconds (RFC 9559, 5.1.2.10).
    at = content.index(b"\x44\x89\x88") + 3
    content[at : at + 8] = np.array([9000.0], ">f8").tobytes()
    path.write_bytes(content)
    result = shown(path)
    assert result.source.duration == pytest.approx(9.0)
    path.write_bytes(content[:-5000])
    assert rejected(path) == Reason.TRUNCATED


# Streams


def joined(tmp_path: Path, target: str, *options: object, inputs: list[Path]) -> Path:
    path = tmp_path / target
    given = [option for each in inputs for option in ("-i", each)]
    maps = [option for number in range(len(inputs)) for option in ("-map", f"{number}:v")]
    readable.run(*given, *maps, "-c", "copy", *options, path)
    return path


def test_a_picture_before_the_video(tmp_path: Path) -> None:
    video = readable.write(tmp_path / "a.mp4")
    cover = readable.write(tmp_path / "cover.jpg", "-c:v", "mjpeg", "-f", "mjpeg", frames=[0])
    result = shown(joined(tmp_path, "v.mkv", inputs=[cover, video]))
    result.check()
    assert (result.source.stream, result.source.chosen) == (1, "longest")


def test_the_stream_marked_as_default(tmp_path: Path) -> None:
    video = readable.write(tmp_path / "a.mp4")
    small = readable.write(tmp_path / "b.mp4", "-vf", "scale=80:44")
    marks = ["-disposition:v:0", 0, "-disposition:v:1", "default"]
    result = shown(joined(tmp_path, "v.mp4", *marks, inputs=[small, video]))
    result.check()
    assert (result.source.stream, result.source.chosen) == (1, "default")


def test_the_largest_of_streams_alike(tmp_path: Path) -> None:
    video = readable.write(tmp_path / "a.mp4")
    small = readable.write(tmp_path / "b.mp4", "-vf", "scale=80:44")
    marks = ["-disposition:v:0", "default", "-disposition:v:1", "default"]
    result = shown(joined(tmp_path, "v.mkv", *marks, inputs=[small, video]))
    result.check()
    assert (result.source.stream, result.source.chosen) == (1, "largest")


# Orientation

ORIENTATIONS = {
    "as stored": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (-1, 0, 0, -1),
    "flipped": (1, 0, 0, -1),
    "clockwise": (0, 1, -1, 0),
    "anticlockwise": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transversed": (0, -1, -1, 0),
}


@pytest.mark.parametrize("matrix", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_all_eight_orientations(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = readable.write(
        tmp_path / "v.mp4", stored=lambda picture: readable.turned_back(picture, *matrix)
    )
    readable.with_matrix(path, *matrix)
    result = shown(path)
    assert (result.source.width, result.source.height) == (WIDTH, HEIGHT)
    result.check()


# Size and shape


def test_a_phone_that_is_turned_midway(tmp_path: Path) -> None:
    """Scenes one and two lie, three stands; its pictures are stretched so that they can be read."""
    lying = readable.write(tmp_path / "a.ts", "-bf", 0, frames=range(2 * SCENE))
    standing = readable.write(
        tmp_path / "b.ts", "-bf", 0, "-vf", "scale=180:320", frames=range(2 * SCENE, 3 * SCENE)
    )
    path = tmp_path / "v.ts"
    path.write_bytes(lying.read_bytes() + standing.read_bytes())
    result = shown(path)
    result.check()
    assert {picture.shape[:2] for _, picture in result.pictures} == {(180, 320), (320, 180)}


def test_a_change_of_shape_is_a_cut(tmp_path: Path) -> None:
    first = readable.write(tmp_path / "a.ts", "-bf", 0, frames=range(SCENE))
    second = readable.write(tmp_path / "b.ts", "-bf", 0, "-vf", "scale=160:90", frames=range(SCENE))
    path = tmp_path / "v.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    result = shown(path, VP_MIN_FRAMES=1)
    assert [frame.scene_start for frame, _ in result.pictures] == pytest.approx([0, 1], abs=0.05)
    assert [picture.shape[:2] for _, picture in result.pictures] == [(180, 320), (90, 160)]


def test_a_stream_that_grows_beyond_the_limit(tmp_path: Path) -> None:
    first = readable.write(tmp_path / "a.ts", "-bf", 0, frames=range(SCENE))
    second = readable.write(
        tmp_path / "b.ts", "-bf", 0, "-vf", "scale=640:360", frames=range(SCENE, 2 * SCENE)
    )
    path = tmp_path / "v.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    assert rejected(path, LimitSettings(VP_MAX_PIXELS=100_000)) == Reason.TOO_LARGE
    shown(path, LimitSettings(VP_MAX_PIXELS=300_000))


@pytest.mark.parametrize(("stored", "aspect"), [((240, 180), "4/3"), ((320, 120), "2/3")])
def test_pixels_that_are_not_square(tmp_path: Path, stored: tuple[int, int], aspect: str) -> None:
    scale = f"scale={stored[0]}:{stored[1]},setsar={aspect}"
    result = shown(readable.write(tmp_path / "v.mp4", "-vf", scale))
    assert (result.source.width, result.source.height) == (WIDTH, HEIGHT)
    assert {picture.shape[:2] for _, picture in result.pictures} == {(HEIGHT, WIDTH)}
    result.check()


@pytest.mark.parametrize("size", ["1:64", "64:1", "2:2048", "4096:2"])
def test_extreme_shapes(tmp_path: Path, size: str) -> None:
    path = readable.write(
        tmp_path / "v.mkv", "-vf", f"scale={size}", "-c:v", "png", "-pix_fmt", "rgb24"
    )
    width, height = map(int, size.split(":"))
    result = shown(path)
    assert {picture.shape[:2] for _, picture in result.pictures} == {(height, width)}


# Colour and light

_LINEAR = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709"
_TO_BT709 = f"{_LINEAR},tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
_FROM_BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,"
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t={transfer}:m=bt2020nc:r=tv"
)


@pytest.mark.parametrize(
    ("transfer", "level"),
    [("smpte2084", None), ("smpte2084", "600,200"), ("arib-std-b67", None), ("bt2020-10", None)],
    ids=["PQ", "PQ of known brightness", "HLG", "BT.2020"],
)
def test_wide_and_bright_colours_as_ffmpeg_maps_them(
    tmp_path: Path, transfer: str, level: str | None
) -> None:
    known = f":max-cll={level}" if level else ""
    path = readable.write(
        tmp_path / "v.mp4",
        *("-vf", _FROM_BT709.format(transfer=transfer), "-c:v", "libx265", "-crf", 8),
        *("-pix_fmt", "yuv420p10le", "-x265-params"),
        f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc{known}",
    )
    chain = _TO_BT709 if transfer != "bt2020-10" else "zscale=p=bt709:t=bt709:m=bt709:r=tv"
    result = shown(path)
    assert len(result.pictures) == 3
    for frame, picture in result.pictures:
        expected = readable.run(
            *("-i", path, "-vf", f"select=eq(n\\,{frame.number}),{chain},format=yuv444p,"),
            *("-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
        )
        wanted = np.frombuffer(expected, np.uint8).reshape(HEIGHT, WIDTH, 3)
        reading = readable.read(picture)
        assert reading.off(readable.read(wanted).patches) <= 12
        assert reading.number == frame.number


def test_interlaced_footage_is_not_combed(tmp_path: Path) -> None:
    """Fields of two pictures, one a fiftieth of a second after the other, show two numbers."""
    interlaced = ["-vf", "interlace=lowpass=off", "-flags", "+ilme+ildct", "-g", 12]
    path = readable.write(
        tmp_path / "v.ts", *interlaced, "-c:v", "mpeg2video", "-q:v", 2, fps=2 * FPS
    )
    result = shown(path)
    assert len(result.pictures) == 3
    for frame, picture in result.pictures:
        red = picture[100:116, 40:280, 1].astype(int)
        assert np.abs(red[1:] - red[:-1]).mean() < 6, frame
        number = readable.read(picture).number
        assert number == pytest.approx(2 * frame.number, abs=1)


CODED = {
    "10 bit": ("yuv420p10le", "libx265"),
    "12 bit": ("yuv420p12le", "libx265"),
    "4:2:2": ("yuv422p", "libx264"),
    "4:2:2 of 10 bit": ("yuv422p10le", "prores_ks"),
    "4:4:4": ("yuv444p", "libx264"),
    "4:4:4 of 10 bit": ("yuv444p10le", "libx264"),
    "full range": ("yuvj420p", "mjpeg"),
    "RGB": ("rgb24", "png"),
    "grey and alpha": ("rgba", "png"),
    "palette": ("rgb24", "qtrle"),
    "VP9": ("yuv420p", "libvpx-vp9"),
    "GIF": ("rgb8", "gif"),
}


@pytest.mark.parametrize(("pixels", "codec"), CODED.values(), ids=CODED)
def test_pixels_of_every_kind(tmp_path: Path, pixels: str, codec: str) -> None:
    quality: dict[str, tuple[object, ...]] = {
        "libvpx-vp9": ("-crf", 10, "-cpu-used", 8, "-b:v", 0),
        "mjpeg": ("-q:v", 2),
        "png": ("-compression_level", 1),
    }
    options = ("-c:v", codec, "-pix_fmt", pixels, *quality.get(codec, ()))
    if codec == "libx265":
        options = (*options, "-x265-params", "log-level=error")
    name = {"libvpx-vp9": "v.mp4", "gif": "v.gif"}.get(codec, "v.mov")
    shown(readable.write(tmp_path / name, *options)).check()


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_the_matrix_that_the_video_names(tmp_path: Path, matrix: str) -> None:
    name = {"bt601": "smpte170m", "bt709": "bt709"}[matrix]
    options = ("-vf", f"scale=out_color_matrix={matrix}:out_range=tv", "-colorspace", name)
    shown(readable.write(tmp_path / "v.mp4", *options)).check()


# Re-encoding without a border

_BAR = 40


def with_bars(shown: Picture) -> Picture:
    bar = np.zeros((_BAR, WIDTH, 3), np.uint8)
    return np.concatenate([bar, shown, bar])


def reencoded(path: Path, tmp_path: Path) -> list[Picture]:
    """Take a video with bars through probe, crop and frame, re-encoding it on the way."""
    limits, crop = LimitSettings(), CropSettings(VP_CROP_OUTPUT="video", VP_CROP_CQ=10)
    source = source_of(path)
    rectangle = find_picture(path, source, crop, limits)
    assert rectangle == Rectangle(x=0, y=_BAR, width=WIDTH, height=HEIGHT)
    assert border_stays(path, source, rectangle, crop.limit, limits)
    target = tmp_path / "cropped.mp4"
    reencode(path, target, source, rectangle, crop)
    cropped = CroppedVideo(source=source, rectangle=rectangle, reencoded="s3://results/c.mp4")
    return [picture for _, picture in extracted_of(target, cropped, limits)[1]]


def check_reencoded(pictures: list[Picture], off: int = 12) -> None:
    assert len(pictures) == 3
    for picture in pictures:
        assert picture.shape == (HEIGHT, WIDTH, 3)
        reading = readable.read(picture)
        assert reading.is_upright
        assert reading.off() <= off


@pytest.mark.parametrize("matrix", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_reencoding_turns_as_decoding_does(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    path = readable.write(
        tmp_path / "v.mp4",
        stored=lambda picture: readable.turned_back(with_bars(picture), *matrix),
    )
    readable.with_matrix(path, *matrix)
    check_reencoded(reencoded(path, tmp_path))


def test_reencoding_takes_the_stream_that_was_chosen(tmp_path: Path) -> None:
    video = readable.write(tmp_path / "a.mp4", stored=with_bars)
    small = readable.write(tmp_path / "b.mp4", "-vf", "scale=80:44")
    marks = ["-disposition:v:0", 0, "-disposition:v:1", "default"]
    path = joined(tmp_path, "v.mp4", *marks, inputs=[small, video])
    check_reencoded(reencoded(path, tmp_path))


def test_reencoding_makes_pixels_square(tmp_path: Path) -> None:
    scale = f"scale=240:{HEIGHT + 2 * _BAR},setsar=4/3"
    path = readable.write(tmp_path / "v.mp4", "-vf", scale, stored=with_bars)
    check_reencoded(reencoded(path, tmp_path))


@pytest.mark.parametrize("tagged", [True, False])
def test_reencoding_says_how_colours_are_coded(tmp_path: Path, tagged: bool) -> None:
    """Untagged HD is taken for BT.709, and what is cut out of it may no longer be HD."""
    tags = ("-colorspace", "bt709") if tagged else ()
    pads = f"pad=1280:{HEIGHT + 2 * _BAR}:480:0,scale=out_color_matrix=bt709:out_range=tv"
    path = readable.write(tmp_path / "v.mp4", "-vf", pads, *tags, stored=with_bars)
    limits, crop = LimitSettings(), CropSettings(VP_CROP_OUTPUT="video", VP_CROP_CQ=10)
    source, target = source_of(path), tmp_path / "cropped.mp4"
    wanted = Rectangle(x=480, y=_BAR, width=WIDTH, height=HEIGHT)
    assert find_picture(path, source, crop, limits) == wanted
    reencode(path, target, source, wanted, crop)
    cropped = CroppedVideo(source=source, rectangle=wanted, reencoded="s3://results/c.mp4")
    check_reencoded([picture for _, picture in extracted_of(target, cropped, limits)[1]])


def test_reencoding_keeps_bright_colours(tmp_path: Path) -> None:
    path = readable.write(
        tmp_path / "v.mp4",
        *("-vf", _FROM_BT709.format(transfer="smpte2084"), "-c:v", "libx265", "-crf", 8),
        *("-pix_fmt", "yuv420p10le", "-x265-params"),
        "log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
        stored=with_bars,
    )
    plain = [readable.read(picture[_BAR:-_BAR]) for _, picture in shown(path).pictures]
    again = [readable.read(picture) for picture in reencoded(path, tmp_path)]
    for before, after in zip(plain, again, strict=True):
        assert before.off(after.patches) <= 3


# Damage


def damaged(path: Path, every: int, start: int = 4000) -> Path:
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(3)
    for at in range(start, len(content), every):
        content[at : at + 6] = random.bytes(6)
    path.write_bytes(content)
    return path


FORMATS = {
    "H.264 in TS": ("v.ts", ("-g", 10)),
    "MPEG-2 in TS": ("v.ts", ("-c:v", "mpeg2video", "-q:v", 3, "-g", 10)),
    "MJPEG in MOV": ("v.mov", ("-c:v", "mjpeg", "-q:v", 2, "-pix_fmt", "yuvj420p")),
    "ProRes in MOV": ("v.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
    "PNG in MOV": ("v.mov", ("-c:v", "png", "-pix_fmt", "rgb24")),
    "VP8 in WebM": (
        "v.webm",
        (
            "-c:v",
            "libvpx",
            "-crf",
            8,
            "-b:v",
            "4M",
            "-g",
            10,
            "-cpu-used",
            8,
            "-deadline",
            "realtime",
        ),
    ),
}


@pytest.mark.parametrize(("name", "options"), FORMATS.values(), ids=FORMATS)
def test_damage_costs_packets_not_the_video(
    tmp_path: Path, name: str, options: tuple[object, ...]
) -> None:
    path = readable.write(tmp_path / name, *options)
    clean = shown(path)
    assert clean.extracted.lost_packets == 0
    size = path.stat().st_size
    damaged(path, every=size // 5, start=size // 6)
    result = shown(path)
    assert result.pictures
    assert result.source.duration == pytest.approx(clean.source.duration, abs=0.3)
    assert result.extracted.lost_packets < 30


def test_what_is_lost_is_counted_and_bounded(tmp_path: Path) -> None:
    path = readable.write(tmp_path / "v.mov", *FORMATS["PNG in MOV"][1])
    size = path.stat().st_size
    damaged(path, every=size // 25, start=size // 6)
    result = shown(path)
    lost = result.extracted.lost_packets
    assert lost > 5
    assert result.source.packets == 3 * SCENE
    assert rejected(path, LimitSettings(VP_MIN_DECODED=0.99)) == Reason.UNDECODABLE


# Keyframes


def test_leading_pictures_that_a_decoder_drops_have_no_number(tmp_path: Path) -> None:
    """A cut at a keyframe of an open group leaves pictures that refer to what was cut away."""
    frames = range(6 * SCENE)
    whole = readable.write(
        tmp_path / "whole.ts",
        *("-c:v", "libx265", "-crf", 20, "-x265-params"),
        f"log-level=error:keyint={SCENE}:min-keyint={SCENE}:scenecut=0:open-gop=1:bframes=3",
        frames=frames,
    )
    cut = tmp_path / "cut.mkv"
    readable.run("-ss", 2.0, "-i", whole, "-c", "copy", "-copyinkf", cut)
    full = shown(cut, VP_MIN_FRAMES=1)
    keys = shown(cut, VP_MIN_FRAMES=1, VP_SCENE_SCAN="keyframes")
    cut_away = {
        readable.read(picture).number - frame.number
        for frame, picture in full.pictures + keys.pictures
    }
    assert len(cut_away) == 1


def test_a_stream_that_nothing_decodes(tmp_path: Path) -> None:
    path = readable.write(tmp_path / "v.mkv")
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_XYZ99/ISO/AVC"))
    assert rejected(path) == Reason.UNSUPPORTED_CODEC
