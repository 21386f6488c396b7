"""Which frames repeat another that is kept, by the distance of their difference hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
from imagehash import ImageHash
from numpy.typing import NDArray

from components.records.videos import Frame

Scope = Literal["adjacent", "video"]


class KeptHashes:
    """Hashes of the frames kept so far, 64 bits a word; a million of 64 bits take 8 MB.

    Args:
        bits: Length of every hash.
    """

    def __init__(self, bits: int) -> None:
        self._words = np.zeros((-(-bits // 64), 16), np.uint64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, value: ImageHash) -> None:
        """Append a hash."""
        if self._count == self._words.shape[1]:
            self._words = np.hstack([self._words, np.zeros_like(self._words)])
        self._words[:, self._count] = self._packed(value)
        self._count += 1

    def nearest(self, value: ImageHash, first: int = 0) -> tuple[int, int]:
        """Return place and distance, in bits, of the nearest hash from place `first` on.

        The earliest of equally near ones.
        """
        differing = self._words[:, first : self._count] ^ self._packed(value)[:, None]
        distances = np.bitwise_count(differing).sum(axis=0, dtype=np.uint16)
        place = int(distances.argmin())
        return first + place, int(distances[place])

    def _packed(self, value: ImageHash) -> NDArray[np.uint64]:
        packed = np.zeros(len(self._words) * 8, np.uint8)
        bits = np.packbits(value.hash)
        packed[: len(bits)] = bits
        return packed.view(np.uint64)


def originals(
    hashes: Iterable[tuple[Frame, ImageHash]], tolerance: int, scope: Scope
) -> Iterator[tuple[Frame, Frame | None]]:
    """Yield each frame with the kept one that it repeats, None if it is to be kept itself.

    A frame repeats one whose hash differs by at most `tolerance` bits: the last one kept, or in the
    scope `video` the nearest of all that are. A picture of another size is no repetition: a phone
    was turned, or a stream has adapted.

    dHash compares each pixel of a tiny grey version with its neighbour (Krawetz 2013, as in
    imagehash); the distance is the number of differing bits.
    """
    kept: dict[tuple[int, int], tuple[KeptHashes, list[Frame]]] = {}
    last: tuple[int, int] | None = None
    for frame, value in hashes:
        size = frame.width, frame.height
        seen, frames = kept.setdefault(size, (KeptHashes(value.hash.size), []))
        if frames and (scope == "video" or size == last):
            first = len(seen) - 1 if scope == "adjacent" else 0
            place, distance = seen.nearest(value, first)
            if distance <= tolerance:
                yield frame, frames[place]
                continue
        seen.add(value)
        frames.append(frame)
        last = size
        yield frame, None
