"""Everything that can go wrong, and the exit code each kind ends with.

PipelineError
├── ConfigurationError   78   a variable, credential or argument is wrong; retrying changes nothing
├── ManifestError        65   a manifest cannot be read; retrying changes nothing
├── RunFailedError        1   a run as a whole ended badly; its digest says why
├── TransientError       75   S3, Qdrant or Postgres did not answer; worth a retry
│   └── NotFoundError    75   an object that should be there is not
└── VideoRejectedError    -   this one video is bad; booked as rejected, never ends a process

`Reason` lists why a video can be rejected.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.contract import Outputs

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


class ManifestError(PipelineError):
    """A manifest is missing, truncated or of another type than the phase expects."""

    exit_code = EXIT_MANIFEST


class RunFailedError(PipelineError):
    """More videos of a run failed than allowed, or a step that all of them need.

    `outputs` are handed on although the step fails.
    """

    def __init__(self, message: str, outputs: Outputs | None = None) -> None:
        super().__init__(message)
        self.outputs = outputs


class TransientError(PipelineError):
    """A service did not answer, or answered that it cannot now; a later attempt may succeed."""

    exit_code = EXIT_TRANSIENT


class NotFoundError(TransientError):
    """An S3 object that should exist does not."""


class Reason(StrEnum):
    """Why a video is rejected, with what it means."""

    MISSING = "missing"
    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    NOT_A_VIDEO = "not_a_video"
    PLAYLIST = "playlist"
    TRUNCATED = "truncated"
    NO_VIDEO_STREAM = "no_video_stream"
    UNDECODABLE = "undecodable"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    BLANK = "blank"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TIMEOUT = "decoder_timeout"
    OUT_OF_MEMORY = "out_of_memory"


class VideoRejectedError(PipelineError):
    """The video itself is bad: the phase books it under `reason` and goes on with the others."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
