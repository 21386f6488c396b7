"""Upserts one point a frame into Qdrant and removes the video's stale ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.base.profiling import profile
from components.errors import ManifestError
from components.index.contract import COMPONENT, IndexInputs, IndexOutputs
from components.pipeline import chooses_frames
from components.records.manifest import Entry
from components.records.videos import EmbeddedVideo, IndexedVideo, PublishedVideo
from components.running.job import Job
from components.running.services import Services
from components.running.shard import Shard


@profile
def run(inputs: IndexInputs, services: Services) -> IndexOutputs:
    """Index every video of the shard that is both published and embedded."""
    published = inputs.published.read(services.store)
    embedded = inputs.embedded.read(services.store)
    entries = joined(published, embedded)
    shard = Shard(COMPONENT, entries, services, verified=_points_are_there, exclusive=True)
    shard.each(_index)
    return IndexOutputs(**shard.write(inputs.embedded.sibling(COMPONENT.name)))


def joined(
    published: list[Entry[PublishedVideo]], embedded: list[Entry[EmbeddedVideo]]
) -> list[Entry[EmbeddedVideo]]:
    """Return the embedded entries with the steps of both sides; a problem of either stops a video.

    Raises:
        ManifestError: the two are not of the same videos.
    """
    uploads = {entry.video: entry for entry in published}
    if uploads.keys() != {entry.video for entry in embedded}:
        raise ManifestError(
            "published and embedded hold different videos; give index both manifests of one shard"
        )
    return [_join(uploads[entry.video], entry) for entry in embedded]


def _join(published: Entry[PublishedVideo], embedded: Entry[EmbeddedVideo]) -> Entry[EmbeddedVideo]:
    own = [step for step in published.steps if step not in embedded.steps]
    shared = [step for step in embedded.steps if step in published.steps]
    last = [step for step in embedded.steps if step not in shared]
    problem = embedded.problem or published.problem
    return embedded.model_copy(
        update={
            "steps": (*shared, *own, *last),
            "result": None if problem else embedded.result,
            "problem": problem,
        }
    )


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
