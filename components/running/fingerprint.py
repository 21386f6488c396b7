"""Fingerprints: the hash of everything that decides a phase's result for a video."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Any

from components.contract import Component
from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES, component, dependents, upstream
from components.settings import Settings


def fingerprint(phase: Component[Any, Any], settings: Settings, continued: str) -> str:
    """Return 32 hexadecimal digits over the phase, its version, its deciding settings and
    `continued`, the fingerprint of the phases before it (the source's ETag for the first)."""
    groups = [getattr(settings, name) for name in phase.settings]
    basis = {
        "phase": phase.name,
        "version": phase.version,
        "settings": {name: value for group in groups for name, value in group.deciding().items()},
        "upstream": continued,
    }
    return digest(json.dumps(basis, sort_keys=True, default=str))


def fingerprints(settings: Settings, source: str, etag: str) -> dict[str, str]:
    """Return the fingerprint of every phase for a video, without running any."""
    found: dict[str, str] = {}
    for phase in VIDEO_PHASES:
        before = upstream(phase)
        continued = found[before] if before else source_identity(source, etag)
        found[phase] = fingerprint(component(phase), settings, continued)
    return found


def settings_marks(settings: Settings) -> dict[str, str]:
    """Return a hash a phase of what decides its results, whatever the video; none that is unknown.

    A model that cannot be named has none.
    """
    marks = {}
    for phase in VIDEO_PHASES:
        with suppress(ConfigurationError):
            marks[phase] = fingerprint(component(phase), settings, "")
    return marks


def renewed(settings: Settings, known: dict[str, str], first: str) -> dict[str, str]:
    """Return the fingerprints `known` of a video with those anew that build on `first`'s.

    A phase that is not among the known ones stays unknown.
    """
    found = dict(known)
    for phase in dependents(first):
        continued = found.get(upstream(phase) or "", "")
        found[phase] = fingerprint(component(phase), settings, continued)
    return {phase: mark for phase, mark in found.items() if phase in known}


def source_identity(source: str, etag: str) -> str:
    """Return what stands for the source in the first phase's fingerprint."""
    return f"{source} {etag}"


def digest(text: str) -> str:
    """Return the first 32 hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
