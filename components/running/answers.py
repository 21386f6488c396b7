"""What a worker said and how it ended, taken for what hostile code may have made of it.

An answer is JSON of bounded size, validated as the records that it has to be; files are looked at
before they are opened. What cannot be is a VideoRejectedError: the video's fault, or that of who
made it.
"""

from __future__ import annotations

import errno
import signal
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, TypeAdapter, ValidationError

from components.base import profiling
from components.base.logs import log
from components.errors import Reason, TransientError, VideoRejectedError, WorkerFaultError
from components.records.record import Record
from components.running.disbelief import crashed
from components.running.nursery import MESSAGE_CHARACTERS, MESSAGES, TRACEBACK_CHARACTERS
from components.settings import LimitSettings

# Frames of a video of hours, with their sketches, take a tenth of it.
ANSWER_BYTES = 64 * 2**20

Message = Annotated[str, Field(max_length=MESSAGE_CHARACTERS)]


class _Fault(Record):
    kind: Literal["memory", "internal"]
    error: Annotated[str, Field(max_length=100)] = ""
    errno: int | None = None
    message: Message = ""
    traceback: Annotated[str, Field(max_length=TRACEBACK_CHARACTERS)] = ""


class _Answer(Record):
    """What a worker says; `value` is JSON of what the function returns."""

    value: str | None = None
    rejected: tuple[Reason, Message] | None = None
    fault: _Fault | None = None
    messages: Annotated[list[Message], Field(max_length=MESSAGES)]
    spans: Annotated[list[dict[str, Any]], Field(max_length=profiling.MOST_KEPT)]


class Report(Record):
    """What a warden says of its worker's end; `exit` is minus the signal that ended it.

    `cpu_s` are the worker's CPU seconds, `in_all_s` those of its programs, too.
    """

    exit: int
    cpu_s: float
    in_all_s: float


def report_of(said: bytes) -> Report | None:
    """Return what a warden said; None where it was ended before it could."""
    return Report.model_validate_json(said) if said else None


def value_of(said: bytes, kind: Any, limits: LimitSettings) -> Any:
    """Return the value in an answer, validated as `kind`; log what the worker logged.

    Raises:
        VideoRejectedError: the worker says so, or ran out of memory, or the answer cannot be.
        TransientError: the disk is full.
        WorkerFaultError: its function raised something else.
    """
    if len(said) > ANSWER_BYTES:
        raise crashed("said more than any video has to say")
    try:
        answer = _Answer.model_validate_json(said)
        profiling.add_spans(answer.spans)
        for message in answer.messages:
            log.warning("%s", message)
        if answer.rejected:
            raise VideoRejectedError(*answer.rejected)
        if answer.fault:
            _raise_fault(answer.fault, limits)
        return TypeAdapter(kind).validate_json(answer.value or "")
    except ValidationError as error:
        raise crashed("gave something that is not an answer") from error


def raise_ended(report: Report | None, cpu_s: int | None) -> NoReturn:
    """Say why a worker ended without an answer.

    Raises:
        VideoRejectedError: it crashed, or used up the CPU seconds that it had.
        TransientError: it was killed from outside.
    """
    if report and cpu_s is not None and _used_up(report, cpu_s):
        raise VideoRejectedError(
            Reason.DECODER_TIMEOUT,
            f"decoding took more than the {cpu_s} s of CPU time that a video of its "
            "size and length gets; raise VP_CPU_BASE_SECS, VP_CPU_SECS_PER_MEGAPIXEL or "
            "VP_CPU_SECS_PER_MB if the video is worth it",
        )
    # Killed with SIGKILL: by the kernel for want of memory, or by somebody; not the video's
    # fault for certain, so it is tried again.
    if report is None or report.exit == -signal.SIGKILL:
        raise TransientError("the decoder was killed; check the memory of the machine or pod")
    name = signal.Signals(-report.exit).name if report.exit < 0 else report.exit
    raise crashed(f"crashed ({name})")


def timed_out(limits: LimitSettings) -> VideoRejectedError:
    """Return the rejection of a video whose worker took too long."""
    return VideoRejectedError(
        Reason.DECODER_TIMEOUT,
        f"decoding took more than {limits.decode_timeout_s:g} s; raise "
        "VP_DECODE_TIMEOUT_SECS if the video is worth it",
    )


def check_written(files: Sequence[Path], limits: LimitSettings) -> None:
    """Refuse files that are too large, and what a decoder would not make of one: a link, a device.

    Raises:
        VideoRejectedError: there is such a thing.
    """
    most = limits.max_written_mb
    for path in files:
        _check_file(path)
        if path.lstat().st_size >= most * 10**6:
            raise VideoRejectedError(
                Reason.TOO_MUCH_WRITTEN,
                f"decoding writes more than VP_MAX_WRITTEN_MB={most}; raise it if the video is "
                "worth it",
            )


def _raise_fault(fault: _Fault, limits: LimitSettings) -> NoReturn:
    if fault.kind == "memory":
        raise VideoRejectedError(
            Reason.OUT_OF_MEMORY,
            f"decoding needs more than {limits.decode_memory_mb} MB; raise "
            "VP_DECODE_MEMORY_MB if the video is worth it",
        )
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        raise TransientError(
            f"no space left for what decoding writes ({fault.message}); free some, or set "
            "VP_SCRATCH_DIR to a folder with more"
        )
    error = WorkerFaultError(f"{fault.error}: {fault.message}")
    error.add_note(fault.traceback)
    raise error


def _used_up(report: Report, cpu_s: int) -> bool:
    # SIGKILL is for who does not listen to SIGXCPU; a second is what clocks differ by.
    killed = report.exit == -signal.SIGKILL and report.cpu_s >= cpu_s - 1
    return report.exit == -signal.SIGXCPU or killed


def _check_file(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError as error:
        raise crashed("removed its file") from error
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise crashed("put something else in the place of its file")
