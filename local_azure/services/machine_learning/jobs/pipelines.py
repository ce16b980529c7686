"""Pipelines: steps that run as soon as what they need is there, side by side where nothing connects them.

Each step is a run of its own, a child of the pipeline's. A step of type `pipeline` is a pipeline with steps of its own;
a step of type `sweep` has trials, and hands on what its best trial has made.
A step whose component, code, environment and inputs are those of an earlier step takes over its outputs, as on Azure.
"""

import asyncio
import hashlib
import json
import re

from .. import arm
from ..assets import references
from . import command_jobs, commands, running, runs, shapes, sweep_steps, sweeps, tracking

LOG = "logs/azureml/executionlogs.txt"
FROM_PARENT = re.compile(r"\$\{\{parent\.inputs\.([\w.\-]+)\}\}")
FROM_STEP = re.compile(r"\$\{\{parent\.jobs\.([\w\-]+)\.outputs\.([\w\-]+)\}\}")
TO_PARENT = re.compile(r"\$\{\{parent\.outputs\.([\w\-]+)\}\}")
KINDS = ("command", "pipeline", "sweep")
AS_ASSET = {"name": "assetName", "version": "assetVersion"}  # azure-ai-ml's names for them in a step, and a job's
DEEPEST = 10  # pipelines within pipelines
REUSED = "azureml.isreused"
REUSED_RUN = "azureml.reusedrunid"


def check(state, workspace, name, asked, depth=0):
    """Refuse a pipeline that Azure would refuse, or that cannot run here."""
    shapes.check(asked, shapes.PIPELINE)
    if depth > DEEPEST:
        raise arm.user_error(f"Pipelines are nested more than {DEEPEST} deep.")
    if depth == 0:
        command_jobs.sources(state, workspace, asked.get("inputs"))
    steps = _steps(state, asked)
    for step_name, step in steps.items():
        _check_step(state, workspace, name, asked, steps, step_name, step, depth)
    _check_order({step_name: _needs(step) for step_name, step in steps.items()})


def _steps(state, asked):
    """The steps of a pipeline, by name; those of its component if it has one."""
    steps = asked.get("jobs")
    if not steps and asked.get("componentId"):
        steps = _component(state, asked["componentId"]).get("jobs")
    if not steps:
        raise arm.user_error("The pipeline has no steps.", target="jobs")
    return {name: sweep_steps.like_others(step) for name, step in steps.items()}


def _component(state, reference):
    """What a component says that a step does."""
    spec = references.asset(state, reference)["properties"].get("componentSpec")
    if not isinstance(spec, dict):
        raise arm.user_error(f"The component {reference} has no specification.")
    shapes.check(spec, shapes.COMPONENT, "componentSpec")
    return shapes.given(spec)


def _check_step(state, workspace, name, asked, steps, step_name, step, depth):
    where = f"jobs.{step_name}"
    if not step:
        raise arm.user_error(f"The step {step_name} is empty.", target=where)
    kind = step.get("type") or "command"
    if kind not in KINDS:
        raise arm.not_yet(f"steps of type {kind} in a pipeline ({where})")
    if not step.get("componentId"):
        raise arm.user_error(f"The step {step_name} names no component.", target=f"{where}.componentId")
    for value in _bindings(step):
        if (found := FROM_PARENT.fullmatch(value)) and found[1] not in _inputs(state, asked):
            raise arm.user_error(f"The step {step_name} takes {found[1]}, which the pipeline has not.", target=where)
        if (found := FROM_STEP.fullmatch(value)) and found[1] not in steps:
            raise arm.user_error(f"The step {step_name} takes an output of {found[1]}, which is no step.", target=where)
        if (found := FROM_STEP.fullmatch(value)) and found[2] not in _outputs(state, steps[found[1]]):
            raise arm.user_error(f"The step {found[1]} has no output {found[2]}.", target=where)
    spec = _component(state, step["componentId"])
    given_names = (step.get("inputs") or {}).keys() | (step.get("search_space") or {}).keys()
    for input_name, given in (spec.get("inputs") or {}).items():
        optional = str(given.get("optional")).lower() == "true" or given.get("default") is not None
        if not optional and input_name not in given_names:
            raise arm.user_error(f"The step {step_name} is not given its input {input_name}.", target=f"{where}.inputs")
    stand_ins = _stand_ins(_own_inputs(state, asked), spec, step)
    task = _as_job(state, workspace, asked, step_name, step, stand_ins, {})
    if kind == "sweep":
        sweeps.check(state, workspace, name, task)
        return
    if kind == "pipeline":
        check(state, workspace, name, task, depth + 1)
        return
    command_jobs.check_task(state, workspace, task)
    command_jobs.check_compute(state, workspace, task)
    command_jobs.seconds_of(task.get("limits"))
    known = {"inputs": spec.get("inputs") or {}, "outputs": spec.get("outputs") or {}}
    command_jobs.check_references(task["command"], known)


def _inputs(state, asked):
    """The names of a pipeline's inputs, those among them that may be left out."""
    names = set(asked.get("inputs") or {})
    if asked.get("componentId"):
        names |= set(_component(state, asked["componentId"]).get("inputs") or {})
    return names


def _outputs(state, step):
    return _component(state, step.get("componentId") or "").get("outputs") or {}


def _bindings(step):
    return [value["value"] for value in (step.get("inputs") or {}).values() if isinstance(value.get("value"), str)]


def _needs(step):
    """The steps whose outputs a step takes."""
    return {found[1] for value in _bindings(step) if (found := FROM_STEP.fullmatch(value))}


def _check_order(needs):
    """400 if steps wait for each other in a circle."""
    left = dict(needs)
    while left:
        ready = [name for name, needed in left.items() if not needed & left.keys()]
        if not ready:
            raise arm.user_error(f"These steps need each other's outputs: {', '.join(sorted(left))}.", target="jobs")
        for name in ready:
            del left[name]


def _own_inputs(state, asked):
    """A pipeline's inputs by name, those left out with the defaults of its component."""
    given = dict(asked.get("inputs") or {})
    if asked.get("componentId"):
        for name, spec in (_component(state, asked["componentId"]).get("inputs") or {}).items():
            if name not in given and spec.get("default") is not None:
                given[name] = {"jobInputType": "literal", "value": spec["default"]}
    return given


def _stand_ins(own, spec, step):
    """Inputs for a check, before there are any. own: the pipeline's, whose texts one within it may need."""
    names = step.get("inputs") or {}
    if step.get("type") == "pipeline":
        return {name: {"jobInputType": "literal", "value": _text(own, given)} for name, given in names.items()}
    if step.get("type") == "sweep":  # whose command is checked with the inputs that it has
        names = (names | (spec.get("inputs") or {})).keys() - (step.get("search_space") or {}).keys()
    return {name: {"jobInputType": "literal", "value": ""} for name in names}


def _text(own, given):
    """What an input of a step says, if it is known before the pipeline runs; an empty text otherwise."""
    text = given.get("value")
    if isinstance(text, str) and (found := FROM_PARENT.fullmatch(text)):
        text = (own.get(found[1]) or {}).get("value")
    return text if isinstance(text, str) and "${{" not in text else ""


def _compute(state, workspace, asked, name, step):
    """The compute of a step, as an id. The name of one may be an input of the pipeline."""
    reference = step.get("computeId") or (asked.get("settings") or {}).get("default_compute") or asked.get("computeId")
    found = FROM_PARENT.fullmatch(reference) if isinstance(reference, str) else None
    if not found:
        return reference
    named = (_own_inputs(state, asked).get(found[1]) or {}).get("value")
    if not named or not isinstance(named, str):
        message = f"The step {name} takes its compute from the input {found[1]}, which does not name one."
        raise arm.user_error(message, target="computeId")
    named = named.removeprefix("azureml:")
    return named if named.startswith("/") else f"{workspace}/computes/{named}"


def _as_job(state, workspace, asked, name, step, inputs, outputs):
    """The job that a step is, with its inputs worked out. outputs: name -> where it goes, if the pipeline says so."""
    spec = _component(state, step["componentId"])
    settings = asked.get("settings") or {}
    shared = {
        "displayName": step.get("display_name") or name,
        "experimentName": asked.get("experimentName"),
        "componentId": step["componentId"],
        "inputs": inputs,
        "tags": step.get("tags") or {},
        "properties": {"azureml.moduleName": str(spec.get("name")), "azureml.nodeName": name},
    }
    if step.get("type") == "pipeline":
        return shared | {"jobType": "Pipeline", "jobs": spec.get("jobs"), "outputs": outputs, "settings": settings}
    task = {}
    for output, given in (spec.get("outputs") or {}).items():
        own = (step.get("outputs") or {}).get(output) or {}
        kept = {key: own[key] for key in ("uri", "mode", "assetName", "assetVersion") if own.get(key)}
        kept |= {key: own[sent] for sent, key in AS_ASSET.items() if own.get(sent)}
        kind = {"jobOutputType": str(given.get("type") or "uri_folder")}
        task[output] = kind | kept | {key: value for key, value in outputs.get(output, {}).items() if value}
    resources = step.get("resources") or spec.get("resources") or {}
    what = {
        "command": spec.get("command"),
        "codeId": spec.get("code"),
        "environmentId": step.get("environment") or spec.get("environment"),
        "environmentVariables": (spec.get("environment_variables") or {}) | (step.get("environment_variables") or {}),
        "distribution": step.get("distribution") or spec.get("distribution"),
        "resources": {"instanceCount": _whole(resources.get("instance_count"))},
    }
    shared["computeId"] = _compute(state, workspace, asked, name, step)
    step = step | {"limits": _settled(_own_inputs(state, asked), step.get("limits") or {})}
    if step.get("type") == "sweep":
        return shared | sweep_steps.as_sweep(step) | {"trial": what, "outputs": task}
    return shared | {"jobType": "Command", **what, "limits": _limits(step.get("limits")), "outputs": task}


def _settled(own, given):
    """Settings of a step, with the values of those that name an input of the pipeline."""
    found = {key: FROM_PARENT.fullmatch(value) for key, value in given.items() if isinstance(value, str)}
    named = {key: (own.get(one[1]) or {}).get("value") for key, one in found.items() if one}
    return given | {key: _whole(value) for key, value in named.items()}


def _whole(value):
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _limits(given):
    """The limits of a step."""
    timeout = sweep_steps.duration((given or {}).get("timeout"))
    return {"jobLimitsType": "Command", "timeout": timeout} if timeout else {}


class Pipeline:
    """One pipeline under way."""

    def __init__(self, state, run):
        self.state, self.run, self.asked = state, run, run["properties"]
        self.steps = _steps(state, self.asked)
        self.settings = self.asked.get("settings") or {}
        self.log = runs.folder(state, run, LOG)
        self.children, self.tasks, self.over = {}, {}, {}
        self.inputs = _own_inputs(state, self.asked)

    def say(self, text):
        commands.write(self.log, text + "\n")

    async def go(self):
        """Begin each step when what it needs has completed; what needs a failed step is not begun."""
        go_on = self.settings.get("continue_on_step_failure")
        go_on = go_on is None or str(go_on).lower() == "true"
        while True:
            failed = any(status != "Completed" for status in self.over.values())
            for name in self.ready() if go_on or not failed else ():
                await self.begin(name)
            if not self.tasks:
                if self.ready() and (go_on or not failed):
                    continue  # reused steps are over at once
                return
            await asyncio.wait(self.tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            for name in [name for name, task in self.tasks.items() if task.done()]:
                self.end(name)
            if not go_on and any(status != "Completed" for status in self.over.values()):
                await self.stop()

    def ready(self):
        """The steps that wait for nothing any more."""
        done = {name for name, status in self.over.items() if status == "Completed"}
        return [name for name, step in self.steps.items() if name not in self.children and _needs(step) <= done]

    async def begin(self, name):
        """Begin a step, or take over what an earlier one has made."""
        step = self.steps[name]
        spec = _component(self.state, step["componentId"])
        inputs = {key: value for key, given in (step.get("inputs") or {}).items() if (value := self.value(given))}
        for key, given in (spec.get("inputs") or {}).items():
            if key not in inputs and key not in (step.get("search_space") or {}) and given.get("default") is not None:
                inputs[key] = {"jobInputType": "literal", "value": given["default"]}
        for key, value in inputs.items():
            kind = (spec.get("inputs") or {}).get(key, {}).get("type")
            if "uri" in value and kind:
                inputs[key] = value | {"jobInputType": kind}
        workspace = self.run["workspace"]
        task = _as_job(self.state, workspace, self.asked, name, step, inputs, self.destinations(step))
        signature = _signature(task, spec)
        before = None if self.forced() else _earlier(self.state, workspace, signature)
        child = runs.create(
            self.state, workspace, f"{self.run['name']}_{name}", task, parent=self.run, child_of_pipeline=True
        )
        self.children[name] = child["name"]
        if before:
            kept = task["properties"] | {REUSED: "true", REUSED_RUN: before["name"]}
            properties = child["properties"] | {"properties": kept}
            runs.change(self.state, child, outputs=before["outputs"], properties=properties)
            runs.move(self.state, child, "Completed")
            self.over[name] = "Completed"
            self.say(f"{name}: nothing has changed since {before['name']}, whose outputs are used again")
            return
        runs.change(self.state, child, signature=signature)
        self.say(f"{name}: begun as {child['name']}")
        self.tasks[name] = running.start(self.state, child)

    def forced(self):
        return str(self.settings.get("force_rerun")).lower() == "true"

    def value(self, given):
        """An input of a step, its expression worked out; None for an input of the pipeline that was left out."""
        text = given.get("value")
        kind = given.get("jobInputType") or given.get("job_input_type") or "literal"
        if given.get("uri"):
            return {"jobInputType": kind, "uri": given["uri"], "mode": given.get("mode")}
        mode = {"mode": given["mode"]} if given.get("mode") else {}
        if not isinstance(text, str):
            return None if text is None else {"jobInputType": "literal", "value": text}
        if found := FROM_PARENT.fullmatch(text):
            bound = self.inputs.get(found[1])
            return bound and bound | mode
        if found := FROM_STEP.fullmatch(text):
            made = runs.get(self.state, self.run["workspace"], self.children[found[1]])["outputs"].get(found[2])
            return made and {"jobInputType": made["type"], "uri": made["uri"], **mode}
        filled = FROM_PARENT.sub(lambda found: str((self.inputs.get(found[1]) or {}).get("value", "")), text)
        return {"jobInputType": "literal", "value": filled}

    def destinations(self, step):
        """Where the outputs of a step go that are outputs of the pipeline: to the address asked for, if any."""
        found = {}
        for name, given in (step.get("outputs") or {}).items():
            bound = TO_PARENT.fullmatch(str(given.get("value")))
            asked = (self.asked.get("outputs") or {}).get(bound[1]) if bound else None
            if asked:
                found[name] = {key: asked.get(key) for key in ("uri", "mode", "assetName", "assetVersion")}
        return found

    def end(self, name):
        """Note how a step ended."""
        self.tasks.pop(name)
        child = runs.find(self.state, self.run["workspace"], self.children[name])
        self.over[name] = child["status"] if child else "Canceled"
        self.say(f"{name}: {self.over[name]}")

    async def stop(self):
        """Stop all steps that run."""
        for name in list(self.tasks):
            child = runs.find(self.state, self.run["workspace"], self.children[name])
            if child and child["status"] not in runs.ENDED:
                await running.stop(self.state, child)

    def outputs(self):
        """The pipeline's outputs that have been made: name -> {"uri", "type"}."""
        found = {}
        for name, step in self.steps.items():
            child = runs.find(self.state, self.run["workspace"], self.children.get(name, ""))
            for output, given in (step.get("outputs") or {}).items():
                bound = TO_PARENT.fullmatch(str(given.get("value")))
                if bound and child and output in child["outputs"] and child["status"] == "Completed":
                    found[bound[1]] = child["outputs"][output]
        return found

    def conclude(self):
        """The end of the pipeline."""
        failed = [name for name, status in self.over.items() if status != "Completed"]
        left = [name for name in self.steps if name not in self.children]
        if left:
            self.say(f"Not begun, since something failed before: {', '.join(left)}")
        if failed:
            message = f"The step {failed[0]} ({self.children[failed[0]]}) ended as {self.over[failed[0]]}."
            message += f" Its log says why. Of {len(self.steps)} steps {len(left)} were not begun."
            error = runs.user_error(message)
            runs.move(self.state, self.run, "Failed", outputs=self.outputs(), error=error)
        else:
            runs.move(self.state, self.run, "Completed", outputs=self.outputs())


def _signature(task, spec):
    """What decides a step's result, as one text; None for a step whose result may differ each time."""
    if task["jobType"] != "Command" or str(spec.get("is_deterministic", True)).lower() == "false":
        return None
    names = ("command", "codeId", "environmentId", "environmentVariables", "inputs")
    said = ("jobOutputType", "uri", "assetName", "assetVersion")
    outputs = {name: [given.get(one) for one in said] for name, given in task["outputs"].items()}
    decisive = {name: task.get(name) for name in names} | {"outputs": outputs}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _earlier(state, workspace, signature):
    """The newest completed step with the same signature whose outputs are still there, or None."""
    for run in runs.everyone(state, workspace) if signature else ():
        if run.get("signature") == signature and run["status"] == "Completed":
            places = [commands.target_path(state, workspace, given["uri"]) for given in run["outputs"].values()]
            return run if all(place.exists() for place in places) else None
    return None


async def run_pipeline(state, run):
    """Run the steps of a pipeline; the pipeline itself takes no node."""
    runs.move(state, run, "Running")
    await tracking.start(state, run)
    pipeline = Pipeline(state, run)
    try:
        await pipeline.go()
    except BaseException:  # canceled, or failed: no step goes on alone
        await asyncio.shield(pipeline.stop())
        raise
    pipeline.conclude()


running.RUNNERS["Pipeline"] = run_pipeline
