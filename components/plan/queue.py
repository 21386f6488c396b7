"""Candidates from an SQS queue that gets the event notifications of the source bucket.

A message is deleted only once what it announces is planned for good, or booked already. One that
is not an event of the bucket stays in the queue, for its redrive policy to take aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from components.base.logs import log
from components.base.retries import answered
from components.base.side_by_side import batches
from components.errors import ConfigurationError, PipelineError, TransientError
from components.plan.due import Candidate
from components.plan.layout import Layout, UnsafeNameError
from components.records.videos import Video
from components.settings import Settings
from components.stores.aws import client

_MESSAGES_A_REQUEST = 10
# Until then a message is hidden from others; planning takes seconds, so a crash costs that long.
_HIDDEN_S = 900
# Asking for a moment reaches all of SQS's servers; not waiting at all, only some.
_WAIT_S = 1
_CREATED = "ObjectCreated"
_REGION = re.compile(r"//sqs\.([a-z0-9-]+)\.")


@dataclass
class Announced:
    """What a queue held: candidates by their video, and each message's videos by its handle."""

    candidates: dict[str, Candidate] = field(default_factory=dict)
    messages: dict[str, set[str]] = field(default_factory=dict)
    foreign: int = 0


class EventQueue:
    """The queue at VP_QUEUE_URL.

    Raises ConfigurationError (address, credentials) and TransientError (no answer).
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.plan.queue_url:
            raise ConfigurationError(
                "VP_QUEUE_URL not set; set it to the SQS queue that gets the source bucket's events"
            )
        self._url = settings.plan.queue_url
        self._bucket, self._layout = settings.storage.videos_bucket, Layout(settings.plan)
        region = _REGION.search(self._url)
        self._client = client(
            "sqs",
            settings.storage,
            endpoint=self._url.rsplit("/", 2)[0],
            region=region[1] if region else None,
        )

    def length(self) -> int:
        """Return about how many messages wait."""
        name = "ApproximateNumberOfMessages"
        answer = self._call("get_queue_attributes", AttributeNames=[name])
        return int(answer["Attributes"][name])

    def receive(self, most: int) -> Announced:
        """Take messages for up to `most` videos; they stay in the queue, hidden for a while."""
        announced = Announced()
        seen: set[str] = set()
        while len(announced.candidates) < most:
            answer = self._call(
                "receive_message",
                MaxNumberOfMessages=_MESSAGES_A_REQUEST,
                VisibilityTimeout=_HIDDEN_S,
                WaitTimeSeconds=_WAIT_S,
            )
            messages = answer.get("Messages", [])
            unseen = [message for message in messages if message["MessageId"] not in seen]
            if not unseen:
                break
            seen.update(message["MessageId"] for message in unseen)
            for message in unseen:
                self._take(message, announced)
        return announced

    def delete(self, handles: Sequence[str]) -> None:
        """Delete messages whose work is done or durably planned."""
        for part in batches(handles, _MESSAGES_A_REQUEST):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(part)
            ]
            answer = self._call("delete_message_batch", Entries=entries)
            for refused in answer.get("Failed", ()):
                log.warning("plan: a message was not deleted and comes again: %s", refused["Code"])

    def _take(self, message: dict[str, Any], announced: Announced) -> None:
        try:
            found = list(_events(json.loads(message["Body"])))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            announced.foreign += 1
            log.warning(
                "plan: message %s is not an S3 event and stays in the queue: %.80r",
                message["MessageId"], message["Body"],
            )  # fmt: skip
            return
        videos = announced.messages.setdefault(message["ReceiptHandle"], set())
        for bucket, key, size, etag in found:
            video = self._video(bucket, key)
            if video:
                announced.candidates[str(video)] = Candidate(video, etag, size)
                videos.add(str(video))

    def _video(self, bucket: str, key: str) -> Video | None:
        try:
            named = self._layout.video(f"s3://{bucket}/{key}")
        except UnsafeNameError as error:
            log.warning("plan: bad_name: %s; rename it", error)
            return None
        return named if bucket == self._bucket else None

    def _call(self, operation: str, **arguments: Any) -> Any:
        return answered(
            lambda: getattr(self._client, operation)(QueueUrl=self._url, **arguments),
            attempts=1,  # boto3 tries again by itself
            passing=lambda _: False,
            failures=(ClientError, BotoCoreError),
            explain=self._explain,
        )

    def _explain(self, error: Exception) -> PipelineError:
        if isinstance(error, ClientError):
            code = error.response["Error"]["Code"]
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                return ConfigurationError(
                    f"{self._url} refused the request ({code}); check VP_QUEUE_URL and that the "
                    "credentials may receive and delete messages"
                )
            return TransientError(f"{self._url} answered {code}; try again")
        return TransientError(
            f"{self._url} cannot be reached ({type(error).__name__}); check VP_QUEUE_URL and the "
            "network, then try again"
        )


def _events(body: dict[str, Any]) -> Iterator[tuple[str, str, int, str | None]]:
    """Yield bucket, key, size and ETag of the objects that a message says were created.

    It may come from S3, from S3 by SNS, or from EventBridge.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is of another kind.
    """
    if body.get("Type") == "Notification":
        body = json.loads(body["Message"])
    if body.get("Event") == "s3:TestEvent":
        return
    if body.get("source") == "aws.s3":
        if body["detail-type"] == "Object Created":
            stored = body["detail"]["object"]
            bucket = body["detail"]["bucket"]["name"]
            yield bucket, stored["key"], int(stored.get("size", 0)), stored.get("etag")
        return
    for record in body["Records"]:
        if _CREATED in record["eventName"]:
            stored = record["s3"]["object"]
            key = unquote_plus(stored["key"])
            yield record["s3"]["bucket"]["name"], key, int(stored.get("size", 0)), stored["eTag"]
