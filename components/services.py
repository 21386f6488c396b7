"""What a phase works with besides its inputs: settings, S3, worker processes, model, index.

The heavy ones are made when first asked for and shared by all phases of the process, so that one
machine loads a model once and a light phase imports none of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from components.manifest import Video
from components.markers import Markers
from components.scratch import Scratch
from components.settings import Settings
from components.storage import Store

if TYPE_CHECKING:
    from components.collection import FrameCollection
    from components.encoders.encoder import Encoder
    from components.isolation import Decoders
    from components.ledger.ledger import Ledger

T = TypeVar("T")
Progress = Callable[[str, Video, str], None]


def silent(phase: str, video: Video, outcome: str) -> None:
    """Report nothing."""


class Services:
    """Shared services of one process; close it, or use it as a context, to release them.

    `progress` is called with phase, video and outcome whenever a video leaves a phase, from
    whichever thread worked on it.
    """

    def __init__(self, settings: Settings, progress: Progress = silent) -> None:
        self.settings = settings
        self.progress = progress
        self.store = Store(settings.storage)
        self.scratch = Scratch(settings.work.scratch_dir)
        self._closing = ExitStack()
        self._closing.callback(self.scratch.close)
        self._lock = threading.RLock()
        self._made: dict[str, object] = {}

    @property
    def decoders(self) -> Decoders:
        """The worker processes that decode."""

        def make() -> Decoders:
            from components.isolation import Decoders

            decoders = Decoders(self.settings.work.worker_count, self.settings.limits)
            self._closing.callback(decoders.close)
            return decoders

        return self._once("decoders", make)

    @property
    def encoder(self) -> Encoder:
        """The model that embeds frames."""

        def make() -> Encoder:
            from components.encoders.load import load_encoder

            return load_encoder(self.settings.embed)

        return self._once("encoder", make)

    @property
    def collection(self) -> FrameCollection:
        """The collection in Qdrant."""

        def make() -> FrameCollection:
            from components.collection import FrameCollection

            collection = FrameCollection.open(self.settings.index)
            self._closing.callback(collection.close)
            return collection

        return self._once("collection", make)

    @property
    def ledger(self) -> Ledger | None:
        """The ledger in Postgres; None with LOCAL_MODE=1, where the markers serve."""
        if self.settings.ledger.local_mode:
            return None

        def make() -> Ledger:
            from components.ledger.ledger import Ledger

            ledger = Ledger(self.settings.ledger)
            self._closing.callback(ledger.close)
            return ledger

        return self._once("ledger", make)

    @property
    def markers(self) -> Markers:
        """The markers beside the published frames."""
        return Markers(self.store, self.settings.storage.frames_bucket)

    def close(self) -> None:
        """Release everything that was made."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]  # type: ignore[return-value]
