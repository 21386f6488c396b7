"""The server's metrics, for Prometheus: `/api/metrics`."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workflows.serve.thumbnails import Thumbnails
from workflows.serve.work import Work

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What is counted, one registry a server."""

    def __init__(self, work: Work, thumbnails: Thumbnails) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "oriane_serve_requests",
            "Requests answered",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "oriane_serve_request_seconds",
            "Seconds until the first byte of an answer",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        for name, told, value in (
            ("oriane_serve_pending", "Requests under way or waiting", lambda: work.pending),
            ("oriane_serve_thumbnails_made", "Thumbnails made", lambda: thumbnails.made),
            (
                "oriane_serve_thumbnails_reused",
                "Thumbnails on disk already",
                lambda: thumbnails.reused,
            ),
            (
                "oriane_serve_thumbnail_bytes",
                "Bytes of thumbnails on disk",
                lambda: thumbnails.bytes,
            ),
        ):
            self._gauge(name, told).set_function(value)

    def _gauge(self, name: str, told: str) -> Gauge:
        return Gauge(name, told, registry=self._registry)

    def text(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self._registry)


class Measured:
    """The middleware that counts requests by route, never by what a client made up."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(method, route, str(message["status"])).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counted)


_METHODS = frozenset({"GET", "HEAD", "POST"})
