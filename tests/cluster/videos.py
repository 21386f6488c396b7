"""Videos of the tests: uploaded, run, and looked for where they should have come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import yaml
from qdrant_client import models as q

from components.records.manifest import Entry, Manifest
from components.records.videos import RecordedVideo
from tests.cluster.conftest import Cluster
from tests.cluster.installation import ROOT

BUCKET = "oriane-contents"


def put(cluster: Cluster, platform: str, count: int, clip: Path) -> list[dict[str, str]]:
    """Upload `count` videos of a platform and return them as JOB_INPUT wants them."""
    items = [{"platform": platform, "code": f"video{number}"} for number in range(count)]
    for item in items:
        uri = f"s3://{BUCKET}/{platform}/{item['code']}/video.mp4"
        # A tail that no decoder looks at makes every video's ETag another.
        content = clip.read_bytes() + f"{platform} {item['code']}".encode()
        cluster.store.put(uri, content, "video/mp4")
    return items


def run_manifest(template: str = "video-to-embedding", **parameters: Any) -> str:
    """Return the example's workflow with other parameters."""
    manifest = yaml.safe_load((ROOT / "k8s" / "examples" / "run.yaml").read_text())
    manifest["spec"]["workflowTemplateRef"]["name"] = template
    manifest["spec"]["arguments"]["parameters"] = [
        {"name": name, "value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in parameters.items()
    ]
    return json.dumps(manifest)


def recorded(cluster: Cluster, run: str) -> list[Entry[RecordedVideo]]:
    """Return the entries of all shards of a run, as record left them."""
    prefix = f"s3://oriane-artifacts/runs/{run}/"
    return [
        entry
        for stored in cluster.store.objects(prefix)
        if stored.uri.endswith("/record.jsonl")
        for entry in Manifest[RecordedVideo](stored.uri).read(cluster.store)
    ]


def digest_of(cluster: Cluster, run: str) -> dict[str, Any]:
    content = cluster.store.get(f"s3://oriane-artifacts/runs/{run}/digest.json")
    parsed: dict[str, Any] = json.loads(content)
    return parsed


def reused(entry: Entry[Any]) -> set[str]:
    return {step.phase for step in entry.steps if step.reused}


def points(cluster: Cluster, platform: str) -> int:
    match = q.FieldCondition(key="platform", match=q.MatchValue(value=platform))
    return cluster.qdrant.count("watched_frames", count_filter=q.Filter(must=[match])).count


def leases(cluster: Cluster) -> dict[str, tuple[int, bool]]:
    """Return how many videos each run keeps, and whether for more than the minutes of a lease."""
    query = """SELECT run, count(*), max(expires_at) > now() + interval '11 minutes'
        FROM leases WHERE expires_at > now() GROUP BY run"""
    with psycopg.connect(cluster.postgres) as connection:
        return {run: (count, long) for run, count, long in connection.execute(query)}
