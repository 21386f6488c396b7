"""Fingerprints: the hash of everything that decides a phase's result for a video."""

from __future__ import annotations

import hashlib
import json

from components.contract import Component, component
from components.settings import Settings


def fingerprint(component: Component, settings: Settings, upstream: str) -> str:  # type: ignore[type-arg]
    """Return 32 hexadecimal digits over the phase, its version, its deciding settings and
    `upstream`, the fingerprint of the phases before it (the source's ETag for the first)."""
    groups = [getattr(settings, name) for name in component.settings]
    basis = {
        "phase": component.name,
        "version": component.version,
        "settings": {name: value for group in groups for name, value in group.deciding().items()},
        "upstream": upstream,
    }
    return digest(json.dumps(basis, sort_keys=True, default=str))


# Whose fingerprint each phase's own builds on; the first builds on the source.
_UPSTREAM = {
    "fetch": None,
    "crop": "fetch",
    "frame": "crop",
    "dedup": "frame",
    "upload": "dedup",
    "embed": "dedup",
    "index": "embed",
    "record": "index",
}


def fingerprints(settings: Settings, source: str, etag: str) -> dict[str, str]:
    """Return the fingerprint of every phase for a video, without running any."""
    found: dict[str, str] = {}
    for phase, before in _UPSTREAM.items():
        upstream = found[before] if before else source_identity(source, etag)
        found[phase] = fingerprint(component(phase), settings, upstream)
    return found


def source_identity(source: str, etag: str) -> str:
    """Return what stands for the source in the first phase's fingerprint."""
    return f"{source} {etag}"


def digest(text: str) -> str:
    """Return the first 32 hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
