"""Published frames: what is unchanged is not sent again, what is unwanted goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.records.videos import PublishedVideo
from components.stores.s3 import Store
from tests.clips import numbered_video
from tests.conftest import Corpus
from tests.phases import through

PHASES = through("upload")


@pytest.fixture
def published(tmp_path: Path, corpus: Corpus) -> Path:
    """The folder of a published video in the frames bucket."""
    corpus.add(numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(50)]))
    corpus.services.settings = corpus.services.settings.having("frame", sample_fps=1.0)
    (entry,) = corpus.through(*PHASES)
    assert isinstance(entry.result, PublishedVideo)
    folder = tmp_path / "s3" / entry.result.bucket / "local" / "v"
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(frame.file for frame in entry.result.framed.frames)
    return folder


def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the PNGs that are sent from now on."""
    uris: list[str] = []
    put = Store.put

    def recording(self: Store, uri: str, content: bytes, content_type: str, md5: str = "") -> str:
        if uri.endswith(".png"):
            uris.append(uri)
        return put(self, uri, content, content_type, md5)

    monkeypatch.setattr(Store, "put", recording)
    return uris


def test_changed_settings_send_and_remove_the_difference(
    published: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name for path in published.glob("*.png")}
    bystanders = [published / "manifest.json", published.with_name("v2") / "0_0.00.png"]
    for bystander in bystanders:
        bystander.parent.mkdir(exist_ok=True)
        bystander.write_bytes(b"not ours to remove")
    uris = sent(monkeypatch)
    corpus.services.settings = corpus.services.settings.having("frame", min_frames=12)
    corpus.through(*PHASES)
    after = {path.name for path in published.glob("*.png")}
    assert {uri.rpartition("/")[2] for uri in uris} == after - before
    assert len(after) > len(before)
    uris.clear()
    corpus.services.settings = corpus.services.settings.having("dedup", tolerance=64)
    (entry,) = corpus.through(*PHASES)
    assert uris == []
    assert len(list(published.glob("*.png"))) == 1
    assert all(bystander.exists() for bystander in bystanders)
    assert isinstance(entry.result, PublishedVideo)


def test_a_frame_that_is_missing_or_half_written_is_sent_again(
    published: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted(published.glob("*.png"))[:2]
    whole = first.read_bytes()
    store, bucket = corpus.services.store, published.parent.parent.name
    store.delete(bucket, [f"local/v/{first.name}"])
    uris = sent(monkeypatch)
    corpus.through(*PHASES)
    assert [uri.rpartition("/")[2] for uri in uris] == [first.name]
    assert first.read_bytes() == whole
    half = second.read_bytes()[:100]
    store.put(f"s3://{bucket}/local/v/{second.name}", half, "image/png")
    store.delete(bucket, [f"local/v/{first.name}"])
    uris.clear()
    corpus.through(*PHASES)
    assert {uri.rpartition("/")[2] for uri in uris} == {first.name, second.name}
