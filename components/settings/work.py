"""How much a process takes on, what it refuses, and what a run takes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from components.settings.variables import Group, variable

# What phones, cameras, browsers, recorders, editors and the apps of the last twenty years write, by
# FFmpeg's names.
_DECODERS = (
    "h264,hevc,libdav1d,libaom-av1,av1,vp9,libvpx-vp9,vp8,libvpx,mpeg4,msmpeg4,msmpeg4v2,mpeg1video,"
    "mpeg2video,h263,flv,theora,mjpeg,vc1,wmv1,wmv2,wmv3,prores,dnxhd,cfhd,dvvideo,qtrle,png,gif,"
    "ffv1,huffyuv,ffvhuff,utvideo,rawvideo"
)


class LimitSettings(Group):
    title = "Limits on one video (a rejection for a limit is tried again once the limit changes)"

    max_video_mb: int = variable(
        "VP_MAX_VIDEO_MB", 4096, "Largest source file, in MB (reason too_many_bytes)", ge=1
    )
    max_duration_s: float = variable(
        "VP_MAX_DURATION_SECS", 7200.0, "Longest video, in seconds (reason too_long)", gt=0
    )
    max_pixels: int = variable(
        "VP_MAX_PIXELS", 36_000_000, "Most pixels a frame, 8K by default (reason too_large)", ge=1
    )
    min_decoded: float = variable(
        "VP_MIN_DECODED",
        0.5,
        "Part of a video's frames that must be decodable, the others being damaged (reason "
        "undecodable)",
        ge=0,
        le=1,
    )
    decode_timeout_s: float = variable(
        "VP_DECODE_TIMEOUT_SECS",
        1800.0,
        "Seconds one phase may decode one video (reason decoder_timeout)",
        gt=0,
    )
    decode_memory_mb: int = variable(
        "VP_DECODE_MEMORY_MB",
        4096,
        "Memory of the process that decodes one video (reason out_of_memory)",
        ge=256,
    )
    max_side: int = variable(
        "VP_MAX_SIDE", 16384, "Longest side of a frame, in pixels (reason too_large)", ge=1
    )
    max_streams: int = variable(
        "VP_MAX_STREAMS", 64, "Most streams of a file (reason too_complex)", ge=1
    )
    max_samples: int = variable(
        "VP_MAX_SAMPLES",
        2_000_000,
        "Most samples of the video stream, by its index (reason too_complex)",
        ge=1,
    )
    max_edits: int = variable(
        "VP_MAX_EDITS", 1000, "Most entries of an MP4's edit lists (reason too_complex)", ge=0
    )
    max_frames: int = variable(
        "VP_MAX_FRAMES", 5000, "Most frames that represent a video (reason too_many_frames)", ge=1
    )
    cpu_base_s: float = variable(
        "VP_CPU_BASE_SECS",
        60.0,
        "CPU seconds that any video may take in one phase (reason decoder_timeout)",
        gt=0,
    )
    cpu_per_megapixel_s: float = variable(
        "VP_CPU_SECS_PER_MEGAPIXEL",
        2.0,
        "Further CPU seconds a second of video of a megapixel (reason decoder_timeout)",
        ge=0,
    )
    cpu_per_mb_s: float = variable(
        "VP_CPU_SECS_PER_MB",
        60.0,
        "But no more than so many CPU seconds a megabyte of the file (reason decoder_timeout)",
        ge=0,
    )
    max_written_mb: int = variable(
        "VP_MAX_WRITTEN_MB",
        8192,
        "Largest file that decoding one video may write, in MB (reason too_much_written)",
        ge=1,
    )
    decoders: str = variable(
        "VP_DECODERS",
        _DECODERS,
        "FFmpeg's decoders that a video's stream may need, with commas (reason unsupported_codec)",
        pattern=r"^[a-z0-9_-]+(,[a-z0-9_-]+)*$",
    )


class WorkSettings(Group):
    title = "Workers and files"

    workers: int | None = variable(
        "VP_MAX_WORKERS",
        None,
        "Videos a phase works on at once (default: the cores)",
        ge=1,
        le=1024,
    )
    scratch_dir: Path | None = variable(
        "VP_SCRATCH_DIR", None, "Folder for temporary files (default: the system's)"
    )
    copies_mb: int = variable(
        "VP_COPIES_MB",
        2048,
        "Files that a process keeps on disk for its next phase, in MB; none if it has but one",
        ge=0,
    )
    sandbox: Literal["require", "best", "off"] = variable(
        "VP_SANDBOX",
        "best",
        "Confine decoders: require it, as far as the machine can, or off",
    )
    data_dir: Path = variable(
        "VP_DATA_DIR", Path("data"), "Folder of a run on one machine: S3, Qdrant, logs"
    )
    stand_ins: bool = variable(
        "VP_STAND_INS",
        False,
        "1 lets stand-ins on this machine serve beside stores that are set (oriane commands)",
    )
    profile_json: Path | None = variable(
        "PROFILE_JSON", None, "Write a Chrome trace of phases and workers to this file"
    )
    attempt: int = variable(
        "VP_ATTEMPT", 0, "Which try of a phase this is, counted from 0; set by the engine", ge=0
    )
    last_attempt: int | None = variable(
        "VP_LAST_ATTEMPT",
        None,
        "The try that ends with 0 although videos failed, so that the others go on (default: none)",
        ge=0,
    )
    pod_start_s: float = variable(
        "VP_POD_START_SECS", 4.0, "Seconds that a pod takes until it works on its first video", gt=0
    )
    calibrate_after_s: float = variable(
        "VP_CALIBRATE_AFTER_SECS",
        60.0,
        "Seconds of work in a run, or a pod, after which the machine is measured, in 3 s, once",
        ge=0,
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = variable(
        "VP_LOG_LEVEL", "INFO", "Least severity of the messages shown"
    )

    @property
    def worker_count(self) -> int:
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def is_last_attempt(self) -> bool:
        return self.last_attempt is not None and self.attempt >= self.last_attempt


class PlanSettings(Group):
    title = "plan"
    _lines = frozenset({"job_input"})

    job_input: str | None = variable(
        "JOB_INPUT", None, 'Videos to process: JSON list of {"platform": …, "code": …}'
    )
    retry_limit: int = variable(
        "VP_RETRY_LIMIT", 5, "Runs in which a video may fail before catch-up gives it up", ge=1
    )
    retry_backoff_h: float = variable(
        "VP_RETRY_BACKOFF_HOURS",
        6.0,
        "Hours before a failed video is due again, doubled with each failure",
        ge=0,
    )
    lease_h: float = variable(
        "VP_LEASE_HOURS",
        24.0,
        "Hours for which a run on Kubeflow keeps others off a video, unless it books it before; "
        "other runs renew shorter ones",
        gt=0,
    )
    queue_url: str | None = variable(
        "VP_QUEUE_URL", None, "SQS queue that gets the source bucket's event notifications"
    )
    source_pattern: str | None = variable(
        "VP_SOURCE_PATTERN",
        None,
        "Regular expression for whole keys of the source bucket, with the groups platform and code "
        "(default: <platform>/<code>/video.mp4)",
    )

    pod_overhead: float = variable(
        "VP_POD_OVERHEAD",
        0.1,
        "Part of its work that pods may take to start; videos_per_shard=auto keeps below it",
        gt=0,
        le=10,
    )
    run_h: float = variable(
        "VP_RUN_HOURS", 6.0, "Hours in which a run is to end (videos_per_shard=auto)", gt=0
    )
    shard_minutes: float = variable(
        "VP_SHARD_MINUTES",
        10.0,
        "Most minutes of work in a shard, of which a lost pod repeats what it had not finished "
        "(videos_per_shard=auto)",
        gt=0,
        # An hour is the deadline of a pod.
        le=30,
    )
    work_s_a_video: float = variable(
        "VP_WORK_SECS_A_VIDEO",
        1.0,
        "Seconds of work that a video is taken for, until past runs tell",
        ge=0,
    )
    work_s_a_mb: float = variable(
        "VP_WORK_SECS_A_MB",
        1.0,
        "Seconds of work more for each MB of a video, until past runs tell",
        gt=0,
    )

    @field_validator("source_pattern")
    @classmethod
    def _names_videos(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"expected a regular expression ({error})") from error
        if not {"platform", "code"} <= groups.keys():
            raise ValueError("expected the groups (?P<platform>…) and (?P<code>…)")
        return pattern
