"""Automated ML of Azure Machine Learning through the real MLClient; tables and settings that are refused."""

import json
import math
import os
import random
import subprocess
import sys
import time

import pytest
import requests

from local_azure.engines import automl as engine
from local_azure.engines.automl import tables

pytest_plugins = ["ml_workspace"]

MLTABLE = """
type: mltable
paths:
  - file: ./data.csv
transformations:
  - read_delimited:
      delimiter: ','
      encoding: utf8
      header: all_files_same_headers
"""
SLOW = {"allowedTrainingAlgorithms": ["DecisionTree", "SVM"], "enableVoteEnsemble": False}  # the tree comes first
JOB = """
$schema: https://azuremlsdk2.blob.core.windows.net/preview/0.0.1/autoMLJob.schema.json
type: automl
experiment_name: prices
compute: azureml:cpu-cluster
task: regression
primary_metric: r2_score
target_column_name: minutes
training_data: {path: %s, type: mltable}
validation_data_size: 0.3
limits: {max_trials: 2, timeout_minutes: 5}
training:
  allowed_training_algorithms: [elastic_net, random_forest, light_gbm]
  enable_stack_ensemble: false
featurization:
  mode: custom
  column_name_and_types: {weight: Ignore}
  transformer_params:
    imputer:
      - fields: [distance]
        parameters: {strategy: median}
"""


def parcels(rows=300, seed=1, noise=20):
    """A made-up table: late parcels are the far ones in the north, with some noise, in minutes. A few distances are
    missing.
    """
    draw = random.Random(seed)
    lines = ["parcel,region,distance,weight,shipped,minutes,late"]
    for number in range(rows):
        region, distance = draw.choice(["north", "south", "east"]), draw.uniform(1, 100)
        minutes = 3 * distance + (60 if region == "north" else 0) + draw.gauss(0, noise)
        shown = "" if draw.random() < 0.05 else f"{distance:.2f}"
        lines.append(
            f"P{number:05},{region},{shown},{draw.uniform(1, 9):.1f},2026-0{1 + number % 9}-05T10:00:00,"
            f"{minutes:.1f},{'yes' if minutes > 200 else 'no'}"
        )
    return "\n".join(lines) + "\n"


def table(folder, text=None, mltable=MLTABLE):
    """A folder with a CSV file and a file MLTable beside it, as a learner makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.csv").write_text(parcels() if text is None else text, encoding="utf-8")
    (folder / "MLTable").write_text(mltable, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(workspace, tmp_path_factory):
    """The made-up table as a data asset."""
    from azure.ai.ml.entities import Data

    folder = table(tmp_path_factory.mktemp("parcels") / "table")
    made = workspace.ml.data.create_or_update(Data(name="parcels", path=str(folder), type="mltable"))
    return f"azureml:{made.name}:{made.version}"


@pytest.fixture(scope="module")
def many(workspace, tmp_path_factory):
    """A table of 60,000 rows that is nearly all noise, on which support vectors take minutes."""
    from azure.ai.ml.entities import Data

    folder = table(tmp_path_factory.mktemp("many") / "table", parcels(60000, noise=2000))
    made = workspace.ml.data.create_or_update(Data(name="many", path=str(folder), type="mltable"))
    return f"azureml:{made.name}:{made.version}"


def put(workspace, name, uri, **changes):
    """Submit a classification by a plain request."""
    details = {
        "taskType": "Classification", "trainingData": {"jobInputType": "mltable", "uri": uri},
        "targetColumnName": "late", "primaryMetric": "AUCWeighted", "limitSettings": {"maxTrials": 2},
    }  # fmt: skip
    details |= changes
    return workspace.http("PUT", f"/jobs/{name}", {"properties": {"jobType": "AutoML", "taskDetails": details}})


@pytest.fixture(scope="module")
def started(workspace, data, many, tmp_path_factory):
    """The names of three jobs that were submitted at once: a classification, the same by plain HTTP, a regression.

    A fourth one, named short, has a time limit which its second trial cannot keep.
    """
    from azure.ai.ml import Input, automl, load_job

    put(workspace, "short", many, trainingSettings=SLOW, limitSettings={"maxTrials": 2, "timeout": "PT45S"})
    asked = automl.classification(
        compute="cpu-cluster", experiment_name="late-parcels", training_data=Input(type="mltable", path=data),
        target_column_name="late", primary_metric="AUC_weighted", n_cross_validations=3, positive_label="yes",
        enable_model_explainability=True, tags={"client": "Tern"},
    )  # fmt: skip
    asked.set_limits(max_trials=5, max_concurrent_trials=2, timeout_minutes=5, trial_timeout_minutes=1)
    asked.set_training(blocked_training_algorithms=["SVM", "RandomForest"], enable_vote_ensemble=True)
    first = workspace.ml.jobs.create_or_update(asked).name
    settings, limits = (
        {"blockedTrainingAlgorithms": ["SVM", "RandomForest"]},
        {"maxTrials": 5, "maxConcurrentTrials": 2},
    )
    folds = {"mode": "Custom", "value": 3}
    put(workspace, "again", data, trainingSettings=settings, limitSettings=limits, nCrossValidations=folds)
    folder = tmp_path_factory.mktemp("regression")
    table(folder / "table", mltable=MLTABLE + "  - drop_columns: [late, parcel]\n")
    (folder / "job.yml").write_text(JOB % (folder / "table").as_posix())
    return first, "again", workspace.ml.jobs.create_or_update(load_job(str(folder / "job.yml"))).name


@pytest.fixture(scope="module")
def job(workspace, started):
    """A classification that has ended."""
    workspace.wait(started[0])
    return workspace.ml.jobs.get(started[0])


def test_the_leaderboard_is_made_of_child_runs(workspace, job):
    assert job.status == "Completed", workspace.run_record(job.name).error
    children = {child.name: child for child in workspace.ml.jobs.list(parent_job_name=job.name)}
    assert set(children) == {f"{job.name}_{number}" for number in range(5)}
    assert {child.status for child in children.values()} == {"Completed"}
    shown = {name: child.properties["run_algorithm"] for name, child in children.items()}
    first = [shown[f"{job.name}_{number}"] for number in range(3)]
    assert first == ["LogisticRegression", "GradientBoosting", "ExtremeRandomTrees"]
    assert shown[f"{job.name}_4"] == "VotingEnsemble" and "RandomForest" not in shown.values()
    scores = {name: float(child.properties["score"]) for name, child in children.items()}
    best = job.tags["automl_best_child_run_id"]
    assert scores[best] == max(scores.values()) > 0.9
    assert job.tags["run_algorithm_000"].split(";") == [shown[f"{job.name}_{number}"] for number in range(5)]
    assert job.tags["client"] == "Tern"
    assert workspace.ml.jobs.get(best).properties["primary_metric"] == "AUC_weighted"


def test_mlflow_has_the_metrics_under_azures_names(workspace, job):
    import mlflow

    mlflow.set_tracking_uri(workspace.ml.workspaces.get(workspace.ml.workspace_name).mlflow_tracking_uri)
    parent = mlflow.get_run(job.name)
    assert parent.data.tags["automl_best_child_run_id"] == job.tags["automl_best_child_run_id"]
    wanted = f"tags.mlflow.parentRunId = '{job.name}'"
    found = mlflow.search_runs(experiment_names=["late-parcels"], filter_string=wanted, output_format="list")
    assert len(found) == 5
    for run in found:
        metrics = run.data.metrics
        assert metrics["AUC_weighted"] == pytest.approx(float(run.data.tags["score"]))
        assert {"accuracy", "log_loss", "norm_macro_recall", "f1_score_macro", "AUC_binary"} <= set(metrics)
        # with two classes, the recall of both by chance is one half
        assert metrics["norm_macro_recall"] == pytest.approx(2 * metrics["recall_score_macro"] - 1)
        assert run.info.status == "FINISHED"


FAR = {"parcel": "P1", "region": "north", "distance": 99.0, "weight": 2.0, "shipped": "2026-03-05T10:00:00"}
ROWS = [
    FAR | {"minutes": 320.0},
    FAR | {"region": "south", "distance": 2.0, "minutes": 5.0},
    FAR | {"region": "west", "distance": None, "shipped": "no date", "minutes": 5.0},  # never seen: still answered
]


@pytest.fixture(scope="module")
def model(workspace, job):
    """The best model, registered."""
    from azure.ai.ml.entities import Model

    best = job.tags["automl_best_child_run_id"]
    path = f"azureml://jobs/{best}/outputs/artifacts/outputs/mlflow-model"
    return workspace.ml.models.create_or_update(Model(name="late", path=path, type="mlflow_model"))


def test_the_best_model_loads_anywhere(workspace, job, model, tmp_path, monkeypatch):
    import mlflow.sklearn
    import pandas

    assert model.job_name == job.tags["automl_best_child_run_id"]
    workspace.ml.models.download("late", model.version, download_path=tmp_path)
    for module in ("local_azure.engines.automl", "local_azure.engines.automl.columns"):
        monkeypatch.setitem(sys.modules, module, None)  # as where this package is not installed
    loaded = mlflow.sklearn.load_model(str(next(tmp_path.rglob("MLmodel")).parent))
    assert list(loaded.predict(pandas.DataFrame(ROWS))) == ["yes", "no", "no"]


def test_the_best_trial_leaves_what_a_script_of_ones_own_needs(workspace, job, tmp_path):
    name = job.tags["automl_best_child_run_id"]
    workspace.ml.jobs.download(name, download_path=tmp_path, all=True)
    files = {path.name: path for path in tmp_path.rglob("outputs/*")}
    assert {"model.pkl", "conda_env_v_1_0_0.yml", "scoring_file_v_1_0_0.py", "mlflow-model"} <= files.keys()
    script = "import score, json, sys; score.init(); print(json.loads(score.run(sys.stdin.read()))['result'])"
    files["scoring_file_v_1_0_0.py"].rename(files["model.pkl"].parent / "score.py")
    answer = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps({"data": ROWS}), capture_output=True, text=True,
        cwd=files["model.pkl"].parent, env={**os.environ, "AZUREML_MODEL_DIR": str(files["model.pkl"].parent)},
    )  # fmt: skip
    assert answer.stdout.strip() == "['yes', 'no', 'no']", answer.stderr


def test_the_best_model_is_served_without_code(workspace, model):
    from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint

    workspace.ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="late-parcels")).result()
    made = ManagedOnlineDeployment(
        name="blue", endpoint_name="late-parcels", model=f"azureml:late:{model.version}", instance_count=1,
        instance_type="Standard_DS3_v2",
    )  # fmt: skip
    workspace.ml.online_deployments.begin_create_or_update(made).result()
    endpoint = workspace.ml.online_endpoints.get("late-parcels")
    key = workspace.ml.online_endpoints.get_keys("late-parcels").primary_key
    table = {"columns": [*FAR, "minutes"], "data": [list(row.values()) for row in ROWS]}
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "blue"}
    answer = requests.post(endpoint.scoring_uri, json={"input_data": table}, headers=headers, timeout=60)
    assert answer.json() == ["yes", "no", "no"], answer.text
    workspace.ml.online_endpoints.begin_delete("late-parcels").result()


def test_each_column_is_reported(workspace, job, tmp_path):
    workspace.ml.jobs.download(job.tags["automl_best_child_run_id"], download_path=tmp_path, all=True)
    report = json.loads(next(tmp_path.rglob("featurization_summary.json")).read_text())
    columns = {one["RawFeatureName"]: one for one in report}
    assert set(columns) == {"parcel", "region", "distance", "weight", "shipped", "minutes"}
    assert columns["parcel"]["Dropped"] == "Yes" and columns["parcel"]["TypeDetected"] == "Hashes"
    assert (columns["region"]["TypeDetected"], columns["region"]["EngineeredFeatureCount"]) == ("Categorical", 3)
    assert columns["distance"]["Transformations"] == ["MeanImputer", "ImputationMarker"]
    assert columns["distance"]["EngineeredFeatureCount"] == 2 and columns["distance"]["MissingValues"] > 0
    assert columns["shipped"]["TypeDetected"] == "DateTime"


def test_the_log_says_what_was_not_done(workspace, job, capsys):
    workspace.ml.jobs.stream(job.name)
    printed = capsys.readouterr().out
    assert "LightGBM and XGBoostClassifier: not in this course's environment" in printed
    assert "enable_model_explainability is ignored" in printed and "no StackEnsemble" in printed
    assert "parcel: Hashes, dropped" in printed and "VotingEnsemble of" in printed


def test_the_same_job_finds_the_same(workspace, job, started):
    again = workspace.wait(started[1])
    for name in ("run_algorithm_000", "score_000"):
        assert again["tags"][name] == job.tags[name]


def test_a_regression_from_a_yaml_file(workspace, started):
    name = started[2]
    ended = workspace.wait(name)
    assert ended["status"] == "Completed", workspace.log(name)
    children = list(workspace.ml.jobs.list(parent_job_name=name))
    assert sorted(child.properties["run_algorithm"] for child in children) == ["ElasticNet", "RandomForest"]
    assert float(ended["tags"]["score_000"].split(";")[0]) > 0.8
    log = workspace.log(name)
    assert "LightGBM: not in this course's environment" in log and "weight: Ignore, dropped: asked for" in log
    assert "distance: Numeric, MedianImputer" in log and "90 rows held out" in log
    job = workspace.ml.jobs.get(name)
    assert (job.primary_metric.lower().replace("_", ""), job.target_column_name) == ("r2score", "minutes")


def test_a_job_whose_data_is_at_fault_fails_with_a_sentence(workspace, data):
    put(workspace, "no-target", data, targetColumnName="delayed")
    assert workspace.wait("no-target")["status"] == "Failed"
    error = workspace.run_record("no-target").error["error"]
    assert error["code"] == "UserError"
    assert "no column delayed" in error["message"] and "late" in error["message"]
    assert "no column delayed" in workspace.log("no-target")


def test_a_job_is_canceled_with_its_trials_and_its_processes(workspace, many):
    name = begin_long(workspace, many, "canceled")
    refused = workspace.http("POST", f"/jobs/{name}_0/cancel")
    assert refused.status_code == 400 and "cancel canceled" in refused.json()["error"]["message"]
    assert _engines(workspace, name)
    workspace.ml.jobs.begin_cancel(name).result()
    assert workspace.wait(name)["status"] == "Canceled"
    assert [child.status for child in workspace.ml.jobs.list(parent_job_name=name)] == ["Canceled"]
    assert not _engines(workspace, name)


def begin_long(workspace, many, name):
    """A job that takes minutes, with one trial under way."""
    made = put(workspace, name, many, trainingSettings={"allowedTrainingAlgorithms": ["SVM"]})
    assert made.status_code == 201, made.text
    until = time.monotonic() + 240
    while not list(workspace.ml.jobs.list(parent_job_name=name)):
        assert time.monotonic() < until, workspace.job(name)
        time.sleep(0.1)
    return name


def _engines(workspace, name):
    """The processes of a job."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get("LOCAL_AZURE_PROCESS", "")
        except (psutil.Error, OSError):
            continue
        if mark.startswith(f"{workspace.path}/jobs/{name}#".lower()) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def test_searches_and_trials_keep_to_their_time(workspace, many, started):
    put(workspace, "brief", many, trainingSettings=SLOW, limitSettings={"maxTrials": 2, "trialTimeout": "PT15S"})
    for name, said in (("short", "its limit of 45 seconds is reached"), ("brief", "than its limit of 15 seconds")):
        assert workspace.wait(name)["status"] == "Completed", workspace.log(name)
        children = workspace.ml.jobs.list(parent_job_name=name)
        ended = {child.properties["run_algorithm"]: child.status for child in children}
        assert ended == {"DecisionTree": "Completed", "SVM": "Canceled"}
        assert said in workspace.log(name)


def test_a_killed_server_leaves_a_failed_job_and_its_log(workspace, many):
    name = begin_long(workspace, many, "killed")
    workspace.kill()
    assert workspace.wait(name)["status"] == "Failed"
    assert {child.status for child in workspace.ml.jobs.list(parent_job_name=name)} == {"Failed"}
    assert "60000 rows" in workspace.log(name)
    assert not _engines(workspace, name)


# What is refused at once


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"taskType": "Forecasting"}, 501, "classification and regression of tables"),
        ({"taskType": "ImageClassification"}, 501, "classification and regression of tables"),
        ({"taskType": "TextNER"}, 501, "classification and regression of tables"),
        ({"taskType": None}, 400, "taskType"),
        ({"primaryMetric": "R2Score"}, 400, "AUC_weighted"),
        ({"targetColumnName": None}, 400, "targetColumnName"),
        ({"trainingData": None}, 400, "no training data"),
        ({"trainingData": {"jobInputType": "uri_file", "uri": "azureml:parcels:1"}}, 400, "a file MLTable"),
        ({"trainingData": {"jobInputType": "mltable", "uri": "azureml:nothing:1"}}, 404, "not found"),
        ({"trainingSettings": {"allowedTrainingAlgorithms": ["LightGBM"]}}, 400, "not in this course's environment"),
        ({"trainingSettings": {"allowedTrainingAlgorithms": ["Oracle"]}}, 400, "'Oracle' is unknown"),
        ({"nCrossValidations": {"mode": "Custom", "value": 1}}, 400, "from 2 on"),
        ({"validationDataSize": 1.5}, 400, "between 0 and 1"),
        ({"validationDataSize": 0.2, "nCrossValidations": {"mode": "Custom", "value": 3}}, 400, "Give one of"),
        ({"limitSettings": {"maxTrials": 0}}, 400, "maxTrials is 1 to 1000"),
        ({"limitSettings": {"timeout": "soon"}}, 400, "a duration"),
        ({"limitSettings": {"maxTrials": "two"}}, 400, "whole number"),
        ({"testDataSize": 0.2}, 400, "Test data is not used"),
        ({"featurizationSettings": {"mode": "loud"}}, 400, "auto, custom, off"),
        ({"featurizationSettings": {"columnNameAndTypes": {"region": "Colour"}}}, 400, "'Colour' is unknown"),
        ({"featurizationSettings": {"transformerParams": {"TfIdf": []}}}, 400, "lets you set the Imputer"),
        ({"featurizationSettings": {"transformerParams": {"Imputer": [3]}}}, 400, "has fields"),
    ],
)
def test_settings_that_cannot_be_are_refused(workspace, data, changes, status, said):
    answer = put(workspace, "refused", data, **changes)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert said in error["message"]
    assert error["code"] == ("NotImplemented" if status == 501 else "UserError")


# The engine on its own


def task(folder, **changes):
    """The content of task.json."""
    kind = changes.get("task", engine.CLASSIFICATION)
    return {
        "task": kind, "metric": next(iter(engine.METRICS[kind])), "data": {"training": str(folder)}, "places": {},
        "target": "late", "weight": None, "split_columns": [], "folds": None, "share": None, "positive": None,
        "featurization": {"mode": "auto", "types": {}, "blocked": [], "imputers": {}},
    } | changes  # fmt: skip


def featurized(**changes):
    return {"featurization": {"mode": "auto", "types": {}, "blocked": [], "imputers": {}} | changes}


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("a,late\n", {}, "no rows"),
        ("a,late\n1,yes\n2,no\n", {}, "too few"),
        ("a,late\n" + "1,yes\n2,yes\n" * 9, {}, "single value 'yes'"),
        ("a,late\n" + "".join(f"{one},{one}\n" for one in range(40)), {}, "use automl.regression"),
        ("a,late\n" + "1,yes\n2,no\n" * 9, {"task": engine.REGRESSION}, "must be numbers, and holds 'yes'"),
        ("a,late\n" + "1,yes\n2,no\n" * 9, {"weight": "w"}, "no column w"),
        ("a,late\n" + "1,yes\n2,no\n" * 9, {"positive": "maybe"}, "positive_label is maybe"),
        ("a,late\n" + "x,yes\ny,no\n" * 9, featurized(mode="off"), "Featurization is off and the column a holds text"),
        ("a,late\n" + "x,yes\ny,no\n" * 9, featurized(types={"a": "Numeric"}), "is to be Numeric and holds 'x'"),
        ("a,late\n" + "x,yes\ny,no\n" * 9, featurized(types={"b": "Numeric"}), "the column b"),
        ("a,late\n" + "x,yes\nx,no\n" * 9, {}, "No column is left to learn from"),
        ("a,b,late\n" + "x,1,yes\ny,2,no\n" * 9, {"split_columns": ["a"]}, "holds 1 (fit) and 0 (score)"),
        ("late\n" + "yes\nno\n" * 9, {}, "no column beside the target"),
    ],
)
def test_data_that_cannot_be_learnt_from_is_refused(tmp_path, text, changes, said):
    from local_azure.engines.automl import search

    with pytest.raises(engine.Problem) as caught:
        search.prepare(task(table(tmp_path, text), **changes))
    assert said in str(caught.value)


def test_rows_that_are_scored_are_never_learnt_from(tmp_path):
    from local_azure.engines.automl import search

    folder = table(tmp_path / "one")
    held = table(tmp_path / "two", parcels(50, seed=2))
    for changes in ({}, {"folds": 4}, {"share": 0.25}, {"data": {"training": str(folder), "validation": str(held)}}):
        data = search.prepare(task(folder, **changes))
        for fit, scored in data.splits:
            assert not set(fit) & set(scored)
    assert len(data.splits) == 1 and len(scored) == 50 and list(data.fitted) == list(range(300))


def test_which_trial_ends_first_changes_nothing(tmp_path, monkeypatch):
    from local_azure.engines.automl import search

    class Ends(search.Search):
        """A search whose trials end in an order of the test's, with scores that their settings give."""

        def begin(self, number, settings):
            tried.append(settings)
            return settings

        def wait(self, running, over):
            for number in self.pick(sorted(running)):
                settings = running.pop(number)
                over[number] = len(json.dumps(settings)) / 1000
                self.done[number] = {"metrics": {self.metric: over[number]}, "settings": settings}

    monkeypatch.chdir(tmp_path)
    found = []
    for pick in (lambda running: running[:1], lambda running: running[-1:], lambda running: running):
        tried, Ends.pick = [], staticmethod(pick)
        one = Ends(task(tmp_path, at_once=2, trials=12, seconds=None, exit_score=None, early=False))
        one.look(engine.ALGORITHMS[engine.CLASSIFICATION], 12)
        found.append(tried)
    assert len(found[0]) == 12
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("blocked", [[], ["OneHotEncoder"], ["OneHotEncoder", "CatTargetEncoder"]])
def test_every_algorithm_learns_from_every_kind_of_column(tmp_path, blocked):
    from local_azure.engines.automl import models, search

    texts = ["late van in the snow", "early van in the sun today", "a quick ride through town", "waited for a bridge"]
    lines = parcels(120).splitlines()
    rows = [lines[0] + ",note,fragile"]
    rows += [f"{line},{texts[n % 4]} {n // 4},{n % 3 == 0}" for n, line in enumerate(lines[1:])]
    folder = table(tmp_path, "\n".join(rows) + "\n")
    for kind, target in ((engine.CLASSIFICATION, "late"), (engine.REGRESSION, "minutes")):
        settings = task(folder, task=kind, target=target, folds=2, **featurized(blocked=blocked))
        data = search.prepare(settings)
        assert {one.purpose for one in data.columns} >= {"Numeric", "Categorical", "DateTime", "Text", "Hashes"}
        names = engine.ALGORITHMS[kind] if not blocked else engine.ALGORITHMS[kind][:1]
        for name in names:
            fit, held = data.splits[0]
            metrics = data.score([data.predict(data.fit(data.pipeline(models.usual(name)), fit), held)] * 2)
            assert all(math.isfinite(value) for value in metrics.values()), name
            assert set(engine.METRICS[kind]) <= set(metrics)


def test_metrics_by_hand():
    import numpy

    from local_azure.engines.automl import scores

    truth = numpy.array([0, 0, 0, 1])
    chances = numpy.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    found = scores.classification(truth, chances)
    assert found["accuracy"] == 0.75
    assert found["recall_score_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["norm_macro_recall"] == pytest.approx(2 / 3)
    assert found["precision_score_weighted"] == pytest.approx(0.75 * 1 + 0.25 * 0.5)
    assert found["weighted_accuracy"] == pytest.approx((3 * 2 + 1 * 1) / (3 * 3 + 1))
    assert found["AUC_binary"] == found["AUC_weighted"] == pytest.approx(2 / 3)
    numbers = scores.regression(numpy.array([0.0, 10.0]), numpy.array([1.0, 8.0]), spread=10)
    assert numbers["normalized_mean_absolute_error"] == pytest.approx(0.15)
    assert numbers["normalized_root_mean_squared_error"] == pytest.approx(math.sqrt(2.5) / 10)
    assert numbers["mean_absolute_percentage_error"] == pytest.approx(20)
    for name in engine.METRICS[engine.CLASSIFICATION]:
        assert scores.primary(name, truth, chances, 1) == pytest.approx(found[name])


# MLTable


def test_tables_are_read_as_they_are_described(tmp_path):
    folder = tmp_path / "t"
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "a.csv").write_bytes("Ort;Land;n\nZürich;NA;1\n".encode("latin-1"))
    (folder / "more" / "b.csv").write_bytes("Ort;Land;n\nBern;;2\n".encode("latin-1"))
    text = "paths:\n  - pattern: ./more/*.csv\ntransformations:\n  - read_delimited:\n      delimiter: ';'\n"
    text += "      encoding: iso88591\n      header: %s\n"
    more = (
        "  - convert_column_types:\n      - columns: n\n        column_type: string\n  - keep_columns: [Ort, n, Land]\n"
    )
    (folder / "MLTable").write_text(text % "all_files_same_headers" + more)
    read = tables.read(folder)
    assert read.columns.tolist() == ["Ort", "n", "Land"] and read["Ort"].tolist() == ["Zürich", "Bern"]
    assert read["n"].tolist() == ["1", "2"]
    assert read["Land"].isna().tolist() == [False, True]  # NA is Namibia
    (folder / "MLTable").write_text(text % "no_header")
    assert tables.read(folder).shape == (4, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("paths: [", "not YAML"),
        ("paths: []", "needs paths"),
        ("paths:\n  - file: ./data.csv\n", "must be read_delimited or read_parquet"),
        ("paths:\n  - file: ./gone.csv\ntransformations: [read_delimited]\n", "no file at the path ./gone.csv"),
        ("paths:\n  - file: ../data.csv\ntransformations: [read_delimited]\n", "leaves the folder"),
        (MLTABLE + "  - filter: 'col(\"a\") > 1'\n", "The transformation filter of MLTable is not here"),
        (MLTABLE + "  - drop_columns: [colour]\n", "names the column colour"),
        (MLTABLE.replace("utf8", "ebcdic"), "unknown header or encoding"),
        (
            MLTABLE + "  - convert_column_types:\n      - columns: region\n        column_type: int\n",
            "cannot be converted",
        ),
    ],
)
def test_tables_that_cannot_be_read_are_refused(tmp_path, text, said):
    with pytest.raises(engine.Problem) as caught:
        tables.read(table(tmp_path / "t", mltable=text))
    assert said in str(caught.value)


def test_weights_say_how_much_a_row_counts(tmp_path):
    from local_azure.engines.automl import models, search

    # the same rows with both answers; those that say yes weigh nine times as much
    rows = [f"{number},{late},{weight}" for number in range(30) for late, weight in (("yes", 9), ("no", 1))]
    folder = table(tmp_path, "a,late,w\n" + "\n".join(rows) + "\n")
    for weight, expected in (("w", 0.9), (None, 0.5)):
        data = search.prepare(task(folder, weight=weight, folds=2, **featurized(types={"a": "Numeric"})))
        fitted = data.fit(data.pipeline(models.usual("LogisticRegression")), data.fitted)
        chances = data.predict(fitted, data.fitted)[:, 1]
        assert abs(chances.mean() - expected) < 0.05
