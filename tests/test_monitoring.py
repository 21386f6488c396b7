"""The dashboard and the alerts ask for metrics that exist, and the runbook explains each alert."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from components.digest.summary import Summary
from components.errors import Failure, Reason
from components.pipeline import components
from components.records.run_report import RunReport
from workflows.argo.metrics import template_metrics
from workflows.local.metrics import run_metrics

ROOT = Path(__file__).parents[1]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
ALERTS = [
    rule
    for group in yaml.safe_load((ROOT / "k8s/monitoring/alerts.yaml").read_text())["spec"]["groups"]
    for rule in group["rules"]
]
# From util/telemetry/metrics_list.go of Argo Workflows 4.1.
OF_ARGO = {
    "cronworkflows_triggered_total",
    "pods_total_count",
    "workflowtemplate_triggered_total",
}


def of_templates() -> dict[str, Any]:
    """Return the metrics of all templates by name."""
    return {
        metric.name: metric
        for declared in components()
        for metric in template_metrics(declared).prometheus or []
    }


def exported() -> set[str]:
    """Return the names of all series that Argo and runs on one machine show to Prometheus."""
    names = set(OF_ARGO)
    for name, metric in of_templates().items():
        suffixes = ("_bucket", "_sum", "_count") if metric.histogram else ("",)
        names |= {name + suffix for suffix in suffixes}
    local: CollectorRegistry = run_metrics(
        RunReport(run="r", seconds=1.0, videos=()), Summary("r").digest()
    )
    return {f"argo_workflows_{name}" for name in names} | {
        family.name for family in local.collect()
    }


def dashboard_expressions() -> list[str]:
    dashboard = json.loads((ROOT / "k8s/monitoring/dashboard.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return [target["expr"].replace("$__rate_interval", "5m") for target in targets]


EXPRESSIONS = [rule["expr"] for rule in ALERTS] + dashboard_expressions()


def names_in(expression: Any) -> Iterator[str]:
    """Yield the names of the metrics that a parsed expression selects."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression.name
    elif isinstance(expression, promql_parser.MatrixSelector):
        yield from names_in(expression.vector_selector)
    elif isinstance(expression, promql_parser.BinaryExpr):
        yield from names_in(expression.lhs)
        yield from names_in(expression.rhs)
    elif isinstance(expression, promql_parser.Call):
        for argument in expression.args:
            yield from names_in(argument)
    elif hasattr(expression, "expr"):
        yield from names_in(expression.expr)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_parses_and_names_what_is_exported(expression: str) -> None:
    names = set(names_in(promql_parser.parse(expression)))
    assert names
    assert names <= exported()


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {
        name
        for expression in dashboard_expressions()
        for name in names_in(promql_parser.parse(expression))
    }
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    ours = {f"argo_workflows_{name}" for name in of_templates()}
    assert ours <= stems


def test_labels_have_few_values_and_a_name_has_one_help() -> None:
    """Argo refuses a second help text for a name."""
    texts: dict[str, set[str]] = {}
    for declared in components():
        for metric in template_metrics(declared).prometheus or []:
            texts.setdefault(metric.name, set()).add(metric.help)
            for label in metric.labels or []:
                assert (label.key, label.value) in {
                    ("phase", declared.name),
                    ("status", "{{status}}"),
                }
    assert {len(found) for found in texts.values()} == {1}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_entry_in_the_runbook(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    page, anchor = rule["annotations"]["runbook_url"].split("#")
    assert page == "https://docs.example.com/oriane/operations.md"
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in OPERATIONS


@pytest.mark.parametrize("reason", [*Reason, *Failure])
def test_every_reason_has_its_row_in_the_runbook(reason: str) -> None:
    (row,) = re.findall(rf"^\| `{reason}` \|(.*)\|(.*)\|$", OPERATIONS, re.MULTILINE)
    assert all(cell.strip() for cell in row)


def test_gauges_are_of_outputs_that_are_numbers() -> None:
    for declared in components():
        for output in declared.gauges:
            assert declared.outputs.model_fields[output].annotation in {int, float}
