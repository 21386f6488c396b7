"""The pipeline's WorkflowTemplates, and the nightly run.

The DAG comes from `components.pipeline`; what Argo adds is the fan-out: a workflow runs up to
`shards_per_batch` shards itself and hands more to child workflows, so that the status of each stays
far below what etcd holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from hera.workflows import DAG, CronWorkflow, Parameter, Resource, Task, WorkflowTemplate
from hera.workflows import models as m

from components.dag import Item, Output, Pipeline, PipelineInput, Source, Step, WiringError
from components.pipeline import component, pod_layout
from workflows.argo.access import LEASES, WATCH
from workflows.argo.terms import (
    COMPONENT_LABEL,
    EXECUTOR,
    LABELS,
    LAUNCHER,
    POD_SECURITY,
    PODS,
    RESTRICTED_RESOURCE,
    RETRY_LIMIT,
    choices,
    described,
    from_input,
    template_name,
    text_of,
    values,
)

# `parallelism` takes no parameter, but the key of a semaphore does.
SEMAPHORES = {str(size): str(size) for size in (1, 2, 4, 8, 16, 32, 64, 128, 256)}
SEMAPHORES_NAME = "oriane-in-flight"
SHARDS_PER_BATCH = 100
BATCHES_IN_FLIGHT = 2
VIDEOS_A_NIGHT = 5000
# Whether the standing questions are asked once the run is summed up.
ASK_WATCHES = "ask_watches"
_DAY_S = 24 * 3600
_NIGHT_S = 23 * 3600
# What a run's user has no say in.
_NOT_CHOSEN = {"run", "pods"}

_SHARD = "shard"
# The names of the shards `first`, `first` + 1, …; their numbers of six digits where they have none.
_NAMES = (
    "{{=toJson(len(fromJSON(inputs.parameters.names)) > 0"
    " ? fromJSON(inputs.parameters.names)"
    "[asInt(inputs.parameters.first):asInt(inputs.parameters.first)+asInt(inputs.parameters.count)]"
    " : map(asInt(inputs.parameters.first)"
    "..asInt(inputs.parameters.first)+asInt(inputs.parameters.count)-1,"
    " # < 1000000 ? string(1000000 + #)[1:] : string(#)))}}"
)
# A name begins with the shard's number.
_MANIFEST = (
    "{{=replace(inputs.parameters.addresses, '%06d', split(inputs.parameters.name, '-')[0])}}"
)


class _BatchTemplate(WorkflowTemplate):
    """A WorkflowTemplate whose shards are shown by their names (Argo 3.6 and later).

    The annotation stands beside the template's metadata, where Hera puts none.
    """

    def to_dict(self) -> Any:
        """Return the manifest."""
        manifest = super().to_dict()
        manifest["kind"] = "WorkflowTemplate"  # Hera takes the name of the class.
        for template in manifest["spec"]["templates"]:
            if template["name"] == _SHARD:
                shown = {"workflows.argoproj.io/display-name": from_input("name")}
                template["annotations"] = shown
        return manifest


def semaphores() -> dict[str, Any]:
    """Return the ConfigMap whose keys `shards_in_flight` chooses from."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": SEMAPHORES_NAME, "labels": LABELS},
        "data": SEMAPHORES,
    }


def run_template_name(pipeline: Pipeline, gpu: bool) -> str:
    """Return the name of the WorkflowTemplate that runs the whole pipeline."""
    return f"{pipeline.name}-gpu" if gpu else pipeline.name


def pipeline_templates(
    pipeline: Pipeline, *, gpu: bool = False
) -> tuple[WorkflowTemplate, WorkflowTemplate]:
    """Return the DAG's two WorkflowTemplates: the whole run, and a batch of its shards."""
    name = run_template_name(pipeline, gpu)
    return _run_template(pipeline, name, gpu), _batch_template(pipeline, name, gpu)


def nightly_catch_up(pipeline: Pipeline, *, gpu: bool = False) -> CronWorkflow:
    """Return the CronWorkflow that processes what is new, changed or failed, every night."""
    return CronWorkflow(
        name="nightly-catch-up",
        labels=LABELS,
        annotations=described(
            "Process videos that are new, changed since they were booked, or failed; the newest "
            "first, at most `limit` a night"
        ),
        # An overlay starts the nights, once the installation has been looked at.
        cron_suspend=True,
        schedules=["0 2 * * *"],
        timezone="Etc/UTC",
        concurrency_policy="Forbid",
        starting_deadline_seconds=3 * 3600,
        successful_jobs_history_limit=7,
        failed_jobs_history_limit=7,
        workflow_template_ref=m.WorkflowTemplateRef(name=run_template_name(pipeline, gpu)),
        arguments=values(
            catch_up="true",
            limit=str(VIDEOS_A_NIGHT),
            videos_per_shard="auto",
            **{ASK_WATCHES: "true"},
        ),
        # Pods may wait for a node for ever; the next night takes up what is left.
        active_deadline_seconds=_NIGHT_S,
        workflow_metadata=m.WorkflowMetadata(labels={"oriane/trigger": "nightly"}),
    )


def _run_template(pipeline: Pipeline, name: str, gpu: bool) -> WorkflowTemplate:
    """Plan, fan out here or into child workflows, and sum up at the end, whatever came."""
    (plan,) = pipeline.once
    given = {
        "addresses": _output(plan.addresses),
        "names": _output(plan.names),
        "shards_in_flight": "{{workflow.parameters.shards_in_flight}}",
        **{name: _output(source) for name, source in _passed_on(pipeline).items()},
    }
    run = DAG(
        name="run",
        fail_fast=False,
        tasks=[
            _task(LEASES, LEASES, {"run": "{{workflow.name}}"}),
            _task(
                plan.name,
                plan.name,
                {name: _planned(name, pipeline, gpu) for name in plan.arguments},
            ),
            Task(
                name="fan-out",
                template="fan-out",
                arguments=values(
                    inline=_output(plan.inline), batches=_output(plan.batches), **given
                ),
                depends=f"{plan.name} && ({_begun(LEASES)})",
            ),
        ],
    )
    return WorkflowTemplate(
        name=name,
        labels=LABELS,
        annotations=described(
            "Turn videos into searchable frame embeddings. Give `source` (an s3:// prefix), "
            "`job_input` (a JSON list of platform and code, or its s3:// address) or `catch_up`"
        ),
        entrypoint=run.name,
        on_exit="on-exit",
        arguments=_run_arguments(pipeline),
        templates=[run, _fan_out(name, list(given)), *_batches(name, list(given)), *_on_exit()],
        **_workflow_level(),
    )


def _fan_out(name: str, given: list[str]) -> DAG:
    """Run the shards here, or all of them in child workflows.

    What fails in there is the digest's to judge. It is a DAG of its own because a leaf that
    continues on failure would hide that of the tasks before it.
    """
    passed_on = {name: from_input(name) for name in given}
    whatever_comes = m.ContinueOn(failed=True, error=True)
    return DAG(
        name="fan-out",
        fail_fast=False,
        inputs=[Parameter(name=name) for name in ["inline", "batches", *given]],
        tasks=[
            Task(
                name="shards",
                template_ref=m.TemplateRef(name=_batch_name(name), template="shards"),
                arguments=values(first="0", count=from_input("inline"), **passed_on),
                continue_on=whatever_comes,
            ),
            Task(
                name="batches",
                template="batches",
                arguments=values(batches=from_input("batches"), **passed_on),
                continue_on=whatever_comes,
            ),
        ],
    )


def _batch_template(pipeline: Pipeline, name: str, gpu: bool) -> WorkflowTemplate:
    """Fan out over shards, and take each through the phases."""
    passed_on = list(_passed_on(pipeline))
    inputs = ["first", "count", "addresses", "names", "shards_in_flight", *passed_on]
    handed_on = ["addresses", "shards_in_flight", *passed_on]
    shards = DAG(
        name="shards",
        fail_fast=False,
        inputs=[Parameter(name=name) for name in inputs],
        tasks=[
            Task(
                name="shard",
                template=_SHARD,
                with_param=_NAMES,
                arguments=values(name="{{item}}", **{name: from_input(name) for name in handed_on}),
            )
        ],
    )
    shard = DAG(
        name=_SHARD,
        fail_fast=False,
        inputs=[Parameter(name=name) for name in ["name", *handed_on]],
        synchronization=m.Synchronization(
            semaphores=[
                m.SemaphoreRef(
                    config_map_key_ref=m.ConfigMapKeySelector(
                        name=SEMAPHORES_NAME, key=from_input("shards_in_flight")
                    )
                )
            ]
        ),
        tasks=[
            _task(
                step.name,
                template_name(step.component, gpu),
                {
                    name: _in_shard(source, step, pipeline)
                    for name, source in step.arguments.items()
                },
                depends=step.depends_on & {other.name for other in pipeline.each},
                when=_worth_it(step, pipeline),
            )
            for step in pipeline.each
        ],
    )
    return _BatchTemplate(
        name=_batch_name(name),
        labels=LABELS,
        annotations=described("Take the shards `first`, `first` + 1, … of a run through the DAG"),
        entrypoint=shards.name,
        arguments=[Parameter(name=name) for name in inputs],
        templates=[shards, shard],
        **_workflow_level(),
    )


def _batches(name: str, given: list[str]) -> list[DAG | Resource]:
    """Return the fan-out over child workflows, and the template that runs one."""
    arguments = {"first": "{{item.first}}", "count": "{{item.count}}"}
    batches = DAG(
        name="batches",
        fail_fast=False,
        parallelism=BATCHES_IN_FLIGHT,
        inputs=[Parameter(name=name) for name in ["batches", *given]],
        tasks=[
            Task(
                name="batch",
                template="batch",
                with_param=from_input("batches"),
                arguments=values(**arguments, **{name: from_input(name) for name in given}),
            )
        ],
    )
    inputs = ["first", "count", *given]
    batch = Resource(
        name="batch",
        inputs=[Parameter(name=name) for name in inputs],
        # Applied under a fixed name, so that a pod which starts again finds its child workflow.
        action="apply",
        set_owner_reference=True,
        success_condition="status.phase == Succeeded",
        failure_condition="status.phase in (Failed, Error)",
        manifest=_child_workflow(name, inputs),
        retry_strategy=m.RetryStrategy(limit=RETRY_LIMIT, retry_policy="OnError"),
        service_account_name=PODS,
        automount_service_account_token=False,
        executor=m.ExecutorConfig(service_account_name=LAUNCHER),
        pod_security_context=POD_SECURITY,
        pod_spec_patch=RESTRICTED_RESOURCE,
        labels={**LABELS, COMPONENT_LABEL: "batch"},
    )
    return [batches, batch]


def _child_workflow(name: str, inputs: list[str]) -> str:
    parameters = [{"name": name, "value": from_input(name)} for name in inputs]
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": f"{{{{workflow.name}}}}-{from_input('first')}",
            "labels": {**LABELS, "oriane/run": "{{workflow.name}}"},
        },
        "spec": {
            "workflowTemplateRef": {"name": _batch_name(name)},
            "arguments": {"parameters": parameters},
        },
    }
    return yaml.safe_dump(manifest, sort_keys=False, width=1000)


def _on_exit() -> tuple[DAG, DAG]:
    """Sum the run up, and ask the standing questions if there are any and the run is to.

    A digest that fails makes the workflow fail. Questions that fail do not, for the videos are
    done: the next night asks them again. They are in a DAG of their own, as in `_fan_out`.
    """
    digest = component("digest")
    arguments = {
        "run": "{{workflow.name}}",
        "max_failed_percent": "{{workflow.parameters.max_failed_percent}}",
    }
    there_are = f"{{{{tasks.{digest.name}.outputs.parameters.watches}}}} != 0"
    wanted = f"{{{{workflow.parameters.{ASK_WATCHES}}}}} == true"
    asked = Task(
        name="watches",
        template="watches",
        depends=digest.name,
        when=f"{wanted} && {there_are}",
    )
    watches = Task(
        name=WATCH,
        template_ref=m.TemplateRef(name=WATCH, template=WATCH),
        continue_on=m.ContinueOn(failed=True, error=True),
    )
    return (
        DAG(name="on-exit", tasks=[_task(digest.name, digest.name, arguments), asked]),
        DAG(name="watches", fail_fast=False, tasks=[watches]),
    )


def _run_arguments(pipeline: Pipeline) -> list[Parameter]:
    """Return the workflow's parameters: those of the pipeline, and what Argo's runs add."""
    (plan,) = pipeline.once
    inputs = plan.component.inputs.model_fields
    chosen = {"shards_per_batch": SHARDS_PER_BATCH}
    parameters = [
        Parameter(
            name=parameter.name,
            value=text_of(chosen.get(parameter.name, inputs[parameter.name].default)),
            description=inputs[parameter.name].description,
            enum=list(SEMAPHORES)
            if parameter.name == "shards_in_flight"
            else choices(inputs[parameter.name]),
        )
        for parameter in pipeline.parameters
        if parameter.name not in _NOT_CHOSEN
    ]
    failed = component("digest").inputs.model_fields["max_failed_percent"]
    return [
        *parameters,
        Parameter(
            name="max_failed_percent", value=text_of(failed.default), description=failed.description
        ),
        Parameter(
            name=ASK_WATCHES,
            value="false",
            description="Ask the standing questions afterwards, if there are any: oriane watch",
            enum=["true", "false"],
        ),
    ]


def _passed_on(pipeline: Pipeline) -> dict[str, Output]:
    """Return what the steps of a shard take from those before the fan-out, by name."""
    once = {step.name for step in pipeline.once}
    return {
        source.name: source
        for step in pipeline.each
        for source in step.arguments.values()
        if isinstance(source, Output) and source.step in once
    }


def _in_shard(source: Source, step: Step, pipeline: Pipeline) -> str:
    if isinstance(source, Item):
        return _MANIFEST
    if isinstance(source, PipelineInput):
        raise WiringError(f"parameter {source.name!r} does not reach a shard; hand it on by plan")
    if source in _passed_on(pipeline).values():
        return from_input(source.name)
    if step is pipeline.each[-1] and source.name == "manifest":
        return _latest(pipeline)
    return _output(source)


def _worth_it(step: Step, pipeline: Pipeline) -> str | None:
    """Return the condition that videos are left for the step; the first and the last always run.

    A step that is skipped has no outputs, which Argo's expressions see as nil; the last step then
    takes what the last one that ran left (`_latest`).
    """
    before = step.depends_on & {other.name for other in pipeline.each}
    if not before or step is pipeline.each[-1]:
        return None
    first = min(before)
    done = f"tasks.{first}.outputs.parameters.done"
    if len(before) > 1:  # They run side by side, so that both ran or none.
        return f"{{{{={done} != nil}}}}"
    return f"{{{{=({done} ?? '0') != '0'}}}}"


def _latest(pipeline: Pipeline) -> str:
    """Return the manifest that the last step of a shard which ran has left."""
    manifests = [
        f"tasks.{step.name}.outputs.parameters.manifest" for step in reversed(pipeline.each[:-1])
    ]
    return f"{{{{={' ?? '.join(manifests)}}}}}"


def _planned(name: str, pipeline: Pipeline, gpu: bool) -> str:
    """Return what plan is given: the workflow's own, or what its user chose."""
    if name == "pods":
        return pod_layout(pipeline, gpu)
    return "{{workflow.name}}" if name == "run" else f"{{{{workflow.parameters.{name}}}}}"


def _output(source: Output) -> str:
    return f"{{{{tasks.{source.step}.outputs.parameters.{source.name}}}}}"


def _begun(task: str) -> str:
    """Return that a daemon is up, or will not be: then the run goes on without it."""
    return f"{task} || {task}.Failed || {task}.Errored"


def _task(
    name: str,
    template: str,
    arguments: Mapping[str, str],
    depends: set[str] | None = None,
    when: str | None = None,
) -> Task:
    return Task(
        name=name,
        template_ref=m.TemplateRef(name=template, template=template),
        arguments=values(**arguments),
        depends=" && ".join(sorted(depends)) if depends else None,
        when=when,
    )


def _workflow_level() -> dict[str, Any]:
    """Return the settings of the workflow around the pods."""
    return {
        "service_account_name": PODS,
        "automount_service_account_token": False,
        "executor": m.ExecutorConfig(service_account_name=EXECUTOR),
        "security_context": POD_SECURITY,
        # The logs of a failed step are wanted; those of a succeeded one for an hour.
        "pod_gc": m.PodGC(strategy="OnPodSuccess", delete_delay_duration="3600s"),
        "ttl_strategy": m.TTLStrategy(
            seconds_after_success=3 * _DAY_S, seconds_after_failure=14 * _DAY_S
        ),
        # More than there are: for pods without a controller Kubernetes takes no percentage, and
        # a drained node would cost the work of hours.
        "pod_disruption_budget": m.PodDisruptionBudgetSpec(min_available=9999),
    }


def _batch_name(pipeline_name: str) -> str:
    return f"{pipeline_name}-batch"
