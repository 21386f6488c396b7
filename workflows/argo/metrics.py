"""What Argo's controller counts of a component's pods and shows to Prometheus.

The controller puts `argo_workflows_` before each name and adds nothing after it. Labels have few
values: components, and how a pod ended. A name has one help text, in whatever template it stands:
the controller refuses a second one until it starts again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hera.workflows import models as m

from components.contract import Component, ShardOutputs
from components.pipeline import ENDING

_SUCCEEDED = "{{status}} == Succeeded"
_BUCKETS_S = [5, 15, 60, 300, 1800, 7200]


def template_metrics(declared: Component[Any, Any]) -> m.Metrics:
    """Return the metrics of the component's template."""
    return m.Metrics(prometheus=[*_pods(declared), *_videos(declared), *_gauges(declared)])


def gauge_name(component: str, output: str) -> str:
    """Return the name of the gauge of an output; Prometheus writes units out."""
    if output.endswith("_s"):
        output = f"{output.removesuffix('_s')}_seconds"
    return f"oriane_{component}_{output}"


def _pods(declared: Component[Any, Any]) -> Iterator[m.Prometheus]:
    phase = m.MetricLabel(key="phase", value=declared.name)
    # A pod that is tried again is reported once a try, its seconds with the tries before it.
    yield m.Prometheus(
        name="oriane_phase_seconds",
        help="Seconds until a step of this phase had succeeded, with waiting and retries",
        labels=[phase],
        when=_SUCCEEDED,
        histogram=m.Histogram(value="{{duration}}", buckets=_BUCKETS_S),
    )
    yield m.Prometheus(
        name="oriane_phase_pods_total",
        help="Pods of this phase, by how they ended",
        labels=[phase, m.MetricLabel(key="status", value="{{status}}")],
        counter=m.Counter(value="1"),
    )


def _videos(declared: Component[Any, Any]) -> Iterator[m.Prometheus]:
    if not issubclass(declared.outputs, ShardOutputs):
        return
    meanings = {
        "done": "Videos that this phase handed on",
        "failed": "Videos that failed in this phase for good",
    }
    for outcome, meaning in meanings.items():
        yield m.Prometheus(
            name=f"oriane_phase_videos_{outcome}_total",
            help=meaning,
            labels=[m.MetricLabel(key="phase", value=declared.name)],
            when=_SUCCEEDED,
            counter=m.Counter(value=f"{{{{outputs.parameters.{outcome}}}}}"),
        )


def _gauges(declared: Component[Any, Any]) -> Iterator[m.Prometheus]:
    # A run of no videos, or one whose plan failed, says nothing of how many fail.
    videos = "'{{outputs.parameters.videos}}'"
    something = f"{videos} != '' && {videos} != '0'"
    for output in declared.gauges:
        value = f"{{{{outputs.parameters.{output}}}}}"
        yield m.Prometheus(
            name=gauge_name(declared.name, output),
            help=f"{declared.outputs.model_fields[output].description}, last run",
            # Also of a step that failed: a run with too many failures is the one to see.
            when=something if declared.name == ENDING else f"'{value}' != ''",
            gauge=m.Gauge(value=value, realtime=False),
        )
