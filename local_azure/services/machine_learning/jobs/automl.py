"""Automated ML for tables: classification and regression. The search itself is engines/automl, in a process of its own.

What Azure does in several child runs (setup, featurization, workers) is one process here; each trial is a child run,
with its metrics, and the folder of the best one has the model and what became of each column.
"""

import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

from starlette.concurrency import run_in_threadpool

from ....engines import automl as engine
from ....engines import processes
from ....engines.automl import tables
from .. import arm
from .. import tracking as mlflow
from ..assets import assets, datastores
from . import command_jobs, commands, running, runs, shapes, tracking

KIND = "automl"
DEFAULT_TRIALS, DEFAULT_SECONDS = 1000, 6 * 3600  # as on Azure
GRACE = 600  # seconds after its time limit in which a search still fits and saves its best model
LOOK = 0.1  # seconds between two looks at what a search has noted
TASKS = {"classification": engine.CLASSIFICATION, "regression": engine.REGRESSION}
MODES = ("auto", "custom", "off")
BEST, MODEL = "automl_best_child_run_id", f"outputs/{engine.MODEL}"
TABLE = {"jobInputType": shapes.TEXT, "uri": shapes.TEXT, "mode": shapes.TEXT}
SHAPE = {
    **shapes.JOB,
    "environmentId": shapes.TEXT, "environmentVariables": shapes.VARIABLES, "resources": shapes.RESOURCES,
    "taskDetails": {
        "taskType": shapes.TEXT, "trainingData": TABLE, "validationData": TABLE, "testData": TABLE,
        "targetColumnName": shapes.TEXT, "weightColumnName": shapes.TEXT, "cvSplitColumnNames": (list,),
        "nCrossValidations": {"mode": shapes.TEXT, "value": shapes.WHOLE}, "validationDataSize": shapes.NUMBER,
        "testDataSize": shapes.NUMBER, "primaryMetric": shapes.TEXT, "positiveLabel": shapes.SCALAR,
        "logVerbosity": shapes.TEXT,
        "limitSettings": {
            "enableEarlyTermination": shapes.FLAG, "exitScore": shapes.NUMBER, "maxConcurrentTrials": shapes.WHOLE,
            "maxCoresPerTrial": shapes.WHOLE, "maxTrials": shapes.WHOLE, "timeout": shapes.TEXT,
            "trialTimeout": shapes.TEXT,
        },
        "trainingSettings": {
            "allowedTrainingAlgorithms": (list,), "blockedTrainingAlgorithms": (list,),
            "enableDnnTraining": shapes.FLAG, "enableModelExplainability": shapes.FLAG,
            "enableOnnxCompatibleModels": shapes.FLAG, "enableStackEnsemble": shapes.FLAG,
            "enableVoteEnsemble": shapes.FLAG, "trainingMode": shapes.TEXT,
        },
        "featurizationSettings": {
            "mode": shapes.TEXT, "blockedTransformers": (list,), "columnNameAndTypes": shapes.Named(shapes.TEXT),
            "transformerParams": shapes.Named((list,)), "datasetLanguage": shapes.TEXT,
            "enableDnnFeaturization": shapes.FLAG,
        },
    },
}  # fmt: skip


# What is asked


def check(state, workspace, name, asked):
    """Refuse a job that Azure would refuse, or that cannot run here."""
    details = asked.get("taskDetails")
    kind = str(details.get("taskType") or "") if isinstance(details, dict) else ""
    if not kind:
        raise arm.user_error("The automated ML job has no taskDetails with a taskType.", target="taskDetails.taskType")
    if kind.lower() not in TASKS:
        raise arm.not_yet(f"automated ML for the task {kind}", "It has classification and regression of tables.")
    shapes.check(asked, SHAPE)
    command_jobs.check_compute(state, workspace, asked)
    if details.get("testData") or details.get("testDataSize"):
        message = "Test data is not used by the local Azure: score the best model on it yourself."
        raise arm.user_error(message, inner="NotSupported", target="taskDetails.testData")
    _settings(asked)
    for which in ("trainingData", "validationData"):
        _folder(state, workspace, details, which)


def _folder(state, workspace, details, which):
    """Where a table lies; None for validation data that is not given."""
    given = details.get(which)
    if not given:
        if which == "trainingData":
            raise arm.user_error("The automated ML job has no training data.", target=f"taskDetails.{which}")
        return None
    if (given.get("jobInputType") or "").lower() != "mltable":
        message = (
            f"{which} must be of type mltable: a folder with a file MLTable, which says how to read the files in it. "
            f"It is {given.get('jobInputType')}."
        )
        raise arm.user_error(message, target=f"taskDetails.{which}")
    if not given.get("uri"):
        raise arm.user_error(f"{which} has no uri.", target=f"taskDetails.{which}.uri")
    return assets.resolve(state, workspace, given["uri"])


def _settings(asked):
    """What the engine is told of a job, beside its data; 400 for what cannot be."""
    details = asked["taskDetails"]
    task = TASKS[details["taskType"].lower()]
    if not (details.get("targetColumnName") or "").strip():
        raise arm.user_error("The job has no targetColumnName.", target="taskDetails.targetColumnName")
    algorithms, absent, explicit = _algorithms(task, details.get("trainingSettings") or {})
    return {
        "task": task,
        "metric": _metric(task, details.get("primaryMetric")),
        "target": details["targetColumnName"],
        "weight": details.get("weightColumnName"),
        "positive": details.get("positiveLabel"),
        "algorithms": algorithms,
        "absent": absent,
        "explicit": explicit,
        "vote": (details.get("trainingSettings") or {}).get("enableVoteEnsemble") is not False,
        "featurization": _featurization(details.get("featurizationSettings") or {}),
        **_split(details),
        **_limits(details.get("limitSettings") or {}),
    }


def _plain(name):
    """A name without what its spellings differ in."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _named(given, known, where):
    """The known names that are meant; 400 for one that is none of them."""
    by_plain = {_plain(name): name for name in known}
    for name in given or ():
        if _plain(name) not in by_plain:
            message = f"{name!r:.80} is unknown. There are {', '.join(known)}."
            raise arm.user_error(message, target=f"taskDetails.{where}")
    return [by_plain[_plain(name)] for name in given or ()]


def _metric(task, name):
    default = "AUC_weighted" if task == engine.CLASSIFICATION else "normalized_root_mean_squared_error"
    return _named([name or default], engine.METRICS[task], "primaryMetric")[0]


def _algorithms(task, training):
    """(the names to try, those asked for that are not here, whether the job named them)."""
    here, absent = engine.ALGORITHMS[task], engine.ABSENT[task]
    allowed = _named(training.get("allowedTrainingAlgorithms"), here + absent, "allowedTrainingAlgorithms")
    blocked = _named(training.get("blockedTrainingAlgorithms"), here + absent, "blockedTrainingAlgorithms")
    chosen = [name for name in here if name in (allowed or here) and name not in blocked]
    missing = [name for name in absent if name in (allowed or absent) and name not in blocked]
    if not chosen:
        message = "No algorithm is left to try."
        if missing:
            message += f" {' and '.join(missing)} are not in this course's environment."
        message = f"{message} Here are: {', '.join(here)}."
        raise arm.user_error(message, target="taskDetails.trainingSettings.allowedTrainingAlgorithms")
    return chosen, missing, bool(allowed)


def _split(details):
    """On which rows trials are scored: the folds, the share that is held out, the columns that say it."""
    folds, share = details.get("nCrossValidations") or {}, details.get("validationDataSize")
    count = folds.get("value") if (folds.get("mode") or "").lower() == "custom" else None
    if count is not None and not 2 <= count <= 100:
        raise arm.user_error("nCrossValidations is a number from 2 on.", target="taskDetails.nCrossValidations")
    if share is not None and not 0 < share < 1:
        message = "validationDataSize is a share between 0 and 1."
        raise arm.user_error(message, target="taskDetails.validationDataSize")
    columns = details.get("cvSplitColumnNames") or []
    if not all(isinstance(name, str) for name in columns):
        raise arm.user_error("cvSplitColumnNames are names.", target="taskDetails.cvSplitColumnNames")
    given = [bool(details.get("validationData")), count is not None, share is not None, bool(columns)]
    if sum(given) > 1:
        message = "Give one of validationData, nCrossValidations, validationDataSize and cvSplitColumnNames."
        raise arm.user_error(message, target="taskDetails")
    return {"folds": count, "share": share, "split_columns": columns}


def _limits(limits):
    trials = DEFAULT_TRIALS if limits.get("maxTrials") is None else limits["maxTrials"]
    at_once = 1 if limits.get("maxConcurrentTrials") is None else limits["maxConcurrentTrials"]
    if not 1 <= trials <= DEFAULT_TRIALS or at_once < 1:
        message = f"maxTrials is 1 to {DEFAULT_TRIALS}, and maxConcurrentTrials 1 or more."
        raise arm.user_error(message, target="taskDetails.limitSettings")
    return {
        "trials": trials,
        "at_once": at_once,
        "seconds": command_jobs.seconds_of(limits) or DEFAULT_SECONDS,
        "trial_seconds": command_jobs.seconds_of(limits, "trialTimeout"),
        "exit_score": limits.get("exitScore"),
        "early": limits.get("enableEarlyTermination") is not False,
    }


def _featurization(given):
    where = "featurizationSettings"
    mode = (given.get("mode") or "auto").lower()
    if mode not in MODES:
        message = f"The featurization mode is {', '.join(MODES)}, not {mode}."
        raise arm.user_error(message, target=f"taskDetails.{where}.mode")
    types = given.get("columnNameAndTypes") or {}
    kinds = _named(types.values(), engine.PURPOSES, f"{where}.columnNameAndTypes")
    blocked = _named(given.get("blockedTransformers"), engine.TRANSFORMERS, f"{where}.blockedTransformers")
    imputers = {}
    for name, entries in (given.get("transformerParams") or {}).items():
        if _plain(name) != "imputer":
            message = f"Of the transformers, the local Azure lets you set the Imputer, not {name}."
            raise arm.user_error(message, inner="NotSupported", target=f"taskDetails.{where}.transformerParams")
        for entry in entries:
            imputers |= _imputer(entry, f"taskDetails.{where}.transformerParams")
    if given.get("enableDnnFeaturization"):
        message = "The local Azure has no featurization by neural networks."
        raise arm.user_error(message, inner="NotSupported", target=f"taskDetails.{where}.enableDnnFeaturization")
    return {"mode": mode, "types": dict(zip(types, kinds, strict=True)), "blocked": blocked, "imputers": imputers}


def _imputer(entry, where):
    """Column -> [strategy, value] of one entry {"fields", "parameters"}."""
    fields = entry.get("fields") if isinstance(entry, dict) else None
    values = entry.get("parameters") if isinstance(entry, dict) else None
    if not (isinstance(fields, list) and all(isinstance(name, str) for name in fields) and isinstance(values, dict)):
        raise arm.user_error("An Imputer has fields, which are names, and parameters.", target=where)
    strategy, fill = values.get("strategy"), values.get("fill_value")
    if strategy not in engine.STRATEGIES or isinstance(fill, str | bool | list | dict):
        message = f"The strategy of an Imputer is {', '.join(engine.STRATEGIES)}; its fill_value is a number."
        raise arm.user_error(message, target=where)
    return {name: [strategy, fill] for name in fields}


def _warnings(asked, settings):
    """What was asked for and is not done here, in sentences."""
    training = asked["taskDetails"].get("trainingSettings") or {}
    found = []
    if settings["absent"]:
        names = " and ".join(settings["absent"])
        found.append(f"{names}: not in this course's environment, and not tried. On Azure they are.")
    if training.get("enableModelExplainability"):
        found.append("enable_model_explainability is ignored: the local Azure makes no explanations.")
    if training.get("enableStackEnsemble") is not False:
        found.append("There is no StackEnsemble here; its trial goes to the search. VotingEnsemble is there.")
    if training.get("enableOnnxCompatibleModels"):
        found.append("enable_onnx_compatible_models is ignored: no model is converted to ONNX.")
    if training.get("enableDnnTraining"):
        found.append("enable_dnn_training is ignored: there are no neural networks.")
    return found


# Running


class Search:
    """One job under way: reads what the engine notes, and keeps the child runs."""

    def __init__(self, state, run, settings):
        self.state, self.run, self.settings = state, run, settings
        self.place = commands.work_folder(state, run) / "wd"
        self.log = runs.folder(state, run, runs.USER_LOG)
        self.children, self.table, self.best, self.problem = {}, [], None, None
        self._read = 0

    def prepare(self, folders):
        """The folder of the engine, with its task; runs in a thread."""
        self.place.mkdir(parents=True)
        self.settings["data"] = {name: str(path) for name, path in folders.items() if path}
        (self.place / engine.TASK).write_text(json.dumps(self.settings), encoding="utf-8")
        (self.place / engine.EVENTS).touch()

    async def go(self):
        """Run the engine to its end: its `processes.Outcome`."""
        command = [sys.executable, "-m", engine.__name__]
        text = shlex.join(command) if os.name == "posix" else subprocess.list2cmdline(command)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        limit = self.settings["seconds"] + GRACE
        task = asyncio.create_task(
            processes.run(text, self.place, environment, self.log, commands.mark(self.run), limit)
        )
        try:
            while not task.done():
                await asyncio.wait([task], timeout=LOOK)
                await self.follow()
        except asyncio.CancelledError:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(asyncio.wait([task]))
            raise
        await self.follow()
        return task.result()

    async def follow(self):
        """Take up what the engine has noted since the last look."""
        with open(self.place / engine.EVENTS, "rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                return  # still being written
            self._read += len(line)
            event = json.loads(line)
            if event["event"] == "begin":
                await self.begin(event)
            elif event["event"] == "end":
                await self.end(event)
            elif event["event"] == "best":
                self.best = event["trial"]
            else:
                self.problem = event["message"]

    async def begin(self, event):
        """A trial has begun: a child run with Azure's properties of a trial."""
        name = f"{self.run['name']}_{event['trial']}"
        asked = self.run["properties"]
        properties = {
            "run_template": "automl_child",
            "iteration": str(event["trial"]),
            "run_algorithm": event["algorithm"],
            "run_preprocessor": event["preprocessor"],
            "primary_metric": self.settings["metric"],
            "training_percent": "100",
            "pipeline_settings": json.dumps(event["settings"]),
        }
        given = {
            "jobType": "AutoML",
            "computeId": asked.get("computeId"),
            "experimentName": asked["experimentName"],
            "displayName": name,
            "tags": {},
            "properties": properties,
        }
        # as on Azure, where trials are known to run history alone
        child = runs.create(self.state, self.run["workspace"], name, given, parent=self.run, child_of_pipeline=True)
        child = runs.change(self.state, child, kind=KIND)
        self.children[event["trial"]] = child
        await tracking.begin(self.state, child)
        runs.move(self.state, child, "Running")
        await tracking.start(self.state, child)
        await self.note(child, params=event["settings"], tags=properties)

    async def note(self, child, metrics=(), params=(), tags=()):
        """Log to the MLflow run of a child. Its properties are tags there too, which a search can ask for."""
        at = int(time.time() * 1000)
        points = [(key, value, at, 0) for key, value in dict(metrics).items()]
        texts = [[(key, str(value)) for key, value in dict(given).items()] for given in (params, tags)]
        store = mlflow.store(self.state)
        await run_in_threadpool(store.log, child["workspace"], child["name"], points, *texts)

    async def end(self, event):
        """A trial has ended."""
        child = self.children[event["trial"]]
        if "score" not in event:
            status = "Canceled" if event.get("canceled") else "Failed"
            runs.move(self.state, child, status, error=runs.user_error(f"The trial has no score: {event['error']}."))
            await tracking.end(self.state, child | {"status": status})
            return
        more = {"score": repr(event["score"]), "fit_time": f"{event['seconds']:.3f}", **(event.get("properties") or {})}
        child = runs.describe(self.state, child, {"properties": more})
        if child is None:
            return  # deleted meanwhile
        self.table.append((event["trial"], child["properties"]["properties"]))
        await self.note(child, metrics=event["metrics"], tags=more)
        runs.move(self.state, child, "Completed")
        await tracking.end(self.state, child | {"status": "Completed"})

    async def abandon(self):
        """The job ends in the middle: so do its trials."""
        job = runs.find(self.state, self.run["workspace"], self.run["name"])
        status = "Canceled" if job and job["status"] == "CancelRequested" else "Failed"
        for child in self.children.values():
            newest = runs.find(self.state, child["workspace"], child["name"])
            if newest and newest["status"] not in runs.ENDED:
                runs.move(self.state, child, status)
                await tracking.end(self.state, child | {"status": status})

    async def conclude(self):
        """Note the leaderboard and the best trial; give that its model and the report of the columns."""
        best = self.children[self.best]
        name = best["name"]
        folders = [runs.folder(self.state, one, "outputs") for one in (best, self.run)]
        await run_in_threadpool(self.keep, *folders)
        self.table.sort(key=lambda entry: entry[0])
        columns = {
            "iteration": [str(number) for number, _ in self.table],
            **{
                key: [given[key] for _, given in self.table]
                for key in ("run_algorithm", "run_preprocessor", "score", "fit_time", "training_percent")
            },
        }
        tags = {f"{key}_000": ";".join(values) for key, values in columns.items()} | {BEST: name}
        folds = self.settings["folds"]
        properties = {
            "num_iterations": str(self.settings["trials"]),
            "primary_metric": self.settings["metric"],
            "num_cross_validation": str(folds or ""),
            "runTemplate": "AutoML",
        }
        runs.describe(self.state, self.run, {"tags": tags, "properties": properties})
        uri = f"azureml://datastores/{datastores.ARTIFACTS}/paths/ExperimentRun/dcid.{name}/{MODEL}"
        outputs = {"best_model": {"uri": uri, "type": "mlflow_model"}}
        runs.change(self.state, self.run, outputs=outputs)
        await self.note(self.run, tags=tags | properties)
        await self.note_model(best)

    def keep(self, outputs, own):
        """The files of the best trial, and the report in the folder of the job too; runs in a thread.

        Beside the MLflow model those that Azure leaves for a deployment with a script of one's own.
        """
        made = self.place / engine.MODEL
        shutil.copytree(made, outputs / engine.MODEL, dirs_exist_ok=True)
        for source, name in (("model.pkl", "model.pkl"), ("conda.yaml", "conda_env_v_1_0_0.yml")):
            shutil.copy2(made / source, outputs / name)
        shutil.copy2(engine.SERVE, outputs / "scoring_file_v_1_0_0.py")
        for folder in (outputs, own):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.place / engine.SUMMARY, folder)

    async def note_model(self, best):
        """The run's list of logged models, as MLflow keeps it."""
        path = runs.folder(self.state, best, MODEL)
        flavors = await run_in_threadpool(assets.flavors_of, path)
        at = arm.now().replace("T", " ").removesuffix("Z")
        model = {"run_id": best["name"], "artifact_path": MODEL, "utc_time_created": at, "flavors": flavors}
        await self.note(best, tags={"mlflow.log-model.history": json.dumps([model])})


async def run_automl(state, run):
    """Hold a node, search, and keep the best model."""
    asked, workspace = run["properties"], run["workspace"]
    details, settings = asked["taskDetails"], _settings(asked)
    warnings = _warnings(asked, settings)
    notes = [{"source": "taskDetails", "message": message} for message in warnings]
    runs.move(state, run, "Queued", warnings=notes)
    search = Search(state, run, settings)
    try:
        async with running.a_node(state, run):
            runs.move(state, run, "Preparing")
            commands.write(search.log, "".join(f"Note: {message}\n" for message in warnings))
            folders = {name: _folder(state, workspace, details, f"{name}Data") for name in ("training", "validation")}
            settings["places"] = _places(state, workspace, await _addresses(folders))
            await run_in_threadpool(search.prepare, folders)
            runs.move(state, run, "Running")
            await tracking.start(state, run)
            outcome = await search.go()
            if outcome.code == 0 and search.best is not None:
                await search.conclude()
            _end(state, run, search, outcome)
            await search.abandon()
    except asyncio.CancelledError:
        await search.abandon()
        raise
    except engine.Problem as error:
        commands.write(search.log, f"{error}\n")
        runs.move(state, run, "Failed", error=runs.user_error(str(error)))
    finally:
        commands.leave(state, run)


async def _addresses(folders):
    found = [await run_in_threadpool(tables.addresses, folder) for folder in folders.values() if folder]
    return [address for listed in found for address in listed]


def _places(state, workspace, addresses):
    """Where the addresses within tables lie on disk."""
    return {address: str(assets.resolve(state, workspace, address)) for address in addresses}


def _end(state, run, search, outcome):
    """How the job ended."""
    if outcome.code == 0 and search.best is not None:
        runs.move(state, run, "Completed")
    elif search.problem:
        runs.move(state, run, "Failed", error=runs.user_error(search.problem))
    elif outcome.timed_out:
        message = f"The job ran longer than its limit of {search.settings['seconds']:g} seconds."
        runs.move(state, run, "Failed", error=runs.user_error(message))
    else:
        message = f"The search ended with status code {outcome.code}. The log {runs.USER_LOG} says more."
        runs.move(state, run, "Failed", error=runs.system_error(message))


running.RUNNERS["AutoML"] = run_automl
