"""The background of a collection: made where there is none that holds, and kept on this machine.

It lies in VP_DATA_DIR, not in the store or a bucket: a search then needs no right to write
anywhere, and any machine makes the same one out of the same collection in about a second.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from components.base.logs import log
from components.encoders.encoder import normalized
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.store import Collection, Neighbour, SampledPoint
from workflows.search.calibration import Background, Kind
from workflows.search.sides import ModelSides

if TYPE_CHECKING:
    from components.base.vectors import Vectors

_SEED = 0
_LOOK_AGAIN_S = 60.0
_TEXTS, _PICTURES = 192, 96
# A frame as near as this to another is the same footage.
_REPOST = 0.95
# Enough to have another video's frame among them; if not, the question counts for nothing.
_WITH_OWN = 64
# Two things that nobody sees together, and in many fields, so that no collection is about them.
_THINGS = (
    "accordion", "anvil", "aqueduct", "barometer", "beekeeper", "blacksmith", "buoy", "cactus",
    "cathedral", "chandelier", "chess board", "coral reef", "crane", "dentist", "didgeridoo",
    "diving bell", "excavator", "falcon", "fencing match", "flamingo", "forklift", "fountain",
    "gargoyle", "glacier", "gondola", "harpsichord", "hedge maze", "helicopter", "hockey rink",
    "igloo", "jellyfish", "kiln", "knitting needles", "lantern", "lighthouse", "loom", "magician",
    "microscope", "minaret", "mosaic", "notary", "oil rig", "orchid", "oyster", "pagoda", "parade",
    "periscope", "planetarium", "porcupine", "printing press", "pulpit", "quarry", "reindeer",
    "rice terrace", "saddle", "sarcophagus", "scaffold", "seismograph", "sewing machine",
    "shipwreck", "sundial", "surgeon", "tapestry", "telegraph", "thatched roof", "trapeze",
    "tuba", "turbine", "typewriter", "unicycle", "vineyard", "volcano", "walrus", "waterwheel",
    "weather vane", "wedding cake", "x-ray", "yurt", "zeppelin", "zither",
)  # fmt: skip


def random_texts(count: int = _TEXTS) -> list[str]:
    """Return texts that hardly any frame fits; always the same ones."""
    choose = Random(_SEED)  # noqa: S311, no secret
    pairs = (choose.sample(_THINGS, 2) for _ in range(count))
    return [f"a {one} and a {other}" for one, other in pairs]


def take(collection: Collection, sides: ModelSides) -> Background:
    """Ask the random questions: one request to the store each."""
    words = sides.texts().embed_texts(random_texts())
    reach = sides.reach(words).most
    frames = collection.sample(_PICTURES, _SEED)
    pictures = np.asarray([frame.vector for frame in frames], np.float32)
    mixed = normalized(pictures + words[: len(pictures)]) if len(pictures) else pictures
    scores: dict[Kind, tuple[float, ...]] = {
        "text": tuple(
            score / float(most)
            for score, most in zip(_best(collection, words), reach, strict=False)
        ),
        "picture": tuple(_best(collection, pictures, frames)),
        "mixed": tuple(_best(collection, mixed, frames)),
    }
    return Background(
        model=sides.model,
        collection=collection.name,
        points=collection.count(),
        scores=scores,
        measured=bool((reach < 1).any()),
    )


def _best(
    collection: Collection, vectors: Vectors, own: Sequence[SampledPoint] = ()
) -> Iterator[float]:
    """Yield the best score of each vector; a frame's among other videos, without its reposts."""
    for place, vector in enumerate(vectors):
        if not own:
            near = collection.nearest(vector.tolist(), 1, where=FrameFilter())
            yield from (one.score for one in near)
            continue
        frame = own[place]
        video = frame.path.rpartition("/")[0]
        # A filter would be slow in an embedded store, which looks at every point for it.
        near = collection.nearest(vector.tolist(), _WITH_OWN, where=FrameFilter(), vectors=True)
        yield from islice(_of_others(near, video, frame.vector), 1)


def _of_others(near: Iterable[Neighbour], video: str, vector: Sequence[float]) -> Iterator[float]:
    """Yield the scores of frames that are neither the video's nor copies of the one asked for."""
    for one in near:
        own = f"{one.frame.platform}/{one.frame.code}" == video
        if not own and one.vector is not None and np.dot(one.vector, vector) < _REPOST:
            yield one.score


class CurrentBackground:
    """The background of a collection as it is now; safe to share between threads."""

    def __init__(self, collection: Collection, sides: ModelSides, folder: Path) -> None:
        self._collection, self._sides = collection, sides
        self._kept = KeptBackgrounds(folder)
        self._lock = threading.Lock()
        self._known: Background | None = None
        self._looked_at = 0.0

    def get(self) -> Background:
        """Return it, taken anew where the collection has grown by much.

        Raises:
            PipelineError: the store does not answer, or the model cannot be loaded.
        """
        known = self._known
        if known is not None and time.monotonic() < self._looked_at + _LOOK_AGAIN_S:
            return known
        with self._lock:
            if self._known is not None and self._known is not known:
                return self._known
            points, name = self._collection.count(), self._collection.name
            found = known or self._kept.read(name)
            if found is None or not found.is_of(self._sides.model, name, points):
                found = take(self._collection, self._sides)
                self._kept.keep(found)
            self._known, self._looked_at = found, time.monotonic()
            return found


class KeptBackgrounds:
    """A folder with a file a collection."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, collection: str) -> Background | None:
        """Return what was kept; None where nothing is that can be read."""
        try:
            return Background.model_validate_json(self._path(collection).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, background: Background) -> None:
        """Write it, whole or not at all; where that cannot be, the next process makes its own."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "w") as file:
                file.write(background.model_dump_json())
            Path(unfinished).replace(self._path(background.collection))
        except OSError as error:
            log.info("%s: the background of scores is not kept (%s)", self._folder, error)

    def _path(self, collection: str) -> Path:
        # Names of collections are Qdrant's, which has them as folders too.
        return self._folder / f"{collection.replace('/', '_')}.json"
