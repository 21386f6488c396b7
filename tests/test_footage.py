"""What phones, recorders, live streams and editors make comes out as a player shows it.

Every picture is read back: its number, which way up it is, its colours, and whether it belongs to
the second at which it is said to be. test_clocks.py and test_reencoding.py do the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.errors import Reason
from components.settings import LimitSettings
from tests import readable
from tests.readable import FPS, HEIGHT, SCENE, WIDTH
from tests.shown import FROM_BT709, ORIENTATIONS, joined, rejected, shown

pytestmark = pytest.mark.slow


# Streams


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
        *("-vf", FROM_BT709.format(transfer=transfer), "-c:v", "libx265", "-crf", 8),
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


def test_wide_colours_of_phones_and_screens(tmp_path: Path) -> None:
    """P3, in which phones and screen recorders save: taken for BT.709, reds would be off by 18."""
    to_p3 = FROM_BT709.format(transfer="bt709").replace("npl=203", "npl=100")
    to_p3 = to_p3.replace("zscale=p=bt2020", "zscale=p=smpte432").replace("bt2020nc", "bt709")
    tags = ("-colorspace", "bt709", "-color_trc", "bt709", "-color_primaries", "smpte432")
    path = readable.write(tmp_path / "v.mp4", "-vf", to_p3, *tags)
    shown(path).check()


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


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_encrypted_pictures_are_said_to_be(tmp_path: Path, codec: str) -> None:
    """Some of them decode to noise; to upload the file again would change nothing."""
    quiet = ("-x265-params", "log-level=error") if codec == "libx265" else ()
    clear = readable.write(tmp_path / "clear.mp4", "-c:v", codec, *quiet)
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", 16 * "7a")
    path = tmp_path / "v.mp4"
    readable.run("-i", clear, "-c", "copy", *key, "-encryption_kid", 16 * "a7", path)
    assert rejected(path) == Reason.ENCRYPTED


def test_a_picture_alone(tmp_path: Path) -> None:
    """Phones save photographs in tiles, of which FFmpeg makes a video each."""
    still = readable.write(
        tmp_path / "v.avif",
        *("-c:v", "libaom-av1", "-cpu-used", 8, "-still-picture", 1),
        frames=[5],
    )
    assert rejected(still) == Reason.NOT_A_VIDEO
    moving = tmp_path / "moving.avif"
    readable.write(moving, "-c:v", "libaom-av1", "-cpu-used", 8, frames=range(SCENE))
    shown(moving).check(scenes=1)


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
