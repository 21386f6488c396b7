"""The background of a collection: made where there is none that holds, and kept on this machine.

It lies in VP_DATA_DIR, not in the store or a bucket: a search then needs no right to write
anywhere, and any machine makes the same one out of the same collection in about a second.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from components.base.logs import log
from components.encoders.encoder import normalized
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.store import Collection, SampledPoint
from workflows.search.calibration import Background, Kind

if TYPE_CHECKING:
    from components.base.vectors import Vectors
    from components.encoders.encoder import TextEncoder

_SEED = 0
_QUESTIONS = 96
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


def random_texts(count: int = _QUESTIONS) -> list[str]:
    """Return texts that hardly any frame fits; always the same ones."""
    choose = Random(_SEED)  # noqa: S311, no secret
    pairs = (choose.sample(_THINGS, 2) for _ in range(count))
    return [f"a {one} and a {other}" for one, other in pairs]


def take(collection: Collection, model: str, texts: TextEncoder) -> Background:
    """Ask the random questions: one request to the store each."""
    words = texts.embed_texts(random_texts())
    frames = collection.sample(_QUESTIONS, _SEED)
    pictures = np.asarray([frame.vector for frame in frames], np.float32)
    mixed = normalized(pictures + words[: len(pictures)]) if len(pictures) else pictures
    best: dict[Kind, tuple[float, ...]] = {
        "text": tuple(_best(collection, words)),
        "picture": tuple(_best(collection, pictures, frames)),
        "mixed": tuple(_best(collection, mixed, frames)),
    }
    return Background(model=model, collection=collection.name, points=collection.count(), best=best)


def _best(
    collection: Collection, vectors: Vectors, own: Sequence[SampledPoint] = ()
) -> Iterator[float]:
    """Yield the best score of each vector; that of a frame's among other videos."""
    for place, vector in enumerate(vectors):
        where = FrameFilter()
        if own:
            platform, code, _ = own[place].path.split("/", 2)
            where = FrameFilter(without_videos=((platform, code),))
        for near in islice(collection.nearest(vector.tolist(), 1, where=where), 1):
            yield near.hit.score


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
