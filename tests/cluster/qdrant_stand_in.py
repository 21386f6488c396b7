"""Qdrant's REST protocol over the client's own in-memory store: for where no server can be had.

    python -m tests.cluster.qdrant_stand_in HOST PORT

As much of it as the pipeline uses. It proves that pods reach a store of vectors by the network and
come to the right points; how a real server behaves under load, or behind gRPC, it does not.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python
from qdrant_client import QdrantClient
from qdrant_client import models as q

_LOCK = threading.Lock()  # the store is not made for several threads
_OK = q.UpdateResult(operation_id=0, status=q.UpdateStatus.COMPLETED)
_VERSION = {"title": "qdrant - vector search engine", "version": "1.19.0"}

Answer = Callable[[QdrantClient, dict[str, Any], str], Any]


def _parsed(of: Any, value: Any) -> Any:
    return None if value is None else TypeAdapter(of).validate_python(value)


def _create(client: QdrantClient, body: dict[str, Any], name: str) -> Any:
    vectors = _parsed(q.VectorsConfig, body["vectors"])
    return client.create_collection(name, vectors, metadata=body.get("metadata"))


def _upsert(client: QdrantClient, body: dict[str, Any], name: str) -> Any:
    batch = _parsed(q.Batch, body.get("batch"))
    return client.upsert(name, batch or _parsed(list[q.PointStruct], body.get("points")))


def _retrieve(client: QdrantClient, body: dict[str, Any], name: str) -> Any:
    payload = _parsed(q.WithPayloadInterface, body.get("with_payload"))
    vectors = body.get("with_vector") or False
    return client.retrieve(name, body["ids"], with_payload=payload, with_vectors=vectors)


def _scroll(client: QdrantClient, body: dict[str, Any], name: str) -> Any:
    points, following = client.scroll(
        name,
        scroll_filter=_parsed(q.Filter, body.get("filter")),
        limit=body.get("limit") or 10,
        offset=body.get("offset"),
        with_payload=_parsed(q.WithPayloadInterface, body.get("with_payload", True)),
        with_vectors=body.get("with_vector") or False,
    )
    return {"points": points, "next_page_offset": following}


def _count(client: QdrantClient, body: dict[str, Any], name: str) -> Any:
    return client.count(name, count_filter=_parsed(q.Filter, body.get("filter")))


def _delete(client: QdrantClient, body: dict[str, Any], name: str) -> Any:
    return client.delete(name, _parsed(q.PointsSelector, body))


def _query(client: QdrantClient, body: dict[str, Any], name: str) -> Any:
    return client.query_points(
        name,
        query=_parsed(q.QueryInterface, body.get("query")),
        query_filter=_parsed(q.Filter, body.get("filter")),
        limit=body.get("limit") or 10,
        offset=body.get("offset"),
        with_payload=_parsed(q.WithPayloadInterface, body.get("with_payload")),
        with_vectors=body.get("with_vector") or False,
        score_threshold=body.get("score_threshold"),
    )


def _aliases(client: QdrantClient, body: dict[str, Any], _: str) -> Any:
    return client.update_collection_aliases(_parsed(list[q.AliasOperations], body["actions"]))


_ANSWERS: dict[tuple[str, str], Answer] = {
    ("GET", "/"): lambda *_: _VERSION,
    ("GET", "/collections"): lambda client, *_: client.get_collections(),
    ("GET", "/aliases"): lambda client, *_: client.get_aliases(),
    ("POST", "/collections/aliases"): _aliases,
    ("PUT", "/collections/*"): _create,
    ("PATCH", "/collections/*"): lambda *_: True,
    ("GET", "/collections/*"): lambda client, _, name: client.get_collection(name),
    ("GET", "/collections/*/exists"): lambda client, _, name: {
        "exists": client.collection_exists(name)
    },
    ("PUT", "/collections/*/index"): lambda *_: _OK,
    ("PUT", "/collections/*/points"): _upsert,
    ("POST", "/collections/*/points"): _retrieve,
    ("POST", "/collections/*/points/scroll"): _scroll,
    ("POST", "/collections/*/points/count"): _count,
    ("POST", "/collections/*/points/delete"): _delete,
    ("POST", "/collections/*/points/query"): _query,
}


class _Handler(BaseHTTPRequestHandler):
    client: QdrantClient
    key: str | None

    def _answered(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        path = self.path.partition("?")[0]
        found = re.fullmatch(r"/collections/(?!aliases$)([^/]+)(/.*)?", path)
        name = found[1] if found else ""
        route = f"/collections/*{found[2] or ''}" if found else path
        if self.key and self.headers.get("api-key") != self.key:
            self._send(403, {"status": {"error": "forbidden"}})
            return
        try:
            with _LOCK:
                new = (self.command, route) == ("PUT", "/collections/*")
                if new and self.client.collection_exists(name):
                    self._send(409, {"status": {"error": f"{name} already exists"}})
                    return
                answer = _ANSWERS[self.command, route](self.client, body, name)
        except ValueError as error:
            status = 404 if "not found" in str(error) else 400
            self._send(status, {"status": {"error": str(error)}})
            return
        self._send(200, answer if route == "/" else {"result": answer, "status": "ok", "time": 0})

    do_GET = do_PUT = do_POST = do_PATCH = _answered

    def _send(self, status: int, content: Any) -> None:
        body = json.dumps(to_jsonable_python(content, fallback=_plain)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


if __name__ == "__main__":
    _Handler.client = QdrantClient(":memory:")
    _Handler.key = os.environ.get("QDRANT__SERVICE__API_KEY")
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), _Handler).serve_forever()
