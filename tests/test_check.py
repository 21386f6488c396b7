"""The static check of Argo manifests: a valid set passes, each single mistake is named."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflows.check import Document, ManifestError, Problem, check, problems
from workflows.check.__main__ import main
from workflows.check.tags import expression_references, references

# Each document lies in a file called after it. Together they use what the check knows about.
VALID: dict[str, dict[str, Any]] = {
    str(document["metadata"]["name"]): document
    for document in yaml.safe_load_all(
        """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: phases}
spec:
  templates:
  - name: plan
    inputs:
      parameters:
      - {name: prefix}
      - {name: order, default: size, enum: [size, name]}
    outputs:
      parameters:
      - {name: shards, valueFrom: {path: /tmp/shards}}
      - {name: run, valueFrom: {path: /tmp/run}}
    serviceAccountName: phase
    executor: {serviceAccountName: executor}
    container:
      image: oriane/plan
      command: [python, -m, components, plan]
      args: ["{{inputs.parameters.prefix}}", "{{outputs.parameters.shards.path}}"]
      envFrom: [{configMapRef: {name: settings}}]
  - name: crop
    inputs:
      parameters: [{name: manifest}]
      artifacts: [{name: extra, path: /tmp/extra, optional: true}]
    outputs:
      parameters: [{name: manifest, valueFrom: {path: /tmp/manifest}}]
      artifacts: [{name: log, path: /tmp/log}]
    volumes: [{name: scratch, emptyDir: {}}]
    retryStrategy:
      limit: "3"
      expression: lastRetry.status == "Error" || asInt(lastRetry.exitCode) in [75, 137]
    metrics:
      prometheus: [{name: crop, help: how it went, labels: [{key: status, value: "{{status}}"}]}]
    container:
      image: oriane/crop
      command: [python, -m, components, crop]
      args: ["{{inputs.parameters.manifest}}", "{{inputs.artifacts.extra.path}}", "{{retries}}"]
      env:
      - name: PROBES
        valueFrom: {configMapKeyRef: {name: settings, key: VP_CROP_PROBES}}
      - {name: RUN, value: "{{workflow.name}} {{pod.name}}"}
      volumeMounts: [{name: scratch, mountPath: /scratch}]
  - name: notify
    inputs:
      parameters: [{name: status}, {name: failures}]
    http:
      url: "http://hook/{{inputs.parameters.status}}"
      successCondition: response.statusCode == 200
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: pipeline}
spec:
  entrypoint: main
  onExit: end
  serviceAccountName: phase
  arguments:
    parameters: [{name: prefix}, {name: order, value: size, enum: [size, name]}]
  volumes: [{name: shared, emptyDir: {}}]
  templates:
  - name: main
    outputs:
      parameters: [{name: run, valueFrom: {parameter: "{{tasks.plan.outputs.parameters.run}}"}}]
    dag:
      failFast: false
      tasks:
      - name: plan
        templateRef: {name: phases, template: plan}
        arguments:
          parameters:
          - {name: prefix, value: "{{workflow.parameters.prefix}}"}
          - {name: order, value: "{{workflow.parameters.order}}"}
      - name: shard
        depends: plan.Succeeded
        template: shard
        withParam: "{{tasks.plan.outputs.parameters.shards}}"
        arguments:
          parameters: [{name: manifest, value: "{{item}}"}]
      - name: report
        depends: plan && (shard.AnySucceeded || shard.AllFailed)
        when: "{{tasks.plan.status}} == Succeeded"
        template: report
        arguments:
          parameters:
          - {name: manifests, value: "{{tasks.shard.outputs.parameters.manifest}}"}
          - {name: run, value: "{{=tasks.plan.outputs.parameters['run'] + '-x.y'}}"}
  - name: shard
    inputs:
      parameters: [{name: manifest}]
    outputs:
      parameters:
      - name: manifest
        valueFrom: {expression: "tasks['crop-it'].outputs.parameters.manifest ?? ''"}
    dag:
      tasks:
      - name: crop-it
        templateRef: {name: phases, template: crop}
        arguments:
          parameters: [{name: manifest, value: "{{inputs.parameters.manifest}}"}]
  - name: report
    inputs:
      parameters: [{name: manifests}, {name: run}]
    steps:
    - - name: count
        template: count
        hooks:
          exit:
            template: told
            arguments:
              parameters: [{name: what, value: "{{steps.count.status}}"}]
    - - name: tell
        template: told
        withItems: [{to: a}, {to: b}]
        arguments:
          parameters: [{name: what, value: "{{item.to}} {{steps.count.outputs.result}}"}]
  - name: count
    script:
      image: python
      command: [python]
      source: print(1)
      volumeMounts: [{name: shared, mountPath: /shared}]
  - name: told
    inputs:
      parameters: [{name: what}]
    container: {image: busybox, command: [echo], args: ["{{inputs.parameters.what}}"]}
  - name: end
    steps:
    - - name: notify
        templateRef: {name: phases, template: notify}
        arguments:
          parameters:
          - {name: status, value: "{{workflow.status}}"}
          - {name: failures, value: "{{workflow.failures}}"}
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: batch}
spec:
  entrypoint: launch
  arguments:
    parameters: [{name: prefix, value: ""}]
  templates:
  - name: launch
    inputs:
      parameters: [{name: prefix}]
    resource:
      action: create
      manifest: |
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata: {generateName: shard-}
        spec:
          workflowTemplateRef: {name: pipeline}
          arguments:
            parameters:
            - {name: prefix, value: "{{inputs.parameters.prefix}}"}
            - name: order
              value: {{=inputs.parameters.prefix == '' ? 'size' : 'name'}}
---
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: nightly}
spec:
  schedules: ["0 3 * * *"]
  when: "{{= cronworkflow.lastScheduledTime == nil }}"
  stopStrategy: {expression: cronworkflow.failed >= 3}
  workflowSpec:
    workflowTemplateRef: {name: pipeline}
    arguments:
      parameters: [{name: prefix, value: tiktok}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {VP_CROP_PROBES: "9"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: phase}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: executor}
"""
    )
}
DELETED = object()
K8S = Path(__file__).parent.parent / "k8s"


def edited(name: str, path: str, value: object) -> dict[str, dict[str, Any]]:
    """Return the valid documents with one field set, appended to a list (`[+]`) or deleted."""
    documents = copy.deepcopy(VALID)
    *parents, last = re.findall(r"[^.\[\]]+", path)
    at: Any = documents[name]
    for key in parents:
        at = at[_position(at, key)]
    if last == "+":
        at.append(value)
    elif value is DELETED:
        del at[_position(at, last)]
    else:
        at[_position(at, last)] = value
    return documents


def _position(at: Any, key: str) -> Any:
    if isinstance(at, dict):
        return key
    names = [each.get("name") if isinstance(each, dict) else None for each in at]
    return names.index(key) if key in names else int(key)


def checked(documents: dict[str, dict[str, Any]]) -> list[Problem]:
    return problems(Document(f"{name}.yaml", body) for name, body in documents.items())


def written(folder: Path, documents: dict[str, dict[str, Any]]) -> Path:
    for name, body in documents.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(body, sort_keys=False))
    return folder


CROP = "spec.templates[crop]"
PLAN = "spec.templates[plan]"
MAIN = "spec.templates[main].dag.tasks"
SHARD = "spec.templates[shard].dag.tasks[crop-it]"
STEPS = "spec.templates[report].steps"
LAUNCH = "spec.templates[launch].resource.manifest"
MANIFEST = VALID["batch"]["spec"]["templates"][0]["resource"]["manifest"]
ARG = "arguments.parameters"


def param(name: str, value: object) -> dict[str, object]:
    return {"name": name, "value": value}


# document, field that is changed, its new value; then the field of the problem ("" for the same)
# and a part of the message.
MISTAKES: dict[str, tuple[str, str, object, str, str]] = {
    # references
    "unknown input": (
        "phases", f"{CROP}.container.args", ["{{inputs.parameters.manifst}}"],
        f"{CROP}.container.args[0]", "did you mean 'manifest'?; known: manifest",
    ),
    "unknown input artifact": (
        "phases", f"{CROP}.container.args", ["{{inputs.artifacts.extras.path}}"],
        f"{CROP}.container.args[0]", "inputs.artifacts has no 'extras'",
    ),
    "unknown root": (
        "phases", f"{CROP}.container.args", ["{{input.parameters.manifest}}"],
        f"{CROP}.container.args[0]", "there is no 'input' here; did you mean 'inputs'?",
    ),
    "no value": (
        "phases", f"{CROP}.container.args", ["{{inputs.artifacts}}"],
        f"{CROP}.container.args[0]", "expected a name after inputs.artifacts; known: extra",
    ),
    "open tag": (
        "phases", f"{CROP}.container.args", ["{{inputs.parameters.manifest"],
        f"{CROP}.container.args[0]", "'{{' without '}}'",
    ),
    "unknown output path": (
        "phases", f"{CROP}.container.args", ["{{outputs.artifacts.logs.path}}"],
        f"{CROP}.container.args[0]", "did you mean 'log'?",
    ),
    "unknown workflow field": (
        "phases", f"{CROP}.container.env[RUN].value", "{{workflow.nam}}", "",
        "did you mean 'name'?",
    ),
    "priority of a workflow without": (
        "phases", f"{CROP}.container.env[RUN].value", "{{workflow.priority}}", "",
        "only where spec.priority is set",
    ),
    "undeclared workflow parameter": (
        "phases", f"{CROP}.container.env[RUN].value", "{{workflow.parameters.prefix}}", "",
        "workflow.parameters has no 'prefix'; known: json",
    ),
    "status before the end": (
        "phases", f"{PLAN}.container.args", ["{{workflow.status}}"], f"{PLAN}.container.args[0]",
        "always Running but in what onExit and hooks call",
    ),
    "failures before the end": (
        "phases", f"{PLAN}.container.args", ["{{workflow.failures}}"], f"{PLAN}.container.args[0]",
        "only in what onExit and hooks call",
    ),
    "retries without retryStrategy": (
        "phases", f"{PLAN}.container.args", ["{{retries}}"], f"{PLAN}.container.args[0]",
        "only in a template with retryStrategy",
    ),
    "unknown field of lastRetry": (
        "phases", f"{CROP}.retryStrategy.expression", "lastRetry.exitcode == '75'", "",
        "did you mean 'exitCode'?",
    ),
    "pod of no pod": (
        "phases", "spec.templates[notify].http.url", "http://hook/{{pod.name}}", "",
        "only in templates of container",
    ),
    "unknown field of a response": (
        "phases", "spec.templates[notify].http.successCondition", "response.status == 200", "",
        "did you mean 'statusCode'?",
    ),
    "unknown metric": (
        "phases", f"{CROP}.metrics.prometheus[crop].labels[0].value", "{{outputs.parameters.x}}",
        "", "outputs.parameters has no 'x'; known: manifest",
    ),
    "item without loop": (
        "pipeline", f"{SHARD}.{ARG}[manifest].value", "{{item}}", "",
        "only in a task with one of withItems, withParam, withSequence",
    ),
    "item in what makes the items": (
        "pipeline", f"{MAIN}[shard].withParam", "{{item}}", "", "item is known only",
    ),
    "unknown key of item": (
        "pipeline", f"{STEPS}[1][0].{ARG}[what].value", "{{item.from}}",
        f"{STEPS}[1][tell].{ARG}[what].value", "item has no 'from'; known: to",
    ),
    "key of a number": (
        "pipeline", f"{MAIN}[shard]",
        {
            "name": "shard", "template": "shard", "depends": "plan", "withSequence": {"count": "2"},
            "arguments": {"parameters": [param("manifest", "{{item.a}}")]},
        },
        f"{MAIN}[shard].{ARG}[manifest].value", "item has no 'a'",
    ),
    "task that is not waited for": (
        "pipeline", f"{MAIN}[shard].depends", DELETED, f"{MAIN}[shard].withParam",
        "does not wait for 'plan'; add it to depends",
    ),
    "unknown task": (
        "pipeline", f"{MAIN}[shard].withParam", "{{tasks.plam.outputs.parameters.shards}}", "",
        "tasks has no 'plam'; did you mean 'plan'?",
    ),
    "unknown output of a task": (
        "pipeline", f"{MAIN}[shard].withParam", "{{tasks.plan.outputs.parameters.shard}}", "",
        "did you mean 'shards'?; known: run, shards",
    ),
    "unknown artifact of a task": (
        "pipeline", f"{MAIN}[report].when", "{{tasks.shard.outputs.artifacts.log}}", "",
        "tasks.shard.outputs.artifacts has no 'log'",
    ),
    "result of a DAG": (
        "pipeline", f"{MAIN}[report].when", "{{tasks.shard.outputs.result}}", "",
        "template 'shard' has no result",
    ),
    "address of no daemon": (
        "pipeline", f"{MAIN}[report].when", "{{tasks.plan.ip}}", "", "is no daemon",
    ),
    "unknown field of a task": (
        "pipeline", f"{MAIN}[report].when", "{{tasks.plan.state}}", "", "tasks.plan has no 'state'",
    ),
    "tasks outside a DAG": (
        "pipeline", "spec.templates[told].container.args[0]", "{{tasks.plan.status}}", "",
        "tasks are known only in the tasks and outputs of a DAG",
    ),
    "unknown task in outputs": (
        "pipeline", "spec.templates[main].outputs.parameters[run].valueFrom.parameter",
        "{{tasks.plans.outputs.parameters.run}}", "", "did you mean 'plan'?",
    ),
    "unknown task in an expression": (
        "pipeline", "spec.templates[shard].outputs.parameters[manifest].valueFrom.expression",
        "tasks['crop-if'].outputs.parameters.manifest", "", "did you mean 'crop-it'?",
    ),
    "hyphen in an expression": (
        "pipeline", "spec.templates[shard].outputs.parameters[manifest].valueFrom.expression",
        "tasks.crop-it.outputs.parameters.manifest", "",
        "a hyphen is a minus, write tasks['crop-it']",
    ),
    "unknown output in an expression tag": (
        "pipeline", f"{MAIN}[report].{ARG}[run].value", "{{=tasks.plan.outputs.parameters['ran']}}",
        "", "did you mean 'run'?",
    ),
    "step that comes later": (
        "pipeline", f"{STEPS}[0][0].when", "{{steps.tell.status}} == Failed",
        f"{STEPS}[0][count].when", "step 'tell' does not end before this one begins",
    ),
    "step itself": (
        "pipeline", f"{STEPS}[0][0].when", "{{steps.count.status}} == Failed",
        f"{STEPS}[0][count].when", "does not end before this one begins",
    ),
    "unknown step in a hook": (
        "pipeline", f"{STEPS}[0][0].hooks.exit.{ARG}[what].value", "{{steps.cont.status}}",
        f"{STEPS}[0][count].hooks.exit.{ARG}[what].value",
        "did you mean 'count'?",
    ),
    "unknown field of a cron workflow": (
        "nightly", "spec.stopStrategy.expression", "cronworkflow.fail >= 3", "",
        "did you mean 'failed'?",
    ),
    "unknown name in templateDefaults": (
        "pipeline", "spec.templateDefaults", {"metadata": {"labels": {"a": "{{workflow.nam}}"}}},
        "spec.templateDefaults.metadata.labels.a", "did you mean 'name'?",
    ),
    "unknown global output": (
        "pipeline", "spec.podMetadata", {"labels": {"a": "{{workflow.outputs.parameters.a}}"}},
        "spec.podMetadata.labels.a", "workflow.outputs.parameters has no 'a'",
    ),
    "unknown tag in a manifest": (
        "batch", LAUNCH, MANIFEST.replace('"{{inputs.parameters.prefix', '"{{inputs.parameters.x'),
        "",
        "inputs.parameters has no 'x'",
    ),
    "unknown expression in a manifest": (
        "batch", LAUNCH, MANIFEST.replace("{{=inputs.parameters.prefix", "{{=inputs.parameters.y"),
        "", "inputs.parameters has no 'y'",
    ),
    # templates
    "unknown workflow template": (
        "pipeline", f"{SHARD}.templateRef.name", "phase", "",
        "no WorkflowTemplate 'phase' among the files given; did you mean 'phases'?",
    ),
    "cluster scope": (
        "pipeline", f"{SHARD}.templateRef.clusterScope", True, f"{SHARD}.templateRef.name",
        "no ClusterWorkflowTemplate 'phases' among the files given; known: none",
    ),
    "unknown template of another": (
        "pipeline", f"{SHARD}.templateRef.template", "crops", "",
        "WorkflowTemplate/phases has no template 'crops'; did you mean 'crop'?",
    ),
    "unknown template": (
        "pipeline", f"{STEPS}[0][0].template", "counts", f"{STEPS}[0][count].template",
        "did you mean 'count'?",
    ),
    "template twice": (
        "pipeline", f"{SHARD}.template", "told", SHARD, "found template and templateRef",
    ),
    "no template": ("pipeline", f"{SHARD}.templateRef", DELETED, SHARD, "found none"),
    "unknown entrypoint": ("pipeline", "spec.entrypoint", "start", "", "no template 'start'"),
    "unknown onExit": ("pipeline", "spec.onExit", "ended", "", "did you mean 'end'?"),
    "unknown hook": (
        "pipeline", "spec.hooks", {"exit": {"template": "ended"}}, "spec.hooks.exit.template",
        "did you mean 'end'?",
    ),
    "unknown workflowTemplateRef": (
        "nightly", "spec.workflowSpec.workflowTemplateRef.name", "pipelines", "",
        "did you mean 'pipeline'?",
    ),
    "unknown workflowTemplateRef in a manifest": (
        "batch", LAUNCH, MANIFEST.replace("{name: pipeline}", "{name: pipelines}"),
        f"{LAUNCH}.spec.workflowTemplateRef.name", "did you mean 'pipeline'?",
    ),
    # arguments
    "missing argument": (
        "pipeline", f"{MAIN}[plan].{ARG}[prefix]", DELETED, "",
        "template 'plan' requires parameter 'prefix', which has no default; given: order",
    ),
    "unknown argument": (
        "pipeline", f"{MAIN}[plan].{ARG}[+]", param("ordr", "a"), f"{MAIN}[plan].{ARG}[ordr]",
        "'plan' has no input parameter 'ordr'; did you mean 'order'?; known: order, prefix",
    ),
    "argument without value": (
        "pipeline", f"{MAIN}[plan].{ARG}[prefix].value", DELETED, f"{MAIN}[plan].{ARG}[prefix]",
        "expected value or valueFrom, found neither",
    ),
    "missing artifact": (
        "phases", f"{CROP}.inputs.artifacts[extra].optional", DELETED,
        f"pipeline.yaml:{SHARD}.arguments.artifacts[extra]", "requires artifact 'extra'",
    ),
    "missing argument of a hook": (
        "pipeline", f"{STEPS}[0][0].hooks.exit.arguments", DELETED,
        f"{STEPS}[0][count].{ARG}[what]", "template 'told' requires parameter 'what'",
    ),
    "missing argument of the entrypoint": (
        "batch", "spec.arguments", DELETED, f"spec.{ARG}[prefix]",
        "template 'launch' requires parameter 'prefix'",
    ),
    "missing argument of a cron workflow": (
        "nightly", f"spec.workflowSpec.{ARG}[prefix]", DELETED, "",
        "WorkflowTemplate/pipeline requires argument 'prefix', which has no value; given: none",
    ),
    "unknown argument of a cron workflow": (
        "nightly", f"spec.workflowSpec.{ARG}[+]", param("oder", "size"),
        f"spec.workflowSpec.{ARG}[oder]", "has no argument 'oder'; did you mean 'order'?",
    ),
    "missing argument in a manifest": (
        "batch", LAUNCH, MANIFEST.replace("- {name: prefix", "#"),
        f"{LAUNCH}.spec.{ARG}[prefix]", "requires argument 'prefix'",
    ),
    "unknown argument in a manifest": (
        "batch", LAUNCH, MANIFEST.replace("name: order", "name: odrer"),
        f"{LAUNCH}.spec.{ARG}[odrer]", "did you mean 'order'?",
    ),
    "argument without value in a manifest": (
        "batch", LAUNCH, MANIFEST.replace(', value: "{{inputs.parameters.prefix}}"', ""),
        f"{LAUNCH}.spec.{ARG}[prefix]", "expected value or valueFrom",
    ),
    "manifest that is no YAML": ("batch", LAUNCH, "a: [", "", "is not YAML"),
    "default outside the enum": (
        "phases", f"{PLAN}.inputs.parameters[order].default", "sizes", "",
        "'sizes' is not in the enum; did you mean 'size'?; known: name, size",
    ),
    "argument outside the enum": (
        "pipeline", f"{MAIN}[plan].{ARG}[order].value", "random", "", "not in the enum",
    ),
    "workflow argument outside the enum": (
        "pipeline", f"spec.{ARG}[order].value", "random", "", "not in the enum",
    ),
    "the text null": (
        "pipeline", f"{MAIN}[plan].{ARG}[prefix].value", "null", "", "the text 'null'",
    ),
    "parameter lost by templateRef": (
        "phases", "spec.templates[plan].container.args", ["{{workflow.parameters.bucket}}"],
        f"{PLAN}.container.args[0]", "workflow.parameters has no 'bucket'",
    ),
    # names
    "template name twice": (
        "phases", "spec.templates[+]", {"name": "plan", "suspend": {}}, PLAN, "occurs 2 times",
    ),
    "task name twice": (
        "pipeline", "spec.templates[shard].dag.tasks[+]",
        VALID["pipeline"]["spec"]["templates"][1]["dag"]["tasks"][0], SHARD, "occurs 2 times",
    ),
    "step name twice": (
        "pipeline", f"{STEPS}[1][+]", {"name": "count", "template": "count"}, f"{STEPS}[count]",
        "occurs 2 times",
    ),
    "input name twice": (
        "phases", f"{CROP}.inputs.parameters[+]", {"name": "manifest"},
        f"{CROP}.inputs.parameters[manifest]", "occurs 2 times",
    ),
    "argument name twice": (
        "pipeline", f"{SHARD}.{ARG}[+]", param("manifest", "a"), f"{SHARD}.{ARG}[manifest]",
        "occurs 2 times",
    ),
    # order
    "unknown dependency": (
        "pipeline", f"{MAIN}[report].depends", "plan && shard && shards", "",
        "no task 'shards' in this DAG; did you mean 'shard'?",
    ),
    "unknown result": (
        "pipeline", f"{MAIN}[shard].depends", "plan.Suceeded", "",
        "'Suceeded' is no result of a task; did you mean 'Succeeded'?",
    ),
    "result of items without items": (
        "pipeline", f"{MAIN}[shard].depends", "plan.AnySucceeded", "", "'plan' has no items",
    ),
    "depends and dependencies": (
        "pipeline", f"{MAIN}[shard].dependencies", ["plan"], "", "exclude each other",
    ),
    "waits for itself": (
        "pipeline", f"{SHARD}.depends", "crop-it", "", "'crop-it' waits for itself",
    ),
    "unknown target": (
        "pipeline", "spec.templates[main].dag.target", "plan reprt", "", "did you mean 'report'?",
    ),
    # pods
    "unknown volume": (
        "phases", f"{CROP}.container.volumeMounts[scratch].name", "tmp",
        f"{CROP}.container.volumeMounts[tmp]", "'crop' has no volume 'tmp'; known: scratch",
    ),
    "unknown config map": (
        "phases", f"{PLAN}.container.envFrom[0].configMapRef.name", "setting", "",
        "no ConfigMap 'setting' among the files given; did you mean 'settings'?",
    ),
    "unknown key of a config map": (
        "phases", f"{CROP}.container.env[PROBES].valueFrom.configMapKeyRef.key", "CROP_PROBES", "",
        "ConfigMap 'settings' has no key 'CROP_PROBES'; did you mean 'VP_CROP_PROBES'?",
    ),
    "unknown service account": (
        "pipeline", "spec.serviceAccountName", "phases", "", "did you mean 'phase'?",
    ),
    "unknown service account of the executor": (
        "phases", f"{PLAN}.executor.serviceAccountName", "exec", "", "no ServiceAccount 'exec'",
    ),
    # traps
    "retry limit that is a number": (
        "phases", f"{CROP}.retryStrategy.limit", 3, "", "write '3'",
    ),
    "no command": (
        "phases", f"{CROP}.container.command", DELETED, "", "expected a command",
    ),
    "schedule": ("nightly", "spec.schedule", "0 3 * * *", "", "use schedules"),
    "mutex": (
        "pipeline", "spec.synchronization", {"mutex": {"name": "a"}}, "spec.synchronization.mutex",
        "use synchronization.mutexes",
    ),
    "semaphore": (
        "phases", f"{CROP}.synchronization", {"semaphore": {}}, f"{CROP}.synchronization.semaphore",
        "use synchronization.semaphores",
    ),
    "pod priority": ("pipeline", "spec.podPriority", 3, "", "use podPriorityClassName"),
}  # fmt: skip


def test_the_valid_documents_are_valid() -> None:
    assert checked(VALID) == []


def test_the_manifests_of_this_project_are_valid() -> None:
    assert check([K8S]) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_found_where_it_is(mistake: str) -> None:
    name, path, value, field, fragment = MISTAKES[mistake]
    file, _, field = (field or path).rpartition(":")
    found = checked(edited(name, path, value))
    assert [(p.file, p.field) for p in found] == [(file or f"{name}.yaml", field)], found
    assert fragment in found[0].message


def test_a_cycle_is_a_problem_of_each_of_its_tasks() -> None:
    found = checked(edited("pipeline", f"{MAIN}[plan].depends", "report"))
    cycle = [p for p in found if "waits for itself" in p.message]
    assert [p.field for p in cycle] == [
        f"{MAIN}[{name}].depends" for name in ("plan", "report", "shard")
    ]
    assert "through plan, report, shard" in cycle[0].message


def test_parameters_and_volumes_of_the_other_workflow_template_are_lost() -> None:
    documents = edited("phases", "spec.arguments", {"parameters": [param("bucket", "b")]})
    phases = documents["phases"]["spec"]
    phases["volumes"] = phases["templates"][1].pop("volumes")
    phases["templates"][1]["container"]["args"].append("{{workflow.parameters.bucket}}")
    found = [p for p in checked(documents) if "pipeline" in p.message]
    assert [(p.file, p.field) for p in found] == [
        ("phases.yaml", f"{CROP}.container.args[3]"),
        ("phases.yaml", f"{CROP}.container.volumeMounts[scratch]"),
    ]
    assert "has no argument 'bucket'; templateRef does not bring it along" in found[0].message
    assert "move it into the template's volumes" in found[1].message


def test_a_volume_can_be_the_claim_of_the_workflow() -> None:
    documents = edited("pipeline", "spec.volumes", DELETED)
    assert [p.field for p in checked(documents)] == [
        "spec.templates[count].script.volumeMounts[shared]"
    ]
    documents["pipeline"]["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "shared"}}]
    assert checked(documents) == []


def test_an_inline_template_uses_its_own_names_and_those_of_its_task() -> None:
    inline = {
        "inputs": {"parameters": [{"name": "own"}]},
        "container": {
            "image": "busybox",
            "command": ["{{item}} {{inputs.parameters.own}} {{inputs.parameters.manifests}}"],
        },
    }
    step = {
        "name": "inlined",
        "inline": inline,
        "withItems": [1, 2],
        "arguments": {"parameters": [param("own", "{{item}}")]},
    }
    assert checked(edited("pipeline", f"{STEPS}[1][+]", step)) == []
    inline["container"]["command"] = ["{{inputs.parameters.other}}"]  # type: ignore[index]
    found = checked(edited("pipeline", f"{STEPS}[1][+]", step))
    assert [p.field for p in found] == [f"{STEPS}[1][inlined].inline.container.command[0]"]


def test_global_outputs_are_known_to_the_workflow_that_makes_them() -> None:
    documents = edited("phases", f"{CROP}.outputs.parameters[manifest].globalName", "last")
    told = documents["pipeline"]["spec"]["templates"][4]["container"]
    told["args"] = ["{{workflow.outputs.parameters.last}}"]
    assert checked(documents) == []


def test_what_a_tag_decides_is_not_checked() -> None:
    assert checked(edited("pipeline", f"{SHARD}.templateRef.name", "{{workflow.name}}")) == []


def test_without_any_of_a_kind_its_references_are_not_checked() -> None:
    documents = {name: body for name, body in VALID.items() if body["kind"] != "ConfigMap"}
    assert checked(documents) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ inputs.parameters.a }}-{{item}}", ["inputs.parameters.a", "item"]),
        ("{{.Name}} {{ .Name }}", []),
        ("{{=sprig.trim(inputs.parameters['a-b'])}}", ["inputs.parameters.a-b"]),
        ('{{=jsonpath(item.a, "$.steps.x") ?? `tasks.y`}}', ["item.a"]),
        ("{{=filter(item, {.age > 3 && # != 1e3})}}", ["item"]),
        ("{{=let a = tasks.b.status; a.c}}", ["tasks.b.status"]),
        ("{{=(now() - workflow.creationTimestamp).Seconds()}}", ["workflow.creationTimestamp"]),
        ("{{=steps?.a?.outputs . result}}", ["steps.a.outputs.result"]),
        ("{{=task.a.status}}", ["task.a.status"]),
    ],
)
def test_references(text: str, expected: list[str]) -> None:
    assert [".".join(reference.parts) for reference in references(text)] == expected


def test_tags_in_a_bare_expression_are_references_too() -> None:
    found = expression_references("{{=asInt(lastRetry.exitCode)}} > retries")
    assert [reference.parts for reference in found] == [("lastRetry", "exitCode"), ("retries",)]


def test_files_and_lists_are_read(tmp_path: Path) -> None:
    listed = {"kind": "List", "items": [VALID["phases"], VALID["pipeline"]]}
    (tmp_path / "list.yaml").write_text(yaml.safe_dump(listed))
    (tmp_path / "more").mkdir()
    rest = {name: body for name, body in VALID.items() if body["kind"] != "WorkflowTemplate"}
    written(tmp_path / "more", rest)
    assert check([tmp_path]) == []
    alone = check([tmp_path / "more" / "nightly.yaml"])
    assert [p.field for p in alone] == ["spec.workflowSpec.workflowTemplateRef.name"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "is not YAML: while parsing"),
        (b"\xff\xfe\xff", "is not YAML"),
        (b"- 1", "expected Kubernetes manifests, found a list"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "other.yaml"
    file.write_bytes(content)
    with pytest.raises(ManifestError, match=r"other\.yaml") as error:
        check([file])
    assert message in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.yaml: cannot be read"):
        check([tmp_path / "none.yaml"])


def test_command_writes_a_line_for_each_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(written(tmp_path, VALID))]) == 0
    assert capsys.readouterr().out == ""
    written(tmp_path, edited("pipeline", "spec.entrypoint", "start"))
    assert main([str(tmp_path)]) == 1
    line = f"{tmp_path}/pipeline.yaml: WorkflowTemplate/pipeline: spec.entrypoint: "
    assert capsys.readouterr().out.startswith(line)
    (tmp_path / "pipeline.yaml").write_text("{")
    assert main([str(tmp_path)]) == 1
    assert "pipeline.yaml: is not YAML" in capsys.readouterr().err


def test_command_has_help_and_an_example() -> None:
    command = [sys.executable, "-m", "workflows.check", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "example: python -m workflows.check k8s/" in shown
