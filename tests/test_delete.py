"""delete: a video is forgotten everywhere, whatever happens on the way."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.errors import ConfigurationError, TransientError
from components.running.services import Services
from tests.commands import environment, invoked, oriane_here
from tests.conftest import Corpus
from tests.deployment import content, killed_everywhere
from tests.deployment import copied as storage  # noqa: F401
from tests.postgres import query
from tests.storage import SharedS3
from tests.test_catch_up import planned
from workflows.operations.delete.delete import delete_videos
from workflows.operations.verify.verify import verify

pytestmark = pytest.mark.slow

ONE = "local/one"


def delete_one(services: Services) -> None:
    delete_videos([ONE], services, apply=True)


def of_one(stored: dict[str, Any]) -> list[str]:
    """Return what is stored of the video, its source aside."""
    objects = [uri for uri in stored["objects"] if f"/{ONE}/" in uri and "contents" not in uri]
    return objects + [point.id for point in stored["points"] if point.code == "one"]


def test_nothing_is_deleted_without_apply(ledgered: Services) -> None:
    before = content(ledgered)
    (held,) = delete_videos([ONE], ledgered, apply=False)
    assert content(ledgered) == before
    assert held.frames == held.points == 3
    assert (held.markers, held.state, held.source) == (1, "done", True)
    assert held.artifacts >= 8, "a result of each phase, and the files that they name"


def test_a_deleted_video_is_nowhere_and_due_again(ledgered: Services) -> None:
    before = content(ledgered)
    assert of_one(before)
    delete_one(ledgered)
    after = content(ledgered)
    assert of_one(after) == []
    others = {uri for uri in before["objects"] if "/local/one/" not in uri}
    assert others <= after["objects"].keys(), "nothing of another video"
    assert len(after["points"]) == 3
    errors = query(ledgered.settings.ledger, "SELECT event FROM events WHERE code = 'one'")
    assert errors == [("done",), ("deleted",)]
    assert verify(ledgered).findings == ()
    assert planned(Corpus(ledgered)) == [ONE], "its source is still there"


def test_what_others_put_beside_the_frames_stays(services: Services) -> None:
    uri = f"s3://oriane-frames/{ONE}/notes.txt"
    services.store.put(uri, b"x", "text/plain")
    delete_one(services)
    assert of_one(content(services)) == [uri]


def test_unsafe_and_unknown_names_delete_nothing(services: Services) -> None:
    before = content(services)
    for names in (["local/nowhere"], [ONE, "local"], [ONE, "local/.."], [ONE, "a/b/c"]):
        with pytest.raises(ConfigurationError, match=names[-1]):
            delete_videos(names, services, apply=True)
    assert content(services) == before


def test_what_broke_off_between_two_videos_goes_on(services: Services) -> None:
    delete_one(services)
    gone, left = delete_videos([ONE, "local/two"], services, apply=True)
    assert (gone.anything, left.anything) == (False, True)
    assert content(services)["points"] == set()


def test_a_video_that_a_run_works_on_is_refused(ledgered: Services) -> None:
    assert ledgered.ledger
    ledgered.ledger.lease([("local", "two")], "r7", 1)
    before = content(ledgered)
    with pytest.raises(TransientError, match=r"run r7 works on local/two, until \d{4}-"):
        delete_videos([ONE, "local/two"], ledgered, apply=True)
    assert content(ledgered) == before


def test_killed_between_any_two_side_effects(
    tmp_path: Path, shared_s3: SharedS3, deployment: Path, model: str, postgres: Any
) -> None:
    def nothing(services: Services) -> None:
        """Delete a whole video."""

    ends = killed_everywhere(
        tmp_path, shared_s3, deployment, model, postgres, damage=nothing, work=delete_one
    )
    assert len(ends) > 5
    assert all(end == ends[-1] for end in ends)
    assert of_one(ends[-1]) == []


def test_on_a_full_disk_files_go_first_and_points_once_there_is_room(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded engine needs some room to take points out."""
    frames = Path(services.settings.index.url).parent / "s3" / "oriane-frames"
    room = {1: 2**30, 0: 5 * 2**20}

    def usage(_: object) -> SimpleNamespace:
        return SimpleNamespace(free=room[len(list(frames.rglob("*.png"))) < 6])

    with monkeypatch.context() as patched:
        patched.setattr("components.base.disk.shutil.disk_usage", usage)
        delete_one(services)
        assert of_one(content(services)) == []
        room[1] = room[0]
        with pytest.raises(TransientError, match="5 MiB left"):
            delete_videos(["local/two"], services, apply=True)
        assert not list(frames.rglob("*.png"))
        assert len(content(services)["points"]) == 3
    delete_videos(["local/two"], services, apply=True)
    assert content(services)["points"] == set()
    assert verify(services).findings == ()


def test_the_command(tmp_path: Path, services: Services) -> None:
    services.close()
    shown = json.loads(oriane_here("delete", ONE, "--json", env=environment(tmp_path)).stdout)
    assert not shown["applied"]
    assert shown["videos"][0]["frames"] == 3
    assert "takes it up again: local/one" in invoked("delete", ONE, "--yes", data=tmp_path)[1]
    code, text = invoked("delete", ONE, "--yes", data=tmp_path)
    assert code == 78
    assert "nothing is stored" in text
