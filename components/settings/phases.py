"""What decides and drives the phases that work on videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from components.base.model_names import identity
from components.base.picture_formats import Format
from components.settings.variables import Group, variable


class CropSettings(Group):
    title = "crop"

    enabled: bool = variable("VP_ENABLE_CROP", True, "Look for borders at all", decides=True)
    probes: int = variable(
        "VP_CROP_PROBES", 3, "Positions at which borders are looked for", decides=True, ge=1, le=50
    )
    clip_s: float = variable(
        "VP_CROP_CLIP_SECS", 2.0, "Seconds looked at per position", decides=True, gt=0, le=60
    )
    cropdetect: str = variable(
        "VP_CROP_CROPDETECT",
        "24:16:0",
        "FFmpeg cropdetect's limit:round:reset; the bounds are used as found, before rounding",
        decides=True,
        pattern=r"^\d{1,3}:\d{1,3}:\d{1,5}$",
    )
    safe_margin_px: int = variable(
        "VP_CROP_SAFE_MARGIN",
        0,
        "Pixels trimmed further inside each side that has a border",
        decides=True,
        ge=0,
        le=500,
    )
    min_ratio: float = variable(
        "VP_MIN_CROP_RATIO",
        0.10,
        "Ignore borders that take less than this part of the width and of the height",
        decides=True,
        ge=0,
        lt=1,
    )
    output: Literal["rect", "video"] = variable(
        "VP_CROP_OUTPUT",
        "rect",
        "Hand on the rectangle only, or a re-encoded video as well",
        decides=True,
    )
    hwaccel: str = variable(
        "VP_CROP_HWACCEL", "cuda", "Decode on the GPU when re-encoding: cuda or none"
    )
    encoder: str = variable(
        "VP_CROP_ENCODER",
        "h264_nvenc",
        "Encoder of the re-encoded video; libx264 where the GPU has none",
        decides=True,
    )
    preset: str = variable("VP_CROP_PRESET", "p5", "NVENC preset p1 to p7", decides=True)
    tune: str = variable("VP_CROP_TUNE", "hq", "NVENC tuning", decides=True)
    cq: int = variable(
        "VP_CROP_CQ", 23, "Constant quality of the re-encoded video", decides=True, ge=0, le=51
    )

    def deciding(self) -> dict[str, Any]:
        """Leave out what a disabled crop, or one without re-encoding, does not read."""
        values = super().deciding()
        if not self.enabled:
            return {"VP_ENABLE_CROP": False}
        if self.output == "rect":
            for name in ("VP_CROP_ENCODER", "VP_CROP_PRESET", "VP_CROP_TUNE", "VP_CROP_CQ"):
                del values[name]
        return values

    @property
    def limit(self) -> int:
        """cropdetect's limit: luma up to this counts as black, on the scale 0 to 255."""
        return int(self.cropdetect.split(":")[0])


# These look at nothing but how much a frame differs from the one before, which can be estimated.
_SCORED_DETECTORS = ("adaptive", "content")


class FrameSettings(Group):
    title = "frame"

    detector: Literal["adaptive", "content", "hash", "histogram", "threshold", "transnetv2"] = (
        variable(
            "VP_SCENE_DETECTOR",
            "adaptive",
            "One of PySceneDetect's, or transnetv2, a network (the extra transnet)",
            decides=True,
        )
    )
    threshold: float | None = variable(
        "VP_SCENE_THRESH",
        None,
        "Its threshold (default: the detector's own); transnetv2's is a probability below 1",
        decides=True,
        gt=0,
    )

    @field_validator("threshold")
    @classmethod
    def _can_be_reached(cls, threshold: float | None, info: ValidationInfo) -> float | None:
        if threshold and threshold >= 1 and info.data.get("detector") == "transnetv2":
            raise ValueError("transnetv2 takes a probability, more than 0 and less than 1")
        return threshold

    scan: Literal["all", "reference", "keyframes"] = variable(
        "VP_SCENE_SCAN",
        "reference",
        "Look at all frames, at those that others refer to, or at keyframes; and where a cut may "
        "lie between them",
        decides=True,
    )

    @field_validator("scan")
    @classmethod
    def _detector_compares_pictures(cls, scan: str, info: ValidationInfo) -> str:
        detector = info.data.get("detector", "adaptive")
        if scan == "keyframes" and detector not in _SCORED_DETECTORS:
            raise ValueError(
                f"keyframes needs VP_SCENE_DETECTOR=adaptive or content; {detector} looks at all"
            )
        return scan

    hwaccel: Literal["none", "cuda"] = variable(
        "VP_DECODE_HWACCEL",
        "none",
        "Decode all frames on the GPU (NVDEC), or on the CPU where that fails",
        decides=True,
    )
    sample_fps: float = variable(
        "VP_SAMPLE_FPS",
        0.1,
        "Frames a second at which longer scenes are sampled: 0.1 is one every 10 s",
        decides=True,
        gt=0,
        le=1000,
    )
    min_frames: int = variable(
        "VP_MIN_FRAMES", 3, "Fewest frames of a video that has as many", decides=True, ge=1, le=1000
    )
    scene_change: float = variable(
        "VP_SCENE_CHANGE",
        0.4,
        "How different (0 to 2) what a scene shows must have become, and stay, for one more frame; "
        "0 looks at cuts and time only",
        decides=True,
        ge=0,
        le=2,
    )
    solid_std: float = variable(
        "VP_SOLID_STD",
        5.0,
        "A frame whose channels all vary less than this (0 to 255) is blank; 0 keeps all frames",
        decides=True,
        ge=0,
    )
    picture_format: Format = variable(
        "VP_FRAME_FORMAT",
        "png",
        "Format of frames: png keeps every pixel; webp and jpeg are smaller, and what is embedded",
        decides=True,
    )
    picture_quality: int = variable(
        "VP_FRAME_QUALITY",
        90,
        "Quality of webp and jpeg, of which more keeps more",
        decides=True,
        ge=1,
        le=100,
    )

    @property
    def is_scored(self) -> bool:
        """Whether the detector goes by scores alone, so that frames may be left out."""
        return self.detector in _SCORED_DETECTORS

    def deciding(self) -> dict[str, Any]:
        """Have videos that earlier versions finished count as done.

        What PNG does not read is left out, for they wrote nothing else; and a scan of reference
        frames is taken for one of all, whose scenes it finds.
        """
        values = super().deciding()
        if self.scan == "reference":
            values["VP_SCENE_SCAN"] = "all"
        if self.picture_format == "png":
            for name in ("VP_FRAME_FORMAT", "VP_FRAME_QUALITY"):
                del values[name]
        return values


class DedupSettings(Group):
    title = "dedup"

    enabled: bool = variable("VP_ENABLE_DEDUP", True, "Remove near-duplicates", decides=True)
    scope: Literal["adjacent", "video"] = variable(
        "VP_DEDUP_SCOPE",
        "adjacent",
        "Compare a frame with the last one kept, or with all kept ones of the video",
        decides=True,
    )
    hash_size: int = variable(
        "VP_DHASH_SIZE",
        8,
        "Side of the difference hash: 8 gives 64 bits",
        decides=True,
        ge=2,
        le=64,
    )
    tolerance: int = variable(
        "VP_TOLERANCE",
        5,
        "A frame within this many bits of a kept one is a duplicate",
        decides=True,
        ge=0,
    )

    def deciding(self) -> dict[str, Any]:
        """Leave out what a disabled dedup does not read."""
        return super().deciding() if self.enabled else {"VP_ENABLE_DEDUP": False}


class UploadSettings(Group):
    title = "upload"

    concurrency: int = variable("VP_UPLOAD_CONCURRENCY", 16, "Frames sent at once", ge=1, le=256)


class EmbedSettings(Group):
    title = "embed"

    model: str = variable(
        "CLIP_MODEL",
        "jinaai/jina-clip-v2",
        "Hub id (id@revision pins it), a local folder, or packaged:conse",
        decides=True,
        min_length=1,
    )
    dim: int | None = variable(
        "QDRANT_DIM",
        None,
        "Dimensions of the vectors (default: the model's own; 512 for jina-clip-v2)",
        decides=True,
        ge=1,
        le=65536,
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = variable(
        "VP_BATCH_SIZE",
        8,
        "Frames a forward pass; auto starts with 256 on a GPU and is halved until it fits",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = variable(
        "VP_PRECISION",
        "auto",
        "Numbers the model computes with; auto is float16 on a GPU, float32 on a CPU",
        decides=True,
    )
    threads: int | None = variable(
        "VP_THREADS",
        None,
        "Threads the model computes with on a CPU (default: the cores)",
        ge=1,
        le=1024,
    )
    model_dir: Path = variable(
        "VP_MODEL_DIR", Path("~/.cache/oriane/models"), "Folder of models that bring their own code"
    )
    device: str = variable("VP_DEVICE", "auto", "auto, cpu, cuda or cuda:N")

    @property
    def read_ahead(self) -> int:
        """Most frames that are read and prepared before the model takes them."""
        return 64 if self.batch_size == "auto" else 2 * self.batch_size

    def deciding(self) -> dict[str, Any]:
        """Name the model by its identity, so that a changed folder is another model.

        Precision decides only where it is asked for: "auto" follows the device, and no vector is
        made anew because another machine has a GPU.
        """
        values = {**super().deciding(), "CLIP_MODEL": identity(self.model)}
        if self.precision == "auto":
            del values["VP_PRECISION"]
        return values
