"""Jobs of batch endpoints: files in mini-batches through a model, as a pipeline of one step, like on Azure.

The job that a caller gets is the pipeline; its child `batchscoring` takes the nodes and has the output `score`. What a
deployment was when it was called is kept with the job, so that a later change does not touch it.
"""

import asyncio
import importlib.util
import itertools
import os
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from .... import folders
from ....engines import batches, processes, serving
from ....errors import AzureError
from .. import arm
from ..assets import references
from ..jobs import command_jobs, commands, running, runs, tracking
from . import instances

RUNNER, STEP = "Batch", "BatchScoring"  # of the job and of its child
SCORE = "score"
PARQUET = (".parquet", ".pqt")
TABLES = (".csv", *PARQUET)  # what an MLflow model is given without a script
PARQUET_READERS = ("pyarrow", "fastparquet")
NAME = "batchscoring"
MOST_PROCESSES = 8  # of a job, however many are asked for
READY = 300  # seconds that a script may take to load its model
LOG = "logs/azureml/executionlogs.txt"  # the one that clients print of a pipeline
OVERVIEW, ERRORS = "logs/job_progress_overview.txt", "logs/user/error.txt"
LEVELS = {"debug": 0, "info": 1, "warning": 2}
NOTHING = (
    "There is no succeeded mini batch item returned from run(). Please check 'response: run()' in "
    "https://aka.ms/batch-inference-documentation."
)


def check(state, workspace, plan):
    """Refuse a call whose data, output, code or model is not there."""
    references.resolve(state, workspace, plan["input"]["uri"])
    target_of(state, workspace, plan)
    references.resolve(state, workspace, plan["model"]["assetId"])
    commands.code_path(state, workspace, (plan["codeConfiguration"] or {}).get("codeId"))


def target_of(state, workspace, plan):
    """The folder on disk that takes the scores."""
    return commands.target_path(state, workspace, plan["output"]["folder"])


# The job


async def run_batch(state, run):
    """Run the one step of a batch job; the job itself takes no node."""
    plan = run["batch"]["plan"]
    runs.move(state, run, "Running")
    await tracking.start(state, run)
    child = runs.create(state, run["workspace"], plan["child"], _step(run, plan), parent=run, child_of_pipeline=True)
    child = runs.change(state, child, runner=STEP, batch={"plan": plan, "parent": run["name"]})
    commands.write(runs.folder(state, run, LOG), f"{NAME}: begun as {child['name']}\n")
    try:
        await asyncio.wait([running.start(state, child)])  # not await alone, which would cancel it as well
    except BaseException:  # canceled: the step does not go on alone
        await asyncio.shield(running.stop(state, child))
        raise
    ended = runs.find(state, run["workspace"], child["name"])
    if ended and ended["status"] == "Completed":
        runs.move(state, run, "Completed", outputs=ended["outputs"])
        return
    status = ended["status"] if ended else "Canceled"
    why = ended and (ended["error"] or {}).get("error", {}).get("message")
    message = f"The step {NAME} ({child['name']}) ended as {status}." + (f" {why}" if why else "")
    outputs = ended["outputs"] if ended else {}
    runs.move(state, run, "Failed", outputs=outputs, error=runs.user_error(message))


def _step(run, plan):
    """The properties of the child."""
    asked, code = run["properties"], plan["codeConfiguration"] or {}
    return {
        "jobType": "Parallel", "displayName": NAME, "experimentName": asked["experimentName"],
        "computeId": plan["compute"], "codeId": code.get("codeId"), "environmentId": plan["environmentId"],
        "environmentVariables": plan["environmentVariables"], "inputs": asked["inputs"], "outputs": asked["outputs"],
        "tags": {}, "properties": {"azureml.moduleName": NAME, "azureml.nodeName": NAME},
    }  # fmt: skip


# Its step


async def run_step(state, run):
    """Wait for the nodes, then score all files."""
    plan = run["batch"]["plan"]
    output = plan["output"]
    noted = {SCORE: {"uri": output["uri"], "type": output["jobOutputType"]}}
    runs.move(state, run, "Queued", outputs=noted)
    async with running.a_node(state, run, plan["instanceCount"]):
        await Step(state, run).go()


class Step:
    """The scoring of one job."""

    def __init__(self, state, run):
        self.state, self.run, self.plan = state, run, run["batch"]["plan"]
        self.place, self.artifacts = commands.work_folder(state, run), runs.folder(state, run)
        parent = runs.find(state, run["workspace"], run["batch"]["parent"])
        self.parent_log = runs.folder(state, parent or run, LOG)
        self.least = LEVELS[self.plan["loggingLevel"].lower()]

    def say(self, level, text):
        """Add a line to the logs of the job and of the step, if the deployment's logging level lets it."""
        if LEVELS[level] >= self.least:
            commands.write(self.artifacts / runs.USER_LOG, text + "\n")
            commands.write(self.artifacts / OVERVIEW, text + "\n")
            commands.write(self.parent_log, text + "\n")

    async def go(self):
        state, run = self.state, self.run
        try:
            runs.move(state, run, "Preparing")
            commands.start_logs(state, run)
            paths = await folders.in_thread(self._prepare, *self._sources())
            files, left = await folders.in_thread(_files, Path(paths["inputs.data"]))
            environment = await commands.environment_of(state, run, self.place, paths)
            environment |= self._variables(paths)
            work = self._work(files, environment)
            self._begin(files, left, work.plan)
            runs.move(state, run, "Running")
            await tracking.start(state, run)
            try:
                await work.go()
            except serving.NotReady:
                raise _failed("init() failed, or the model could not be loaded.", self.artifacts) from None
            except batches.TooManyFailures as error:
                self._note_errors(work)
                raise _failed(f"The job was ended. {error}", self.artifacts) from None
            runs.move(state, run, "Finalizing")
            self._note_errors(work)
            await self._keep(work, Path(paths[f"outputs.{SCORE}"]))
            self.say("info", f"Files that were scored: {work.succeeded} of {work.succeeded + work.failed}")
            runs.move(state, run, "Completed")
        except AzureError as error:
            self.say("warning", error.message)
            raise
        finally:
            await asyncio.shield(folders.in_thread(commands.collect, self.place, self.artifacts))
            commands.leave(state, run)

    def _sources(self):
        """Where the code (or None), the model, the data and the folder for the scores lie on disk."""
        state, workspace, plan = self.state, self.run["workspace"], self.plan
        code = commands.code_path(state, workspace, (plan["codeConfiguration"] or {}).get("codeId"))
        model = references.resolve(state, workspace, plan["model"]["assetId"])
        data = references.resolve(state, workspace, plan["input"]["uri"])
        return code, model, data, target_of(state, workspace, plan)

    def _prepare(self, code, model, data, target):
        """Fill the folder of the step. What is to be written must not be there yet."""
        plan = self.plan
        if plan["outputAction"] == "AppendRow" and (target / plan["output"]["file"]).exists():
            message = f"The output {plan['output']['uri']} has a file {plan['output']['file']} already. Name another."
            raise arm.user_error(message, target="outputData")
        outputs, log = {SCORE: (target, "uri_folder")}, self.artifacts / runs.USER_LOG
        paths = commands.prepare(self.state.home, self.place, code, {"data": (data, None)}, outputs, log)
        instances.place_model(model, self._model())
        (self.place / "parts").mkdir()
        return paths

    def _model(self):
        return self.place / instances.model_folder(self.plan["model"]["assetId"])

    def _variables(self, paths):
        """What Azure sets for batch scripts, and the deployment's own, which win."""
        values = {
            "AZUREML_BI_OUTPUT_PATH": paths[f"outputs.{SCORE}"],
            "AZUREML_MODEL_DIR": str(self._model()),
            "AML_APP_ROOT": str(self.place / "wd"),
        }
        return values | self.plan["environmentVariables"]

    def _work(self, files, environment):
        """The plan, and how its processes are started."""
        plan, script = self.plan, (self.plan["codeConfiguration"] or {}).get("scoringScript")
        kind, path = ("script", script) if script else ("mlflow", next(self._model().iterdir()))
        if kind == "mlflow":
            _check_types(files)
        size = plan["miniBatchSize"]
        groups = [files[start : start + size] for start in range(0, len(files), size)]
        wanted = plan["instanceCount"] * plan["maxConcurrencyPerInstance"]
        workers = min(wanted, len(groups), max(2, os.cpu_count() or 1), MOST_PROCESSES)
        retry = plan["retrySettings"]
        seconds = command_jobs.seconds_of(retry)
        log, folder = self.artifacts / runs.USER_LOG, self.place / "wd"

        def start(number):
            return batches.start(kind, path, folder, environment, log, mark(self.run, number), READY)

        parts = self.place / "parts" if plan["outputAction"] == "AppendRow" else None
        todo = batches.Plan(groups, workers, 1 + retry["maxRetries"], seconds, plan["errorThreshold"])
        return batches.Scoring(todo, start, parts, self.say)

    def _begin(self, files, left, todo):
        wanted = self.plan["instanceCount"] * self.plan["maxConcurrencyPerInstance"]
        text = f"Files: {len(files)}, mini-batches: {len(todo.batches)}, processes: {todo.workers}"
        if wanted > todo.workers:
            text += (
                f" ({self.plan['instanceCount']} nodes with {self.plan['maxConcurrencyPerInstance']} were asked for)"
            )
        self.say("info", text)
        if left:
            self.say("warning", f"Folders within the folder are not looked into: {', '.join(left)}")

    def _note_errors(self, work):
        for error in work.errors:
            commands.write(self.artifacts / ERRORS, error + "\n")

    async def _keep(self, work, target):
        """The rows of all mini-batches in one file."""
        if self.plan["outputAction"] != "AppendRow":
            return
        try:
            await run_in_threadpool(work.append, target / self.plan["output"]["file"])
        except batches.NothingScored:
            raise _failed(NOTHING, self.artifacts) from None


def _files(path):
    """The files that are scored, by name, and the folders beside them, which are not looked into."""
    if path.is_file():
        return [path], []
    found = sorted(itertools.islice(path.iterdir(), folders.MOST_FILES), key=lambda one: one.name)
    files = [one for one in found if one.is_file()]
    if not files:
        raise arm.user_error("The input has no files.", target="inputData")
    return files, [one.name for one in found if one.is_dir()]


def _check_types(files):
    """400 if a file is of a type that is not read without a script: on Azure one such file ends the job."""
    for file in files:
        if file.suffix.lower() not in TABLES:
            message = (
                f"Error processing input file: '{file.name}'. File type '{file.suffix.lstrip('.')}' is not supported: "
                f"without a scoring script the local Azure reads {', '.join(TABLES)}."
            )
            raise arm.user_error(message, target="inputData")
        if file.suffix.lower() in PARQUET and not any(importlib.util.find_spec(one) for one in PARQUET_READERS):
            message = (
                f"Error processing input file: '{file.name}'. The package pyarrow, which reads it, is not installed "
                f"here. On Azure, the model's environment decides."
            )
            raise arm.user_error(message, target="inputData")


def _failed(message, artifacts):
    """The error of a step, with the last traceback of its log."""
    said = commands.last_traceback(artifacts / runs.USER_LOG)
    return arm.user_error(message + (f" Error: {said}" if said else ""))


def mark(run, number):
    """By which one process of a step is found."""
    return f"{commands.mark(run)}.{number}"


async def resume(state):
    """End what an earlier server may have left of the steps that it ran. Called at the start."""
    for _, run in state.store.items(runs.KIND):
        if run.get("runner") == STEP and run["status"] not in runs.ENDED:
            for number in range(MOST_PROCESSES):
                await processes.in_thread(processes.end_family, mark(run, number), None, 0)


running.RUNNERS[RUNNER] = run_batch
running.RUNNERS[STEP] = run_step
