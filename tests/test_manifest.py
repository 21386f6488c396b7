"""What flows between phases: records, entries, their files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.version import version
from components.errors import ManifestError
from components.records.manifest import Entry, GpuTime, Manifest, PhaseStep, Problem
from components.records.videos import (
    FramedVideo,
    Video,
)
from components.running.services import Services
from tests.vectors import framed

URI = "s3://oriane-artifacts/runs/r/0/plan.jsonl"
names = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=40
).filter(lambda name: not set(name) & set("/\\") and ".." not in name and name != ".")
videos = st.builds(
    lambda platform, code: Video(
        platform=platform, code=code, source=f"s3://videos/{platform}/{code}/video.mp4"
    ),
    names,
    names,
)
problems = st.builds(
    Problem, kind=st.sampled_from(["rejected", "failed"]), phase=names, reason=names, message=names
)
steps = st.builds(
    PhaseStep, phase=names, fingerprint=names, seconds=st.floats(0, 1e6), reused=st.booleans()
)


@given(
    st.lists(
        st.builds(
            lambda video, steps, problem: Entry[Video](
                video=video,
                steps=tuple(steps),
                result=None if problem else video,
                problem=problem,
            ),
            videos,
            st.lists(steps, max_size=3),
            st.none() | problems,
        ),
        max_size=5,
    )
)
def test_lines_read_back_as_they_were_written(entries: list[Entry[Video]]) -> None:
    class Memory:
        content = b""

        def put(self, uri: str, content: bytes, content_type: str) -> None:
            self.content = content

        def get(self, uri: str) -> bytes:
            return self.content

    store = Memory()
    manifest = Manifest[Video].write(store, URI, entries)  # type: ignore[arg-type]
    assert manifest.read(store) == entries  # type: ignore[arg-type]


def test_paths_and_ids_are_those_that_readers_know() -> None:
    video = framed()
    assert [video.path(frame) for frame in video.frames] == [
        "instagram/DKOicvaMxAb/50_6.63.png",
        "instagram/DKOicvaMxAb/75_10.00.png",
    ]
    ids = [video.point_id(frame) for frame in video.frames]
    # The SHA-1 UUID (version 5) of instagram/DKOicvaMxAb/50 in the namespace of URLs.
    assert ids[0] == "cfb2ceb2-753c-5255-ba1d-ef0e571db60a"
    assert ids == [framed().point_id(frame) for frame in video.frames]
    assert ids[0] != framed(code="other").point_id(video.frames[0])


def test_a_manifest_that_is_missing_truncated_or_of_another_type(services: Services) -> None:
    store = services.store
    with pytest.raises(ManifestError, match="no such manifest"):
        Manifest[Video](URI).read(store)
    video = framed().cropped.source.video
    entry = Entry[Video](video=video, result=video)
    manifest = Manifest[Video].write(store, URI, [entry, entry])
    assert manifest.read(store) == [entry, entry]
    with pytest.raises(ManifestError, match="line 1: expected an entry of FramedVideo"):
        Manifest[FramedVideo](URI).read(store)
    store.put(URI, store.get(URI)[:-20], "application/jsonl")
    with pytest.raises(ManifestError, match="line 2"):
        manifest.read(store)


@pytest.mark.parametrize("uri", ["/tmp/x", "s3://", "s3://bucket", "http://a/b", ""])
def test_only_s3_addresses(uri: str) -> None:
    with pytest.raises(ValueError, match="s3://"):
        Manifest[Video](uri)


def written_otherwise(services: Services, writer: str | None, **changed: Any) -> None:
    """Put a manifest of FramedVideo of which a newer, older or other build wrote the only line."""
    video = framed()
    entry = Entry[FramedVideo](video=video.cropped.source.video, result=video)
    line = json.loads(entry.model_dump_json())
    line.pop("version")
    line |= {"version": writer} if writer else {}
    for place, value in changed.items():
        of = line["result"] if place == "result" else line
        of |= value if place == "result" else {place: value}
    services.store.put(URI, json.dumps(line).encode() + b"\n", "application/jsonl")


@pytest.mark.parametrize(
    ("writer", "said"),
    [
        ("99.1.0", f"written by version 99.1.0, and this is version {version()}"),
        (None, f"written by an earlier version, and this is version {version()}"),
        (version(), "with an image of this build"),
    ],
)
def test_a_result_of_another_version_is_refused_with_both_versions_and_the_remedy(
    services: Services, writer: str | None, said: str
) -> None:
    """A field that is not known may say how the others are meant, as the clock's shifts do."""
    written_otherwise(services, writer, result={"later_field": 1})
    with pytest.raises(ManifestError, match=r"result\.later_field: Extra inputs") as refused:
        Manifest[FramedVideo](URI).read(services.store)
    assert said in str(refused.value)
    if writer != version():
        assert "images of one run have to be of one version" in str(refused.value)


def test_what_another_version_notes_beside_results_is_passed_over(services: Services) -> None:
    step = {"phase": "fetch", "fingerprint": "f", "seconds": 1.5, "reused": False, "joules": 3}
    step["gpu"] = {"busy_s": 1.0, "held_s": 2.0, "memory_mb": 512}
    written_otherwise(services, "99.1.0", steps=[step])
    (entry,) = Manifest[FramedVideo](URI).read(services.store)
    assert entry.version == "99.1.0"
    assert entry.seconds_worked == {"fetch": 1.5}
    assert entry.steps[0].gpu == GpuTime(busy_s=1.0, held_s=2.0)


def test_an_entry_says_which_version_made_it(services: Services) -> None:
    video = framed().cropped.source.video
    Manifest[Video].write(services.store, URI, [Entry[Video](video=video, result=video)])
    assert json.loads(services.store.get(URI))["version"] == version()
