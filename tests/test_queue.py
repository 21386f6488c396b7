"""Events of the source bucket by SQS, against moto's server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from components.errors import ConfigurationError, TransientError
from components.pipeline import component
from components.plan.contract import PlanInputs
from components.plan.queue import EventQueue
from components.records.booking import Booking
from components.running.phase import run
from components.running.services import Services
from components.settings import LedgerSettings, Settings
from tests.kills import dies_at
from workflows.operations.plan.plan import planned
from workflows.operations.plan.report import QueueReport

PLAN = component("plan")
BUCKET = "oriane-contents"
NAMES = iter(range(1000))


@pytest.fixture(scope="module")
def sqs() -> Iterator[Any]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    yield boto3.client("sqs", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", **keys)
    server.stop()


@dataclass
class Queue:
    """A queue, what lies in it, and services that read it."""

    client: Any
    url: str
    services: Services

    def send(self, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.client.send_message(QueueUrl=self.url, MessageBody=text)

    def left(self) -> int:
        """How many messages were not deleted, seen or hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))

    def planned(self, **inputs: Any) -> list[str]:
        wanted = PLAN.inputs(catch_up=True, origin="queue", **inputs)
        outputs = run(PLAN, wanted, self.services)
        store = self.services.store
        return [str(entry.video) for shard in outputs.shards for entry in shard.read(store)]


@pytest.fixture
def queue(sqs: Any, services: Services, monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setattr("components.plan.queue._WAIT_S", 0)
    url = sqs.create_queue(QueueName=f"queue{next(NAMES)}")["QueueUrl"]
    services.settings = services.settings.having("plan", queue_url=url)
    return Queue(sqs, url, services)


def created(*codes: str, bucket: str = BUCKET, etag: str = "e") -> dict[str, Any]:
    """Return a notification as S3 sends it."""
    return {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "bucket": {"name": bucket},
                    "object": {"key": f"p/{code}/video.mp4", "size": 5, "eTag": etag},
                },
            }
            for code in codes
        ]
    }


def test_events_of_each_kind_become_videos(queue: Queue) -> None:
    queue.send(created("a", "b%2Bc+d"))
    queue.send({"Type": "Notification", "Message": json.dumps(created("by-sns"))})
    detail = {"bucket": {"name": BUCKET}, "object": {"key": "p/by bridge/video.mp4", "etag": "e"}}
    queue.send({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})
    assert sorted(queue.planned()) == ["p/a", "p/b+c d", "p/by bridge", "p/by-sns"]
    assert queue.left() == 0


def test_what_is_no_video_is_done_with_and_what_is_no_event_stays(queue: Queue) -> None:
    queue.send({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET})
    queue.send(created("elsewhere", bucket="other"))
    queue.send(
        {"Records": [{**created("gone")["Records"][0], "eventName": "ObjectRemoved:Delete"}]}
    )
    for foreign in ("hello", "[1]", {"Records": [{}]}, {"Records": 5}, "[" * 100_000):
        queue.send(foreign)
    outputs = run(PLAN, PLAN.inputs(catch_up=True, origin="queue"), queue.services)
    assert (outputs.videos, outputs.skipped) == (0, 5)
    assert queue.left() == 5


def test_a_message_stays_until_all_its_videos_are_planned(queue: Queue) -> None:
    queue.send(created("a", "b"))
    queue.send(created("c"))
    assert len(queue.planned(limit=1)) == 1
    assert queue.left() >= 1, "one of two videos is over the limit"


def test_a_crash_before_the_manifests_are_written_loses_nothing(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.send(created("a"))

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(queue.services.store, "put", crash)
    with pytest.raises(KeyboardInterrupt):
        queue.planned()
    assert queue.left() == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_plan_killed_before_any_side_effect_is_made_good(
    queue: Queue, database: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a ledger: leases, the manifest, then the message."""
    monkeypatch.setattr("components.plan.queue._HIDDEN_S", 0)
    settings = replace(queue.services.settings, ledger=database)
    for effect in itertools.count():
        queue.send(created(f"video{effect}"))
        inputs = PLAN.inputs(catch_up=True, origin="queue", run=f"run{effect}")
        killed = dies_at(
            effect, settings, lambda services, wanted=inputs: run(PLAN, wanted, services)
        )
        with Services(settings) as services:
            if killed:
                run(PLAN, inputs, services)
            assert services.ledger
            leased = {lease["run"]: lease["videos"] for lease in services.ledger.leases()}
            manifest = services.store.get(
                f"s3://oriane-artifacts/runs/run{effect}/000000/plan.jsonl"
            )
        assert f"video{effect}".encode() in manifest
        assert leased[f"run{effect}"] == 1
        assert queue.left() == 0
        if not killed:
            break
    assert effect >= 3


def test_what_is_booked_needs_no_run(queue: Queue, database: LedgerSettings) -> None:
    queue.services.settings = replace(queue.services.settings, ledger=database)
    ledger = queue.services.ledger
    assert ledger
    ledger.book([Booking(platform="p", code="a", state="done", run="r", etag="e")])
    ledger.lease([("p", "busy")], "other", 1)
    for code in ("a", "busy", "new"):
        queue.send(created(code))
    assert queue.planned() == ["p/new"]
    assert queue.left() == 1, "what another run works on comes again"


def test_a_look_takes_nothing_from_the_queue(queue: Queue) -> None:
    queue.send(created("a"))
    report = planned(queue.services, PlanInputs(catch_up=True, origin="queue"), gpu=False)
    assert report == QueueReport(messages=1)
    assert queue.planned() == ["p/a"]


def test_a_wrong_queue_is_explained(settings: Settings, queue: Queue) -> None:
    with pytest.raises(ConfigurationError, match="VP_QUEUE_URL not set"):
        EventQueue(settings)
    nowhere = settings.having("plan", queue_url=f"{queue.url}-x")
    with pytest.raises(ConfigurationError, match="-x refused the request"):
        EventQueue(nowhere).length()
    down = settings.having("plan", queue_url="http://127.0.0.1:9/1/q")
    with pytest.raises(TransientError, match="cannot be reached"):
        EventQueue(down).length()
