"""Upserts one point a frame into Qdrant and removes the video's stale ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.base.profiling import profile
from components.index.contract import COMPONENT, IndexInputs, IndexOutputs
from components.pipeline import chooses_frames
from components.records.videos import EmbeddedVideo, IndexedVideo
from components.running.job import Job
from components.running.joined import joined
from components.running.services import Services
from components.running.shard import Shard


@profile
def run(inputs: IndexInputs, services: Services) -> IndexOutputs:
    """Index every video of the shard that is both published and embedded."""
    published = inputs.published.read(services.store)
    embedded = inputs.embedded.read(services.store)
    entries = joined(embedded, published)
    shard = Shard(COMPONENT, entries, services, verified=_points_are_there, exclusive=True)
    shard.each(_index)
    return IndexOutputs(**shard.write(inputs.embedded.sibling(COMPONENT.name)))


def _index(job: Job[EmbeddedVideo]) -> IndexedVideo:
    embedded, services = job.input, job.services
    with job.downloaded(embedded.vectors, "vectors.npy", embedded.vectors_sha256) as path:
        vectors = np.load(path, allow_pickle=False)
    services.collection.ensure(embedded.model, embedded.dim)
    services.collection.replace(embedded.framed, vectors, embedded.model, _chosen_by(job))
    return IndexedVideo(
        framed=embedded.framed,
        collection=services.settings.index.collection,
        model=embedded.model,
        dim=embedded.dim,
    )


def _points_are_there(job: Job[Any], indexed: IndexedVideo) -> bool:
    return job.services.collection.holds(indexed.framed, indexed.model, _chosen_by(job))


def _chosen_by(job: Job[Any]) -> str:
    """Return the fingerprint of the phase that chose the frames."""
    return job.entry.fingerprints.get(chooses_frames(), "")
