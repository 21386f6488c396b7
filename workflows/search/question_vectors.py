"""Questions as vectors of the collection's model: what moments should show, and what not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.encoders.encoder import normalized
from components.errors import ConfigurationError
from components.records.frame_names import point_id
from components.stores.vectors.store import Collection, Neighbour
from workflows.search.calibration import THRESHOLD, Background, Kind
from workflows.search.question import Question
from workflows.search.question_picture import decoded
from workflows.search.sides import ModelSides

if TYPE_CHECKING:
    from components.base.vectors import Vectors

# What is not wanted counts half as much as what is (Rocchio 1971 weighs it less as well).
_MINUS = 0.5


@dataclass(frozen=True)
class WantedVector:
    """The mean of all that is wanted, of length 1; of what kind; how high a picture may score.

    `unknown` are the texts that the model hardly knows.
    """

    kind: Kind
    vector: Vectors
    reach: float = 1.0
    unknown: tuple[str, ...] = ()

    def confidence(self, score: float, background: Background) -> float:
        """Return how sure it is that what has this score fits."""
        return background.confidence(self.kind, score, self.reach)


@dataclass(frozen=True)
class UnwantedVectors:
    """Texts that moments should not show: (n, dim), and how high a picture of each may score."""

    vectors: Vectors
    reach: Vectors
    unknown: tuple[str, ...]

    def is_shown(self, near: Neighbour, background: Background) -> bool:
        """Return whether a frame surely shows it, whatever confidence is asked for."""
        likeness = self.vectors @ np.asarray(near.vector, np.float32) / self.reach
        return background.confidence("text", float(likeness.max())) >= THRESHOLD

    def away_from(self, wanted: Vectors) -> Vectors:
        """Return where to look for what is wanted: away from what is not."""
        away: Vectors = normalized((wanted - _MINUS * self.vectors.mean(axis=0))[None])[0]
        return away


class QuestionVectors:
    """Turns questions into vectors; safe to share between threads."""

    def __init__(self, collection: Collection, sides: ModelSides) -> None:
        self._collection, self._sides = collection, sides

    def wanted(self, question: Question) -> WantedVector:
        """Return what a question asks for.

        Raises:
            ConfigurationError: the picture is not one, or the frame asked for is not there.
        """
        rows: list[Vectors] = []
        if question.texts:
            rows.extend(self._sides.texts().embed_texts(question.texts))
        if question.image is not None:
            rows.extend(self._sides.pictures().embed_images([decoded(question.image)]))
        if asked := question.frame_asked():
            rows.append(self._vector_of(*asked))
        vector = normalized(np.mean(rows, axis=0)[None])[0]
        texts = question.texts
        if not texts:
            return WantedVector("picture", vector)
        # Of a single text, its own vector is that of all, and looked at once.
        own = rows[: len(texts)] if len(rows) > 1 else []
        reach = self._sides.reach(np.stack([*own, vector]))
        unknown = _among(texts, ~reach.known[: len(texts)])
        if len(rows) > len(texts):
            return WantedVector("mixed", vector, unknown=unknown)
        return WantedVector("text", vector, float(reach.most[-1]), unknown)

    def unwanted(self, question: Question) -> UnwantedVectors | None:
        """Return what a question asks to leave out; None where that is nothing."""
        if not question.without:
            return None
        vectors = self._sides.texts().embed_texts(question.without)
        reach = self._sides.reach(vectors)
        return UnwantedVectors(vectors, reach.most, _among(question.without, ~reach.known))

    def of_texts(self, texts: Sequence[str]) -> list[WantedVector]:
        """Return each text as wanted by itself."""
        vectors = self._sides.texts().embed_texts(texts)
        reach = self._sides.reach(vectors)
        return [
            WantedVector("text", vector, float(most), () if known else (text,))
            for text, vector, most, known in zip(
                texts, vectors, reach.most, reach.known, strict=True
            )
        ]

    def of_frames(
        self, frames: Sequence[tuple[str, str, int]]
    ) -> dict[tuple[str, str, int], Vectors]:
        """Return the vectors of frames, by platform, code and number; of those that are there."""
        ids = {point_id(*frame): frame for frame in frames}
        return {ids[point]: vector for point, vector in self._collection.vectors(list(ids)).items()}

    def _vector_of(self, platform: str, code: str, number: int) -> Vectors:
        frame = (platform, code, number)
        found = self.of_frames([frame])
        if not found:
            raise ConfigurationError(
                f"frame {platform}/{code}/{number} is not in the collection; oriane show "
                f"{platform}/{code} lists those that are"
            )
        return found[frame]


def _among(texts: Iterable[str], chosen: Iterable[bool]) -> tuple[str, ...]:
    return tuple(text for text, is_chosen in zip(texts, chosen, strict=True) if is_chosen)
