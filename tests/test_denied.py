"""Sources that may not be read, or not now: one is its video's failure, all are the settings'."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from components.errors import ConfigurationError
from components.records.videos import SourceVideo
from tests.clips import numbered_video
from tests.conftest import Corpus

pytestmark = pytest.mark.slow


@contextmanager
def answering(
    corpus: Corpus, operation: str, codes: Iterable[str], status: int, error: str
) -> Iterator[None]:
    """Answer requests for the sources of these videos with an error, as S3 words it."""
    places = [f"/{code}/video.mp4" for code in codes]

    def answered(request: Any, **_: Any) -> AWSResponse | None:
        if not request.url.endswith(tuple(places)):
            return None
        # A HEAD request is refused without a word.
        body = error.encode() if operation == "GetObject" else b""
        raw = HTTPResponse(io.BytesIO(body), status=status, preload_content=False)
        return AWSResponse(request.url, status, {}, raw)

    events = corpus.services.store.events
    events.register(f"before-send.s3.{operation}", answered)
    try:
        yield
    finally:
        events.unregister(f"before-send.s3.{operation}", answered)


ARCHIVED = (
    "<Error><Code>InvalidObjectState</Code><Message>no</Message>"
    "<StorageClass>DEEP_ARCHIVE</StorageClass></Error>"
)
DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
WITH_KEY = (
    "<Error><Code>InvalidRequest</Code><Message>The object was stored using a form of Server Side "
    "Encryption. The correct parameters must be provided to retrieve the object.</Message></Error>"
)


@pytest.fixture
def three(corpus: Corpus, tmp_path: Path) -> Corpus:
    content = numbered_video(tmp_path / "v.mp4", [number / 10 for number in range(10)])
    for code in ("a", "b", "c"):
        corpus.add(content, code)
    return corpus


@pytest.mark.parametrize(
    ("operation", "status", "error", "said"),
    [
        ("GetObject", 403, ARCHIVED, "keeps it in DEEP_ARCHIVE, .* restore it"),
        ("GetObject", 403, DENIED, "denied access .*key of KMS"),
        ("HeadObject", 403, DENIED, "denied access .*key of KMS"),
        ("GetObject", 400, WITH_KEY, "Server Side Encryption"),
    ],
    ids=["archived", "key of KMS", "of another owner", "key of the customer"],
)
def test_one_that_cannot_be_read_costs_itself(
    three: Corpus, operation: str, status: int, error: str, said: str
) -> None:
    with answering(three, operation, "a", status, error):
        first, *others = three.through("fetch")
    assert first.problem is not None
    assert (first.problem.kind, first.problem.reason) == ("failed", "unavailable")
    assert re.search(rf"local/a/video\.mp4: .*{said}", first.problem.message)
    assert all(isinstance(entry.result, SourceVideo) for entry in others)
    # Once it is restored, or its policy mended, nothing else is to be done.
    assert not any(entry.problem for entry in three.through("fetch"))


@pytest.mark.parametrize("operation", ["HeadObject", "GetObject"])
def test_where_none_can_be_read_the_settings_are_wrong(three: Corpus, operation: str) -> None:
    with (
        answering(three, operation, "abc", 403, DENIED),
        pytest.raises(ConfigurationError, match="denied access"),
    ):
        three.through("fetch")
