"""Pictures of a run in one process: stored once each, and nowhere lost."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from components.pipeline import PHASES
from components.records.manifest import Entry
from components.records.record import Record
from components.running.decoders import Decoders
from components.running.services import Services
from components.settings import Settings
from tests.clips import numbered_picture, shown_number, write_pictures
from tests.conftest import Corpus, SharedDecoders
from workflows.operations.delete.delete import forget
from workflows.operations.verify.deep import Sample
from workflows.operations.verify.verify import verify


@pytest.fixture
def here(settings: Settings, decoders: Decoders) -> Iterator[Services]:
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        yield services


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """A video that shows one thing, then another for long: some of its frames repeat."""
    pictures = [numbered_picture(1, 320, 180)] * 10 + [numbered_picture(2, 320, 180)] * 250
    return write_pictures(tmp_path / "v.mp4", pictures, [n / 10 for n in range(len(pictures))])


def again(here: Services, decoders: Decoders, **dedup: object) -> SharedDecoders:
    """Return services of a later process, with nothing of the first one's in memory or on disk."""
    return SharedDecoders(here.settings.having("dedup", **dedup), decoders, every_phase=True)


def files(tmp_path: Path, suffix: str) -> list[Path]:
    return sorted((tmp_path / "s3").rglob(f"*{suffix}"))


def key(path: Path) -> str:
    """Return the key of an object in its bucket, from where it lies on disk."""
    return str(path).partition("/s3/")[2].partition("/")[2]


def names_in(tar: Path) -> set[str]:
    with tarfile.open(tar) as opened:
        return set(opened.getnames())


def worked_on(entry: Entry[Record]) -> set[str]:
    assert entry.problem is None, entry.problem
    return {step.phase for step in entry.steps if not step.reused}


def through(services: Services, corpus: Corpus) -> Entry[Record]:
    second = Corpus(services)
    second.videos, second._runs = corpus.videos, corpus._runs
    (entry,) = second.through(*PHASES)
    corpus._runs = second._runs
    return entry


def test_each_picture_is_stored_once_whatever_dedup_chooses(
    tmp_path: Path, here: Services, decoders: Decoders, still: Path
) -> None:
    corpus = Corpus(here)
    corpus.add(still, "v")
    through(here, corpus)
    published = {path.name for path in files(tmp_path, ".png")}
    (rest,) = files(tmp_path, ".tar")
    dropped = names_in(rest)
    assert published
    assert dropped
    assert not published & dropped
    here.close()

    # Other frames are kept, which no earlier run published: none is decoded for that.
    with again(here, decoders, enabled=False) as services:
        assert "frame" not in worked_on(through(services, corpus))
    assert {path.name for path in files(tmp_path, ".png")} == published | dropped
    assert files(tmp_path, ".tar") == []

    with again(here, decoders) as services:
        assert worked_on(through(services, corpus)) == {"upload", "index", "record"}
    assert {path.name for path in files(tmp_path, ".png")} == published
    assert [names_in(tar) for tar in files(tmp_path, ".tar")] == [dropped]

    # Another size of hashes is one that needs the pictures themselves.
    with again(here, decoders, hash_size=16, tolerance=0) as services:
        assert "frame" not in worked_on(through(services, corpus))


def test_pictures_that_are_gone_or_others_are_decoded_again(
    tmp_path: Path, here: Services, decoders: Decoders, still: Path
) -> None:
    corpus = Corpus(here)
    corpus.add(still, "v")
    through(here, corpus)
    store, name = here.store, "oriane-frames"
    here.close()
    first = files(tmp_path, ".png")[0]
    content = first.read_bytes()
    (rest,) = files(tmp_path, ".tar")
    kept = rest.read_bytes()

    def mended() -> set[str]:
        with again(here, decoders) as services:
            done = worked_on(through(services, corpus))
        assert first.read_bytes() == content
        assert files(tmp_path, ".tar") == [rest]
        return done

    assert mended() == set()
    store.delete("oriane-artifacts", [key(rest)])
    assert {"frame", "upload"} <= mended()
    store.delete(name, [key(first)])
    assert {"frame", "upload"} <= mended()
    store.put(f"s3://{name}/{key(first)}", content[:-1] + b"x", "image/png")
    assert {"frame", "upload"} <= mended()
    # One that turned over in the tar is found where it is read.
    place = len(kept) // 3
    turned = kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :]
    store.put(f"s3://oriane-artifacts/{key(rest)}", turned, "application/x-tar")
    with again(here, decoders, enabled=False) as services:
        second = Corpus(services)
        second.videos = corpus.videos
        (entry,) = second.through(*PHASES)
        assert entry.problem
        assert entry.problem.reason == "unavailable"
        assert not rest.exists()


def test_without_room_the_tar_is_sent(
    tmp_path: Path, here: Services, decoders: Decoders, still: Path
) -> None:
    corpus = Corpus(here)
    corpus.add(still, "v")
    settings = here.settings.having("work", copies_mb=0)
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        through(services, corpus)
    (tar,) = files(tmp_path, ".tar")
    assert {path.name for path in files(tmp_path, ".png")} < names_in(tar)
    # And what another process left whole is taken as it is.
    with again(here, decoders, enabled=False) as services:
        assert "frame" not in worked_on(through(services, corpus))
    assert {path.name for path in files(tmp_path, ".png")} == names_in(tar)


@pytest.mark.parametrize(
    ("kind", "ending"),
    [("webp", "webp"), ("jpeg", "jpg")],
)
def test_frames_of_another_format(
    tmp_path: Path,
    here: Services,
    decoders: Decoders,
    still: Path,
    kind: str,
    ending: str,
) -> None:
    """Names, content and points follow; what was published as PNG goes."""
    corpus = Corpus(here)
    corpus.add(still, "v")
    through(here, corpus)
    before = {path.stem for path in files(tmp_path, ".png")}
    size = sum(path.stat().st_size for path in files(tmp_path, ".png"))
    settings = here.settings.having("frame", picture_format=kind)
    here.close()
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        done = worked_on(through(services, corpus))
        assert done == {"frame", "dedup", "upload", "embed", "index", "record"}
        found = files(tmp_path, f".{ending}")
        assert {path.stem for path in found} == before
        assert files(tmp_path, ".png") == []
        assert sum(path.stat().st_size for path in found) < size
        with Image.open(found[0]) as picture:
            assert (picture.format, picture.size) == (kind.upper(), (320, 180))
            assert shown_number(picture) in (1, 2)
        marker = services.markers.done("local", "v")
        assert marker
        assert marker.files == {path.name for path in found}
        paths = {frame.path for frame in services.collection.frames("local", "v")}
        assert paths == {marker.path(frame) for frame in marker.frames}
        head = services.store._client.head_object(
            Bucket="oriane-frames", Key=f"local/v/{found[0].name}"
        )
        assert head["ContentType"] == f"image/{kind}"
        assert verify(services, deep=Sample(10)).findings == ()
        assert worked_on(through(services, corpus)) == set()
        forget(services, "local", "v")
        assert files(tmp_path, f".{ending}") == []


def test_a_lossy_frame_that_still_opens_is_found_damaged(
    here: Services, decoders: Decoders, still: Path
) -> None:
    """JPEG has no checksum of its own."""
    corpus = Corpus(here)
    corpus.add(still, "v")
    settings = here.settings.having("frame", picture_format="jpeg")
    here.close()
    with SharedDecoders(settings, decoders, every_phase=True) as services:
        through(services, corpus)
        listed = services.store.objects("s3://oriane-frames/local/v/")
        uri = next(stored.uri for stored in listed if stored.uri.endswith(".jpg"))
        content = bytearray(services.store.get(uri))
        content[-100] ^= 1
        services.store.put(uri, bytes(content), "image/jpeg")
        kinds = {str(finding.kind) for finding in verify(services, deep=Sample(10)).findings}
        assert kinds == {"damaged_frames"}
