"""Experiments and runs on disk: one SQLite file for all workspaces.

Every call is one transaction, whole or not at all, and is still there after the server was killed. (Written through to
the disk at checkpoints only: after a power cut the last metrics may be missing, which for a log of training is a fair
price for a tenth of the time.) Threads take turns.
"""

import contextlib
import json
import math
import sqlite3
import threading
import time
import uuid

from ....errors import AzureError
from .. import limits
from . import names, search
from .search import invalid

DEFAULT = "Default"  # the experiment that MLflow's clients call 0
STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
ENDED = ("FINISHED", "FAILED", "KILLED")
MOST_RUNS = 50000  # in one page of a search
STAGES = {"ACTIVE_ONLY": ("active",), "DELETED_ONLY": ("deleted",), "ALL": ("active", "deleted")}
TABLES = """
CREATE TABLE IF NOT EXISTS experiments (
    id TEXT PRIMARY KEY, workspace TEXT, name TEXT, stage TEXT, created INTEGER, updated INTEGER,
    UNIQUE (workspace, name));
CREATE TABLE IF NOT EXISTS experiment_tags (experiment TEXT, key TEXT, value TEXT, PRIMARY KEY (experiment, key));
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, workspace TEXT, id TEXT, experiment TEXT, name TEXT, user TEXT, status TEXT,
    started INTEGER, ended INTEGER, stage TEXT, UNIQUE (workspace, id));
CREATE INDEX IF NOT EXISTS runs_of_experiment ON runs (experiment, started);
CREATE TABLE IF NOT EXISTS metrics (
    run INTEGER, key TEXT, step INTEGER, time INTEGER, value REAL, nan INTEGER,
    PRIMARY KEY (run, key, step, time, value, nan)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (
    run INTEGER, key TEXT, step INTEGER, time INTEGER, value REAL, nan INTEGER, PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS params (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_of_parent ON tags (value) WHERE key = 'mlflow.parentRunId';
CREATE TABLE IF NOT EXISTS inputs (
    run INTEGER, name TEXT, digest TEXT, record TEXT, PRIMARY KEY (run, name, digest)) WITHOUT ROWID;
"""


def no_such(what):
    return AzureError(404, "RESOURCE_DOES_NOT_EXIST", what)


def experiment_id(workspace, name):
    """The id of an experiment: the same for the same name in the same workspace."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{workspace.lower()}/experiments/{name}"))


def now():
    return int(time.time() * 1000)


class Tracking:
    """All experiments and runs. A workspace is named by its ARM id; letter case does not matter."""

    def __init__(self, path):
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "case_sensitive_like=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(TABLES)

    @contextlib.contextmanager
    def _change(self):
        """A transaction; within another one, a part of that."""
        with self._lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query, values=()):
        with self._lock:
            return [dict(row) for row in self._db.execute(query, values)]

    def _row(self, query, values=()):
        rows = self._rows(query, values)
        return rows[0] if rows else None

    # Experiments

    def create_experiment(self, workspace, name, tags=()):
        """The id of a new experiment. tags: (key, value) pairs."""
        names.check_experiment(name)
        workspace = workspace.lower()
        with self._change() as db:
            there = self._row("SELECT * FROM experiments WHERE workspace = ? AND name = ?", (workspace, name))
            if there:
                message = f"Experiment '{name}' already exists."
                if there["stage"] == "deleted":
                    message = (
                        f"Experiment '{name}' already exists in deleted state. You can restore the experiment, or "
                        "take another name."
                    )
                raise AzureError(400, "RESOURCE_ALREADY_EXISTS", message)
            made = experiment_id(workspace, name)
            at = now()
            db.execute("INSERT INTO experiments VALUES (?, ?, ?, 'active', ?, ?)", (made, workspace, name, at, at))
            for key, value in tags:
                self._tag_experiment(made, key, value)
        return made

    def experiment(self, workspace, wanted):
        """The experiment with this id; 404 otherwise. 0 is the one that MLflow uses unless told: Default."""
        if str(wanted) == "0":
            return self.named_experiment(workspace, DEFAULT, create=True)
        found = self._row("SELECT * FROM experiments WHERE workspace = ? AND id = ?", (workspace.lower(), str(wanted)))
        if not found:
            raise no_such(f"No Experiment with id={wanted} exists")
        return self._with_tags(found)

    def named_experiment(self, workspace, name, create=False):
        """The experiment with this name, deleted or not; 404 otherwise."""
        query = "SELECT * FROM experiments WHERE workspace = ? AND name = ?"
        with self._lock:
            found = self._row(query, (workspace.lower(), name))
            if not found and (create or name == DEFAULT):
                self.create_experiment(workspace, name)
                found = self._row(query, (workspace.lower(), name))
        if not found:
            raise no_such(f"Could not find experiment with name '{name}'")
        return self._with_tags(found)

    def _with_tags(self, experiment):
        rows = self._rows("SELECT key, value FROM experiment_tags WHERE experiment = ?", (experiment["id"],))
        return experiment | {"tags": {row["key"]: row["value"] for row in rows}}

    def search_experiments(self, workspace, view, filter_string, order, start, most):
        """Up to `most` + 1 experiments from `start` on."""
        self.named_experiment(workspace, DEFAULT)
        where, values = search.experiments_where(filter_string)
        query = (
            f"SELECT * FROM experiments WHERE workspace = ? AND stage IN ({_marks(STAGES[view])}) AND {where} "
            f"ORDER BY {search.experiments_order(order)} LIMIT ? OFFSET ?"
        )
        found = self._rows(query, (workspace.lower(), *STAGES[view], *values, most + 1, start))
        return [self._with_tags(experiment) for experiment in found]

    def set_experiment_stage(self, workspace, wanted, stage):
        """Delete or restore, with the runs in it."""
        with self._change() as db:
            experiment = self.experiment(workspace, wanted)
            if experiment["stage"] == stage:
                raise no_such(f"There is no experiment with id={wanted} whose lifecycle stage could become {stage}.")
            db.execute("UPDATE experiments SET stage = ?, updated = ? WHERE id = ?", (stage, now(), experiment["id"]))
            db.execute("UPDATE runs SET stage = ? WHERE experiment = ?", (stage, experiment["id"]))

    def tag_experiment(self, workspace, wanted, key, value):
        with self._change():
            experiment = self.experiment(workspace, wanted)
            if experiment["stage"] != "active":
                raise invalid(f"The experiment {wanted} must be in the 'active' state. Current state is deleted.")
            limits.check_experiment_tags({key: value}, experiment["tags"])
            self._tag_experiment(experiment["id"], key, value)

    def _tag_experiment(self, made, key, value):
        names.check("key", key)
        self._db.execute("INSERT OR REPLACE INTO experiment_tags VALUES (?, ?, ?)", (made, key, value))
        self._db.execute("UPDATE experiments SET updated = ? WHERE id = ?", (now(), made))

    # Runs

    def create_run(self, workspace, experiment, run=None, name=None, user="", started=None, tags=(), status="RUNNING"):
        """A new run; the record. run: its id, for a job's run. Creating a job's run again changes nothing."""
        workspace = workspace.lower()
        tags = dict(tags)
        if name and tags.get("mlflow.runName", name) != name:
            raise invalid(
                f"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
                f"(run_name='{name}', mlflow.runName='{tags['mlflow.runName']}')."
            )
        name = name or tags.get("mlflow.runName") or names.invented()
        with self._change() as db:
            if experiment["stage"] != "active":
                raise AzureError(
                    400,
                    "INVALID_STATE",
                    f"The experiment {experiment['id']} must be in the 'active' state. Current state is deleted.",
                )
            run = run or str(uuid.uuid4())
            if self._row("SELECT 1 FROM runs WHERE workspace = ? AND id = ?", (workspace, run)):
                return self.run(workspace, run)
            given = (workspace, run, experiment["id"], name, user, status, started or now(), None, "active")
            number = db.execute("INSERT INTO runs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", given).lastrowid
            tags = {"mlflow.rootRunId": self._root(workspace, tags, run), **tags, "mlflow.runName": name}
            self._set_tags(number, tags.items())
        return self.run(workspace, run)

    def _root(self, workspace, tags, run):
        """The run at the top of a nest of runs."""
        if parent := tags.get("mlflow.parentRunId"):
            query = (
                "SELECT value FROM tags JOIN runs ON number = run "
                "WHERE workspace = ? AND id = ? AND key = 'mlflow.rootRunId'"
            )
            found = self._row(query, (workspace, parent))
            return found["value"] if found else parent
        return run

    def _number(self, workspace, run, active=False):
        found = self._row("SELECT number, stage FROM runs WHERE workspace = ? AND id = ?", (workspace.lower(), run))
        if not found:
            raise no_such(f"Run with id={run} not found")
        if active and found["stage"] != "active":
            raise invalid(f"The run {run} must be in the 'active' state. Current state is {found['stage']}.")
        return found["number"]

    def run(self, workspace, run):
        """The record of a run with its newest metrics, params, tags and inputs; 404 if there is none."""
        with self._lock:
            number = self._number(workspace, run)
            return self._filled(self._rows("SELECT * FROM runs WHERE number = ?", (number,)))[0]

    def known(self, workspace, run):
        return bool(self._row("SELECT 1 FROM runs WHERE workspace = ? AND id = ?", (workspace.lower(), run)))

    def workspace_of(self, run):
        """The workspace (in lower case) of the newest run with this id, or None."""
        found = self._row("SELECT workspace FROM runs WHERE id = ? ORDER BY number DESC", (run,))
        return found and found["workspace"]

    def _filled(self, runs):
        by_number = {run["number"]: run | {"metrics": [], "params": {}, "tags": {}, "inputs": []} for run in runs}
        marks, numbers = _marks(by_number), tuple(by_number)
        for row in self._rows(f"SELECT * FROM latest WHERE run IN ({marks})", numbers):
            by_number[row["run"]]["metrics"].append(_point(row))
        for table in ("params", "tags"):
            for row in self._rows(f"SELECT * FROM {table} WHERE run IN ({marks})", numbers):
                by_number[row["run"]][table][row["key"]] = row["value"]
        for row in self._rows(f"SELECT run, record FROM inputs WHERE run IN ({marks})", numbers):
            by_number[row["run"]]["inputs"].append(json.loads(row["record"]))
        return list(by_number.values())

    def below(self, workspace, parent=None):
        """id, started and stage of the runs that a run began; of those that no run began, without a parent."""
        below = "SELECT run FROM tags WHERE key = 'mlflow.parentRunId'"
        where, given = f"number NOT IN ({below})", (workspace.lower(),)
        if parent:
            where, given = f"number IN ({below} AND value = ?)", (workspace.lower(), parent)
        return self._rows(f"SELECT id, started, stage FROM runs WHERE workspace = ? AND {where}", given)

    def records(self, workspace, ids):
        """The records of the runs with these ids that there are, with the name of their experiment."""
        found = []
        query = (
            "SELECT runs.*, experiments.name AS experimentName FROM runs "
            "JOIN experiments ON experiments.id = experiment WHERE runs.workspace = ? AND runs.id IN ({0})"
        )
        with self._lock:
            for first in range(0, len(ids), 500):
                some = ids[first : first + 500]
                found += self._filled(self._rows(query.format(_marks(some)), (workspace.lower(), *some)))
        return found

    def remove(self, workspace, ids):
        """Remove runs with all that they have logged."""
        with self._change() as db:
            for one in ids:
                found = self._row("SELECT number FROM runs WHERE workspace = ? AND id = ?", (workspace.lower(), one))
                if found:
                    for table in ("metrics", "latest", "params", "tags", "inputs"):
                        db.execute(f"DELETE FROM {table} WHERE run = ?", (found["number"],))
                    db.execute("DELETE FROM runs WHERE number = ?", (found["number"],))

    def search_runs(self, workspace, experiments, view, filter_string, order, start, most):
        """Up to `most` + 1 runs of these experiments from `start` on."""
        where, values = search.runs_where(filter_string)
        wanted = [self.experiment(workspace, "0")["id"] if one == "0" else one for one in experiments]
        query = (
            f"SELECT runs.* FROM runs WHERE workspace = ? AND experiment IN ({_marks(wanted)}) "
            f"AND stage IN ({_marks(STAGES[view])}) AND {where} ORDER BY {search.runs_order(order)} LIMIT ? OFFSET ?"
        )
        with self._lock:
            found = self._rows(query, (workspace.lower(), *wanted, *STAGES[view], *values, most + 1, start))
            groups = [found[first : first + 500] for first in range(0, len(found), 500)]
            return [run for group in groups for run in self._filled(group)]

    def update_run(self, workspace, run, status=None, ended=None, name=None):
        """Change what is given. Returns the record."""
        if status and status not in STATUSES:
            raise invalid(f"Invalid value '{status}' for parameter 'status': not one of {list(STATUSES)}.")
        with self._change() as db:
            number = self._number(workspace, run, active=True)
            if status:
                db.execute("UPDATE runs SET status = ? WHERE number = ?", (status, number))
            if ended or status in ENDED:
                db.execute("UPDATE runs SET ended = ? WHERE number = ?", (ended or now(), number))
            if name:
                db.execute("UPDATE runs SET name = ? WHERE number = ?", (name, number))
                self._set_tags(number, [("mlflow.runName", name)])
        return self.run(workspace, run)

    def set_run_stage(self, workspace, run, stage):
        """Delete a run, or restore it."""
        with self._change() as db:
            db.execute("UPDATE runs SET stage = ? WHERE number = ?", (stage, self._number(workspace, run)))

    # What runs log

    def log(self, workspace, run, metrics=(), params=(), tags=(), limited=False):
        """Log all or nothing. metrics: (key, value, milliseconds, step); params and tags: (key, value).

        limited: by what Azure takes from its callers.
        """
        with self._change() as db:
            number = self._number(workspace, run, active=True)
            if limited:
                self._check_room(number, metrics, params, tags)
            # a job's run, which its script has taken up
            db.execute("UPDATE runs SET status = 'RUNNING' WHERE number = ? AND status = 'SCHEDULED'", (number,))
            self._set_params(run, number, params)
            self._set_tags(number, tags)
            self._add_metrics(number, metrics)

    def _check_room(self, number, metrics, params, tags):
        """400 if a run would have more than it can have, all batches together."""
        if metrics:
            names = self._keys("latest", number) | {key for key, *_ in metrics}
            limits.check("Metrics", limits.METRIC_NAMES, len(names))
        if params:
            limits.check("Parameters", limits.PARAMETERS, len(self._keys("params", number) | dict(params).keys()))
        if tags:
            limits.check_note(tags)
            limits.check_tags(dict(tags), self._keys("tags", number))

    def _keys(self, table, number):
        return {row["key"] for row in self._rows(f"SELECT key FROM {table} WHERE run = ?", (number,))}

    def _set_params(self, run, number, params):
        for key, value in params:
            names.check("key", key)
            names.check_length("Param value", value, limits.PARAMETER_VALUE)
            there = self._row("SELECT value FROM params WHERE run = ? AND key = ?", (number, key))
            if there and there["value"] != value:
                raise invalid(
                    f"Changing param values is not allowed. Param with key='{key}' was already logged with value="
                    f"'{there['value']}' for run ID='{run}'. Attempted logging new value '{value}'."
                )
            self._db.execute("INSERT OR IGNORE INTO params VALUES (?, ?, ?)", (number, key, value))

    def _set_tags(self, number, tags):
        for key, value in tags:
            names.check("key", key)
            self._db.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (number, key, value))
            if key == "mlflow.runName":
                self._db.execute("UPDATE runs SET name = ? WHERE number = ?", (value, number))

    def _add_metrics(self, number, metrics):
        for key, value, at, step in metrics:
            names.check("name", key)
            nan = math.isnan(value)
            point = (number, key, step, at, 0.0 if nan else value, int(nan))
            self._db.execute("INSERT OR IGNORE INTO metrics VALUES (?, ?, ?, ?, ?, ?)", point)
            self._db.execute(
                "INSERT INTO latest VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, key) DO UPDATE SET "
                "step = excluded.step, time = excluded.time, value = excluded.value, nan = excluded.nan "
                "WHERE (excluded.step, excluded.time, excluded.value) > (step, time, value)",
                point,
            )

    def delete_tag(self, workspace, run, key):
        with self._change() as db:
            number = self._number(workspace, run, active=True)
            if not db.execute("DELETE FROM tags WHERE run = ? AND key = ?", (number, key)).rowcount:
                raise no_such(f"No tag with name: {key} in run with id {run}")

    def add_inputs(self, workspace, run, inputs):
        """Note the data sets that a run used: records with a `dataset` that has a name and a digest."""
        with self._change() as db:
            number = self._number(workspace, run, active=True)
            for one in inputs:
                row = (number, one["dataset"]["name"], one["dataset"]["digest"], json.dumps(one))
                db.execute("INSERT OR IGNORE INTO inputs VALUES (?, ?, ?, ?)", row)

    def history(self, workspace, run, key, start=0, most=-1):
        """All points of a metric in the order of their steps: {"key", "value", "timestamp", "step"}."""
        number = self._number(workspace, run)
        query = "SELECT * FROM metrics WHERE run = ? AND key = ? ORDER BY time, step, value LIMIT ? OFFSET ?"
        return [_point(row) for row in self._rows(query, (number, key, most, start))]

    def histories(self, workspace, run):
        """All metrics of a run: {name: [(step, milliseconds, value), …]}, each in the order of its steps."""
        number = self._number(workspace, run)
        found = {}
        for row in self._rows("SELECT * FROM metrics WHERE run = ? ORDER BY key, step, time", (number,)):
            value = math.nan if row["nan"] else row["value"]
            found.setdefault(row["key"], []).append((row["step"], row["time"], value))
        return found

    def forget(self, workspace):
        """Remove all experiments and runs of a workspace."""
        workspace = workspace.lower()
        with self._change() as db:
            runs = "run IN (SELECT number FROM runs WHERE workspace = ?)"
            for table in ("metrics", "latest", "params", "tags", "inputs"):
                db.execute(f"DELETE FROM {table} WHERE {runs}", (workspace,))
            db.execute(
                "DELETE FROM experiment_tags WHERE experiment IN (SELECT id FROM experiments WHERE workspace = ?)",
                (workspace,),
            )
            for table in ("runs", "experiments"):
                db.execute(f"DELETE FROM {table} WHERE workspace = ?", (workspace,))

    def close(self):
        self._db.close()


def _marks(values):
    return ", ".join("?" * len(values))


def _point(row):
    value = math.nan if row["nan"] else row["value"]
    return {"key": row["key"], "value": value, "timestamp": row["time"], "step": row["step"]}
