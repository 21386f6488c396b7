"""Fingerprints: the hash of everything that decides a phase's result for a video."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from components.contract import Component
from components.pipeline import VIDEO_PHASES, component, dependents, upstream
from components.settings import Settings


def fingerprint(phase: Component[Any, Any], settings: Settings, continued: str) -> str:
    """Return 32 hexadecimal digits over the phase, its version, its deciding settings and
    `continued`, the fingerprint of the phases before it (the source's ETag for the first)."""
    return _continued(_basis(phase, settings), continued)


class Fingerprints:
    """The fingerprints of all phases under one set of settings, without running any.

    What the settings decide is looked up once, for who asks about many videos.
    """

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            ConfigurationError: CLIP_MODEL names no model.
        """
        self._phases = [
            (phase, upstream(phase), _basis(component(phase), settings)) for phase in VIDEO_PHASES
        ]

    def of(self, source: str, etag: str) -> dict[str, str]:
        """Return the fingerprint of every phase for the video at `source`."""
        found: dict[str, str] = {}
        for phase, before, basis in self._phases:
            continued = found[before] if before else source_identity(source, etag)
            found[phase] = _continued(basis, continued)
        return found


def _basis(phase: Component[Any, Any], settings: Settings) -> dict[str, Any]:
    groups = [getattr(settings, name) for name in phase.settings]
    return {
        "phase": phase.name,
        "version": phase.version,
        "settings": {name: value for group in groups for name, value in group.deciding().items()},
    }


def _continued(basis: dict[str, Any], continued: str) -> str:
    return digest(json.dumps({**basis, "upstream": continued}, sort_keys=True, default=str))


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
