"""Which of FFmpeg's decoders may be used, by this process and the programs it starts."""

from __future__ import annotations

from components.settings import LimitSettings

_decoders = str(LimitSettings.model_fields["decoders"].default)


def allow_decoders(names: str) -> None:
    """Use no other of FFmpeg's decoders from now on: names with commas."""
    global _decoders  # noqa: PLW0603, a worker process has one task at a time
    _decoders = names


def allowed_decoders() -> str:
    """Return the names of the decoders that may be used, with commas."""
    return _decoders
