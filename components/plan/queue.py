"""Candidates from an SQS queue that gets the event notifications of the source bucket.

A message is deleted only once what it announces is planned for good, or booked already. One that
is no event of the bucket stays in the queue, for its redrive policy to take aside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from components.errors import ConfigurationError, PipelineError, TransientError
from components.logs import log
from components.plan.due import Candidate
from components.plan.job_input import laid_out_video
from components.settings import Settings

_MESSAGES_A_REQUEST = 10
# Until then a message is hidden from others; planning takes seconds, so a crash costs that long.
_HIDDEN_S = 900
# Asking for a moment reaches all of SQS's servers; not waiting at all, only some.
_WAIT_S = 1
_CREATED = "ObjectCreated"
_REGION = re.compile(r"//sqs\.([a-z0-9-]+)\.")


@dataclass
class Batch:
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
        self._bucket = settings.storage.videos_bucket
        storage = settings.storage
        secret, token = storage.secret_access_key, storage.session_token
        region = _REGION.search(self._url)
        self._client = boto3.client(
            "sqs",
            endpoint_url=self._url.rsplit("/", 2)[0],
            region_name=region[1] if region else storage.region or "us-east-1",
            aws_access_key_id=storage.access_key_id,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            aws_session_token=token.get_secret_value() if token else None,
        )

    def length(self) -> int:
        """Return about how many messages wait."""
        name = "ApproximateNumberOfMessages"
        answer = self._call("get_queue_attributes", AttributeNames=[name])
        return int(answer["Attributes"][name])

    def receive(self, most: int) -> Batch:
        """Take messages for up to `most` videos; they stay in the queue, hidden for a while."""
        batch = Batch()
        seen: set[str] = set()
        while len(batch.candidates) < most:
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
                self._take(message, batch)
        return batch

    def delete(self, handles: Sequence[str]) -> None:
        """Delete messages whose work is done or durably planned."""
        for start in range(0, len(handles), _MESSAGES_A_REQUEST):
            part = handles[start : start + _MESSAGES_A_REQUEST]
            entries = [
                {"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(part)
            ]
            answer = self._call("delete_message_batch", Entries=entries)
            for refused in answer.get("Failed", ()):
                log.warning("plan: a message was not deleted and comes again: %s", refused["Code"])

    def _take(self, message: dict[str, Any], batch: Batch) -> None:
        try:
            found = list(_events(json.loads(message["Body"])))
        except (ValueError, KeyError, TypeError, AttributeError):
            batch.foreign += 1
            log.warning(
                "plan: message %s is no S3 event and stays in the queue: %.80r",
                message["MessageId"], message["Body"],
            )  # fmt: skip
            return
        videos = batch.messages.setdefault(message["ReceiptHandle"], set())
        for bucket, key, size, etag in found:
            if video := laid_out_video(f"s3://{bucket}/{key}", self._bucket):
                batch.candidates[str(video)] = Candidate(video, etag, size)
                videos.add(str(video))

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, operation)(QueueUrl=self._url, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise self._explain(error) from error

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
