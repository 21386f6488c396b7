"""What a phase works with besides its inputs: settings, S3, worker processes, model, index.

The heavy ones are made when first asked for and shared by all phases of the process, so that one
machine loads a model once and a light phase imports none of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self, TypeVar

from components.base.scratch import Scratch
from components.records.run_report import RunVideo
from components.records.videos import Video
from components.running.copies import Copies
from components.running.results import Results
from components.running.seen_markers import SeenMarkers
from components.settings import Settings
from components.stores.markers import Markers

if TYPE_CHECKING:
    from components.encoders.encoder import Encoder
    from components.encoders.scaling import Scaling
    from components.running.bookings import Bookings
    from components.running.decoders import Decoders
    from components.stores.postgres.ledger import Ledger
    from components.stores.vectors.store import Collection, VectorStore

T = TypeVar("T")
Progress = Callable[[str, Video, str], None]


def silent(phase: str, video: Video, outcome: str) -> None:
    """Report nothing."""


class Services:
    """Shared services of one process; close it, or use it as a context, to release them.

    `progress` is called with phase, video and outcome whenever a video leaves a phase, from
    whichever thread worked on it. `several_phases` says that the process takes videos through more
    than one phase, so that it is worth keeping what the next may ask for; with `every_phase` these
    are all, from plan to record. `reused` are the videos that plan found done already, and left
    out.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress = silent,
        *,
        several_phases: bool = False,
        every_phase: bool = False,
    ) -> None:
        from components.stores.s3 import Store

        self.settings = settings
        self.progress = progress
        self.every_phase = every_phase
        several_phases = several_phases or every_phase
        self.reused: list[RunVideo] = []
        self.store = Store(settings.storage)
        self.scratch = Scratch(settings.work.scratch_dir)
        capacity = settings.work.copies_mb * 10**6 if several_phases else 0
        self.copies = Copies(self.store, self.scratch, capacity)
        bucket = settings.storage.artifacts_bucket
        self.results = Results(self.store, bucket, listing=several_phases)
        self.seen_markers = SeenMarkers()
        self._closing = ExitStack()
        self._closing.callback(self.scratch.close)
        self._lock = threading.Lock()
        self._making: dict[str, threading.RLock] = {}
        self._made: dict[str, object] = {}
        self._loading_ahead = False
        self._faults: set[tuple[str, type[Exception]]] = set()

    def forget(self, video: Video) -> None:
        """Let go of what is kept of a video that no phase of this process will ask about again."""
        self.seen_markers.forget(video)
        self.results.forget(video)
        self.copies.drop(video.source, self.results.folder(video))

    def is_new_fault(self, phase: str, error: Exception) -> bool:
        """Return whether this is the first error of its kind in the phase, and note it.

        A fault of the program meets every video; its traceback is worth reading once.
        """
        with self._lock:
            known = (phase, type(error)) in self._faults
            self._faults.add((phase, type(error)))
        return not known

    @property
    def decoders(self) -> Decoders:
        """The worker processes that decode."""

        def make() -> Decoders:
            from components.running.decoders import Decoders

            work = self.settings.work
            decoders = Decoders(work.worker_count, self.settings.limits, work.sandbox)
            self._closing.callback(decoders.close)
            return decoders

        return self._once("decoders", make)

    @property
    def encoder(self) -> Encoder:
        """The model that embeds frames."""

        def make() -> Encoder:
            from components.encoders.load import load_encoder

            # Hundreds of megabytes, which would stay for as long as anything knows the services.
            self._closing.callback(self._made.pop, "encoder", None)
            return load_encoder(self.settings.embed)

        return self._once("encoder", make)

    @property
    def scaling(self) -> Scaling | None:
        """What the model sees of a picture, where that is known without waiting for the model."""
        encoder = self._made.get("encoder")
        if encoder is not None:
            return self.encoder.scaling
        from components.encoders.scaling import known_scaling

        return known_scaling(self.settings.embed.model)

    def load_encoder_ahead(self) -> None:
        """Load the model in a thread of its own, so that it is there when the frames are."""
        with self._lock:
            begun, self._loading_ahead = self._loading_ahead, True
        if not begun:
            threading.Thread(target=self._load_encoder, daemon=True).start()

    def _load_encoder(self) -> None:
        # Whoever asks for the encoder next meets the same error.
        with suppress(Exception):
            _ = self.encoder

    @property
    def vectors(self) -> VectorStore:
        """The store of vectors."""

        def make() -> VectorStore:
            from components.stores.vectors.open import open_store

            store = open_store(self.settings.index)
            self._closing.callback(store.close)
            return store

        return self._once("vectors", make)

    @property
    def collection(self) -> Collection:
        """The collection that readers use, by its alias."""
        return self.vectors.collection()

    @property
    def ledger(self) -> Ledger | None:
        """The ledger in Postgres; None with LOCAL_MODE=1, where the markers serve."""
        if self.settings.ledger.local_mode:
            return None

        def make() -> Ledger:
            from components.stores.postgres.ledger import Ledger

            ledger = Ledger(self.settings.ledger)
            self._closing.callback(ledger.close)
            return ledger

        return self._once("ledger", make)

    @property
    def markers(self) -> Markers:
        """The markers beside the published frames."""
        return Markers(self.store, self.settings.storage.frames_bucket)

    @property
    def bookings(self) -> Bookings:
        """What is booked, wherever that is."""
        from components.running.bookings import Bookings

        return Bookings(self.ledger, self.markers)

    def close(self) -> None:
        """Release everything that was made."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            making = self._making.setdefault(name, threading.RLock())
        with making:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]  # type: ignore[return-value]
