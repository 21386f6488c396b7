"""Fingerprints: the hash of everything that decides a phase's result for a video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from components.contract import Component
from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES, component, dependents, upstream
from components.settings import Settings


def fingerprint(phase: Component[Any, Any], settings: Settings, before: str) -> str:
    """Return 32 hexadecimal digits over the phase, its version, its deciding settings and
    `before`, the fingerprints that it continues (the source's identity for the first)."""
    return _hashed(_basis(phase, settings), before)


class Fingerprints:
    """The fingerprints of all phases under one set of settings, without running any.

    What the settings decide is looked up once, for who asks about many videos.
    """

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            ConfigurationError: CLIP_MODEL names no model.
        """
        self._phases = [(phase, _basis(component(phase), settings)) for phase in VIDEO_PHASES]

    def of(self, source: str, etag: str) -> dict[str, str]:
        """Return the fingerprint of every phase for the video at `source`."""
        found: dict[str, str] = {}
        for phase, basis in self._phases:
            before = continued(phase, found, source_identity(source, etag))
            found[phase] = _hashed(basis, before)
        return found


def _basis(phase: Component[Any, Any], settings: Settings) -> dict[str, Any]:
    groups = [getattr(settings, name) for name in phase.settings]
    return {
        "phase": phase.name,
        "version": phase.version,
        "settings": {name: value for group in groups for name, value in group.deciding().items()},
    }


def _hashed(basis: dict[str, Any], before: str) -> str:
    return digest(json.dumps({**basis, "upstream": before}, sort_keys=True, default=str))


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
        found[phase] = fingerprint(component(phase), settings, continued(phase, found, ""))
    return {phase: mark for phase, mark in found.items() if phase in known}


def continued(phase: str, known: Mapping[str, str], otherwise: str) -> str:
    """Return what the fingerprint of `phase` continues: those of the phases that it builds on.

    Args:
        known: The fingerprints of a video, by phase.
        otherwise: What it continues where these are not known, or it is the first.
    """
    return " ".join(known[each] for each in upstream(phase) if each in known) or otherwise


def source_identity(source: str, etag: str) -> str:
    """Return what stands for the source in the first phase's fingerprint."""
    return f"{source} {etag}"


def digest(text: str) -> str:
    """Return the first 32 hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
