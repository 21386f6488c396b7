"""Everything that can go wrong, and the exit code each kind ends with.

PipelineError
├── ConfigurationError   78   a variable, credential or argument is wrong; retrying changes nothing
│   └── DeniedError      78   S3 knows the credentials, which may not do this
├── ManifestError        65   a manifest cannot be read; retrying changes nothing
├── RunFailedError        1   a run as a whole ended badly; its digest says why
├── TransientError       75   S3, Qdrant or Postgres did not answer; worth a retry
│   ├── NotFoundError    75   an object that should be there is not
│   └── DamagedObjectError 75 an object is not what was written
└── VideoRejectedError    -   this one video is bad; booked as rejected, never ends a process

Besides, 2 is a command line that cannot be read, 130 Ctrl-C, and 1 a fault of the program.

`Reason` lists why a video can be rejected, `Failure` why it can fail.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

EXIT_DONE = 0
EXIT_MANIFEST = 65
EXIT_TRANSIENT = 75
EXIT_CONFIGURATION = 78


class PipelineError(Exception):
    """Base of every error this project raises on purpose; `exit_code` ends the process."""

    exit_code = 1


class ConfigurationError(PipelineError):
    """A setting, credential or argument is wrong; the message names it and the remedy."""

    exit_code = EXIT_CONFIGURATION


class DeniedError(ConfigurationError):
    """S3 knows the credentials, and a policy or the object's owner keeps them from this."""


class ManifestError(PipelineError):
    """A manifest is missing, truncated or of another type than the phase expects."""

    exit_code = EXIT_MANIFEST


class RunFailedError(PipelineError):
    """More videos of a run failed than allowed, or a step that all of them need.

    `outputs`, the component's, are handed on although the step fails.
    """

    def __init__(self, message: str, outputs: Any = None) -> None:
        super().__init__(message)
        self.outputs = outputs


class TransientError(PipelineError):
    """A service did not answer, or answered that it cannot now; a later attempt may succeed."""

    exit_code = EXIT_TRANSIENT


class NotFoundError(TransientError):
    """An S3 object that should exist does not."""


class DamagedObjectError(TransientError):
    """What lies in S3 is not what was written there; reading it again does not help."""


class _Explained(StrEnum):
    """A code with what it means, and what an operator does about it; in Markdown, for the docs."""

    meaning: str
    remedy: str

    def __new__(cls, code: str, meaning: str = "", remedy: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_, member.meaning, member.remedy = code, meaning, remedy
        return member


def _after(remedy: str, code: str) -> str:
    return f"{remedy}, then `oriane retry --reason {code}`"


class Reason(_Explained):
    """Why a video is rejected."""

    MISSING = (
        "missing",
        "no object at the video's address",
        "put the file there and run it again",
    )
    EMPTY = (
        "empty",
        "the object has no bytes",
        "upload the file again; the next run takes it up",
    )
    TOO_MANY_BYTES = (
        "too_many_bytes",
        "larger than `VP_MAX_VIDEO_MB`",
        _after("raise it if such files are wanted", "too_many_bytes"),
    )
    NOT_A_VIDEO = (
        "not_a_video",
        "not a container that is known",
        "replace the file, or `oriane delete PLATFORM/CODE`",
    )
    PLAYLIST = (
        "playlist",
        "a playlist or script posing as a video, never opened",
        "find out who uploaded it; `oriane delete PLATFORM/CODE`",
    )
    TRUNCATED = (
        "truncated",
        "ends before its index or header says",
        "upload the file again; the next run takes it up",
    )
    NO_VIDEO_STREAM = (
        "no_video_stream",
        "sound only, or sound with a cover",
        "nothing, or `oriane delete PLATFORM/CODE`",
    )
    UNDECODABLE = (
        "undecodable",
        "no frame can be decoded, or a smaller part of them than `VP_MIN_DECODED`",
        _after("play it with `ffplay`; replace the file, or lower the setting", "undecodable"),
    )
    UNSUPPORTED_CODEC = (
        "unsupported_codec",
        "needs a decoder that `VP_DECODERS` does not list",
        _after("add the decoder if such files are wanted", "unsupported_codec"),
    )
    ENCRYPTED = (
        "encrypted",
        "its pictures are encrypted, as shops and streaming services do",
        "upload it decrypted; the next run takes it up",
    )
    TOO_LARGE = (
        "too_large",
        "more pixels a frame than `VP_MAX_PIXELS`, or a side longer than `VP_MAX_SIDE`",
        _after("raise it, with the memory of crop and frame", "too_large"),
    )
    TOO_COMPLEX = (
        "too_complex",
        "more streams, samples or edits than `VP_MAX_STREAMS`, `VP_MAX_SAMPLES`, `VP_MAX_EDITS`",
        _after("the message says which; raise it if the video is worth it", "too_complex"),
    )
    TOO_MANY_FRAMES = (
        "too_many_frames",
        "more than `VP_MAX_FRAMES` frames represent it",
        _after("raise it, or lower `VP_SAMPLE_FPS`", "too_many_frames"),
    )
    TOO_LONG = (
        "too_long",
        "longer than `VP_MAX_DURATION_SECS`",
        _after("raise it, with `VP_DECODE_TIMEOUT_SECS`", "too_long"),
    )
    TOO_MUCH_WRITTEN = (
        "too_much_written",
        "its frames, or its re-encoded version, take more than `VP_MAX_WRITTEN_MB`",
        _after("raise it if the video is worth it, with the disk of frame", "too_much_written"),
    )
    BLANK = (
        "blank",
        "every frame is of a single colour",
        _after("nothing; if such frames are wanted, set `VP_SOLID_STD=0`", "blank"),
    )
    DECODER_CRASHED = (
        "decoder_crashed",
        "the decoder crashed on it, or answered with what cannot be",
        _after("keep the file as evidence; update PyAV", "decoder_crashed"),
    )
    DECODER_TIMEOUT = (
        "decoder_timeout",
        "took longer than `VP_DECODE_TIMEOUT_SECS`, or more CPU time than a video of its size",
        _after("raise the limit that the message names", "decoder_timeout"),
    )
    OUT_OF_MEMORY = (
        "out_of_memory",
        "needed more than `VP_DECODE_MEMORY_MB`",
        _after("raise it, on a cluster with the memory of the phase", "out_of_memory"),
    )


class Failure(_Explained):
    """Why a video failed, though nothing is known to be wrong with it."""

    UNAVAILABLE = (
        "unavailable",
        "S3, Qdrant or Postgres did not answer, or an object vanished while in use",
        _after("bring the service back", "unavailable"),
    )
    INTERNAL_ERROR = (
        "internal_error",
        "a fault of this program, or of a package it uses; its traceback is in the log",
        _after("report it with the traceback; install the version that mends it", "internal_error"),
    )
    INTERRUPTED = (
        "interrupted",
        "the phase left no manifest: its pods were killed or ran into their deadline",
        _after("`kubectl -n oriane get pods`, read the phase's logs", "interrupted"),
    )


class VideoRejectedError(PipelineError):
    """The video itself is bad: the phase books it under `reason` and goes on with the others."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class WorkerFaultError(Exception):
    """A fault of the program in a worker process: named as it was there, its traceback a note."""
