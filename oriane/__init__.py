"""oriane from Python: run videos, search frames, read them with their vectors.

    >>> import oriane
    >>> settings = oriane.Settings(CLIP_MODEL="packaged:conse", VP_DATA_DIR="data")
    >>> report = oriane.run("clip.mp4", settings=settings)
    >>> hits = oriane.search("a cat", settings=settings)
    >>> answer = oriane.ask("a cat", without=["a dog"], settings=settings)

What the command line is told by variables, `Settings` is by arguments of the same names; what is
not given comes from the environment. `docs/python.md` shows more.
"""

from __future__ import annotations

from oriane.api import (
    Answer,
    Frame,
    Hit,
    Moment,
    RunReport,
    ask,
    frames,
    run,
    search,
    vectors,
)
from oriane.settings import Settings

__all__ = [
    "Answer",
    "Frame",
    "Hit",
    "Moment",
    "RunReport",
    "Settings",
    "ask",
    "frames",
    "run",
    "search",
    "vectors",
]
