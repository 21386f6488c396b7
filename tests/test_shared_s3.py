"""Tests share one S3 server, and nothing of what they store and delete there."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.stores.s3 import Store
from tests.storage import SharedS3

pytestmark = pytest.mark.slow
BUCKET, KEY = "oriane-frames", "local/one/manifest.json"
URI = f"s3://{BUCKET}/{KEY}"


def test_what_is_stored_and_deleted_in_one_folder_is_not_in_another(
    tmp_path: Path, shared_s3: SharedS3
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for _ in range(3):
        for folder in (one, other):
            (folder / BUCKET / KEY).parent.mkdir(parents=True, exist_ok=True)
            (folder / BUCKET / KEY).write_text(folder.name)
        with shared_s3.over(one) as settings:
            store = Store(settings)
            assert store.get(URI) == b"one"
            store.put(f"{URI}.new", b"new", "text/plain")
            store.delete(BUCKET, [KEY, f"{KEY}.new"])
            with shared_s3.over(other):
                assert [stored.uri for stored in store.objects(f"s3://{BUCKET}/")] == [URI]
                assert store.get(URI) == b"other"
            assert not store.exists(URI)
        assert [*(one / BUCKET).rglob("*.*")] == []
