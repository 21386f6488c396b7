"""A short mark of a deployment, by which two processes see whether they speak of the same one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from components.settings import Settings
from workflows.local.stand_ins import names_an_s3, s3_folder

_DIGITS = 16


def deployment_mark(settings: Settings) -> str:
    """Return 16 hexadecimal digits of the stores of a deployment; addresses cannot be read of it.

    Args:
        settings: With stand-ins where they name no store (`workflows.local.stand_ins.deployed`).
    """
    index, storage = settings.index, settings.storage
    vectors = str(Path(index.url or "").resolve()) if index.embedded else index.url
    frames = storage.endpoint_url if names_an_s3(settings) else str(s3_folder(settings).resolve())
    named = [vectors, index.collection, frames, storage.frames_bucket]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:_DIGITS]
