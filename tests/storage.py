"""S3 for tests: one real server for all tests of a process, over the folder of each in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.settings import StorageSettings
from workflows.local.s3_server import local_s3


@dataclass
class SharedS3:
    """A server over whatever folder its link leads to."""

    settings: StorageSettings
    link: Path
    control: httpx.Client

    @contextmanager
    def over(self, folder: Path) -> Iterator[StorageSettings]:
        """Serve this folder while inside, with buckets in it; give the settings that reach it."""
        storage, before = self.settings, self.link.readlink()
        for bucket in (storage.videos_bucket, storage.frames_bucket, storage.artifacts_bucket):
            (folder / bucket).mkdir(parents=True, exist_ok=True)
        self._lead_to(folder)
        try:
            yield storage
        finally:
            self._lead_to(before)

    def _lead_to(self, folder: Path) -> None:
        # The server keeps for a second what it has listed; and what it has deleted, until it sees
        # it gone: so it has to see that all is gone.
        for target in (self.link.with_name("nothing"), folder):
            beside = self.link.with_name("next")
            beside.symlink_to(target)
            beside.replace(self.link)
            for call in ("forget", "refresh"):
                self.control.post(f"/vfs/{call}").raise_for_status()


@pytest.fixture(scope="session")
def shared_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedS3]:
    """The server, which `storage` and others have serve what they need in turn."""
    folder = tmp_path_factory.mktemp("s3")
    link, control = folder / "served", folder / "control"
    (folder / "nothing").mkdir()
    (folder / "first").mkdir()
    link.symlink_to(folder / "first")
    remote = httpx.HTTPTransport(uds=str(control))
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("RCLONE_RC", "true")
            patched.setenv("RCLONE_RC_ADDR", f"unix://{control}")
            patched.setenv("RCLONE_RC_NO_AUTH", "true")
            settings = stack.enter_context(local_s3(link, StorageSettings()))
        client = httpx.Client(base_url="http://rclone", transport=remote, timeout=600)
        yield SharedS3(settings, link, stack.enter_context(client))
