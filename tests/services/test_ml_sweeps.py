"""Sweeps of Azure Machine Learning through the real MLClient; the search and the stopping rules on their own."""

import json
import math

import pytest

from local_azure.engines import search
from local_azure.services.machine_learning.jobs import commands

pytest_plugins = ["ml_workspace"]

ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"

# Logs as MLflow does, by the same calls to the tracking server, without the seconds that importing MLflow takes.
TRIAL = """
import json, os, sys, time, urllib.request
def log(name, value, step):
    address = os.environ["MLFLOW_TRACKING_URI"].replace("azureml:", "https:") + "/api/2.0/mlflow/runs/log-metric"
    body = dict(run_id=os.environ["MLFLOW_RUN_ID"], key=name, value=value, timestamp=int(time.time() * 1000), step=step)
    headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=120).read()
rate, pause = float(sys.argv[1]), float(sys.argv[2])
if rate < 0:
    raise SystemExit("a rate below zero")
for step in range(3):
    log("error", (rate - 0.3) ** 2 + 1 / (step + 1), step)
    time.sleep(pause)
with open("outputs/rate.txt", "w") as file:
    file.write(str(rate))
"""


@pytest.fixture(scope="module")
def sweep(workspace, tmp_path_factory):
    """sweep(space, …) submits a sweep, waits for its end and returns the job."""
    from azure.ai.ml import command

    folder = tmp_path_factory.mktemp("sweep")
    (folder / "trial.py").write_text(TRIAL)

    def submit(rate, sampling="random", goal="Minimize", pause=0, metric="error", policy=None, wait=True, **limits):
        job = command(
            code=str(folder), command="python trial.py ${{inputs.rate}} ${{inputs.pause}}", environment=ENVIRONMENT,
            compute="cpu-cluster", inputs={"rate": 0.5, "pause": pause}, experiment_name="tuning",
        )  # fmt: skip
        trials = job(rate=rate).sweep(
            sampling_algorithm=sampling, primary_metric=metric, goal=goal, early_termination_policy=policy
        )
        trials.set_limits(**({"max_total_trials": 4, "max_concurrent_trials": 2} | limits))
        name = workspace.ml.jobs.create_or_update(trials).name
        if not wait:
            return name
        workspace.wait(name)
        return workspace.ml.jobs.get(name)

    return submit


@pytest.fixture(scope="module")
def grid(sweep):
    from azure.ai.ml.sweep import Choice

    return sweep(Choice([0.1, 0.3, 0.5]), "grid")


def test_a_grid_tries_each_value_once_and_finds_the_best(workspace, grid):
    assert grid.status == "Completed"
    children = list(workspace.ml.jobs.list(parent_job_name=grid.name))
    tried = [json.loads(child.tags["hyperparameters"])["rate"] for child in children]
    assert sorted(tried) == [0.1, 0.3, 0.5]
    assert {child.status for child in children} == {"Completed"}
    best = workspace.ml.jobs.get(grid.properties["best_child_run_id"])
    assert json.loads(best.tags["hyperparameters"]) == {"rate": 0.3}
    assert float(grid.properties["score"]) == pytest.approx(1 / 3)


def test_a_sweep_is_streamed_and_its_best_trial_downloaded(workspace, grid, capsys, tmp_path):
    workspace.ml.jobs.stream(grid.name)
    printed = capsys.readouterr().out
    assert "Streaming azureml-logs/hyperdrive.txt" in printed and "Best: " in printed
    workspace.ml.jobs.download(grid.name, download_path=tmp_path, all=True)
    assert (tmp_path / "artifacts" / "outputs" / "rate.txt").read_text() == "0.3"
    assert (tmp_path / "hd-artifacts" / "azureml-logs" / "hyperdrive.txt").exists()


def test_trials_are_not_listed_beside_the_sweep(workspace, grid):
    names = [job.name for job in workspace.ml.jobs.list()]
    assert grid.name in names and not any(name.startswith(f"{grid.name}_") for name in names)


def test_a_random_search_with_a_seed_is_repeated(workspace, sweep):
    from azure.ai.ml.sweep import RandomSamplingAlgorithm, Uniform

    def tried(job):
        return [json.loads(child.tags["hyperparameters"]) for child in workspace.ml.jobs.list(parent_job_name=job.name)]

    first = sweep(Uniform(0, 1), RandomSamplingAlgorithm(seed=5), max_total_trials=3)
    again = sweep(Uniform(0, 1), RandomSamplingAlgorithm(seed=5), max_total_trials=3)
    assert tried(first) == tried(again) and len(tried(first)) == 3


def test_a_bayesian_search_runs(sweep):
    from azure.ai.ml.sweep import Uniform

    job = sweep(Uniform(0, 1), "bayesian", goal="Maximize")
    assert job.status == "Completed" and job.properties["best_child_run_id"].startswith(f"{job.name}_")


def test_a_bandit_stops_a_trial_that_falls_behind(workspace, sweep):
    from azure.ai.ml.sweep import BanditPolicy, Choice

    policy = BanditPolicy(slack_amount=5, evaluation_interval=1)
    job = sweep(Choice([0.3, 9]), "grid", pause=3, policy=policy)
    ended = {
        json.loads(child.tags["hyperparameters"])["rate"]: child.status
        for child in workspace.ml.jobs.list(parent_job_name=job.name)
    }
    assert ended == {0.3: "Completed", 9: "Canceled"}
    assert job.status == "Completed"


def test_a_sweep_whose_trials_all_fail_has_failed(workspace, sweep):
    from azure.ai.ml.sweep import Choice

    job = sweep(Choice([-1, -2, -3, -4, -5, -6]), "grid", max_total_trials=6, max_concurrent_trials=1)
    assert job.status == "Failed"
    assert len(list(workspace.ml.jobs.list(parent_job_name=job.name))) == 3  # no more were begun
    assert "a rate below zero" in workspace.log(f"{job.name}_0")
    said = workspace.run_record(job.name).error["error"]["message"]
    assert f"The first one, {job.name}_0: " in said and "a rate below zero" in said


def test_a_metric_that_nobody_logs_leaves_no_best_trial(workspace, sweep):
    from azure.ai.ml.sweep import Choice

    job = sweep(Choice([0.1]), "grid", metric="accuracy")
    assert job.status == "Completed" and "best_child_run_id" not in job.properties
    assert "No trial has logged the metric accuracy" in workspace.run_record(job.name).warnings[0]["message"]


def test_a_canceled_sweep_ends_its_trials(workspace, sweep):
    from azure.ai.ml.sweep import Choice

    name = sweep(Choice([0.1, 0.2]), "grid", pause=60, wait=False)
    workspace.wait(f"{name}_0", "Running")
    workspace.ml.jobs.begin_cancel(name).result()
    assert workspace.job(name)["status"] == "Canceled"
    assert [workspace.wait(f"{name}_{number}")["status"] for number in (0, 1)] == ["Canceled", "Canceled"]


GOOD = {
    "trial": {"command": "echo ${{search_space.x}}", "environmentId": ENVIRONMENT},
    "searchSpace": {"x": ["choice", [[1, 2]]]},
    "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
    "objective": {"goal": "Minimize", "primaryMetric": "error"},
    "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 2},
}
WRONG = {
    "no trial": {"trial": None},
    "no space": {"searchSpace": {}},
    "unknown name": {"searchSpace": {"y": ["choice", [[1]]]}},
    "unknown kind": {"searchSpace": {"x": ["dice", [6]]}},
    "text for a number": {"searchSpace": {"x": ["uniform", ["a", "b"]]}},
    "no list": {"searchSpace": {"x": "choice"}},
    "grid of uniform": {
        "searchSpace": {"x": ["uniform", [0, 1]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
    },
    "bayesian of normal": {
        "searchSpace": {"x": ["normal", [0, 1]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Bayesian"},
    },
    "unknown algorithm": {"samplingAlgorithm": {"samplingAlgorithmType": "Guess"}},
    "no objective": {"objective": None},
    "no goal": {"objective": {"primaryMetric": "error"}},
    "no trials": {"limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 0, "maxConcurrentTrials": 0}},
    "too many": {"limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 1001}},
    "unknown policy": {"earlyTermination": {"policyType": "Whim"}},
    "below zero": {"earlyTermination": {"policyType": "Bandit", "slackAmount": -1}},
}


def test_a_sweep_ends_at_its_time_limit(workspace):
    # by a plain request, since MLClient rounds the limit of a sweep up to whole minutes
    trial = GOOD["trial"] | {"command": "sleep 60; echo ${{search_space.x}}"}
    given = GOOD | {"jobType": "Sweep", "trial": trial, "limits": GOOD["limits"] | {"timeout": "PT1S"}}
    assert workspace.http("PUT", "/jobs/limited", {"properties": given}).status_code == 201
    assert workspace.wait("limited")["status"] == "Canceled"
    assert "longer than its limit" in workspace.run_record("limited").warnings[-1]["message"]
    assert {workspace.wait(f"limited_{number}")["status"] for number in (0, 1)} == {"Canceled"}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_wrong_sweep_is_refused(workspace, changes):
    answer = workspace.http("PUT", "/jobs/wrong", {"properties": {"jobType": "Sweep"} | GOOD | changes})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserError"), answer.text


# The search on its own


def drawn(space, method="random", seed=1, rule="random", count=200):
    searcher = search.searcher(space, method, False, seed, rule)
    return [searcher.ask() for _ in range(count)]


@pytest.mark.parametrize("rule", ["random", "sobol"])
def test_draws_keep_to_their_distributions(rule):
    space = {
        "choice": ("choice", [["a", "b"]]), "randint": ("randint", [5]), "uniform": ("uniform", [2, 3]),
        "loguniform": ("loguniform", [-3, 0]), "quniform": ("quniform", [0, 1, 0.25]), "normal": ("normal", [10, 1]),
        "lognormal": ("lognormal", [0, 1]), "qnormal": ("qnormal", [10, 3, 2]),
    }  # fmt: skip
    draws = drawn(space, rule=rule)
    assert {draw["choice"] for draw in draws} == {"a", "b"}
    assert {draw["randint"] for draw in draws} == set(range(5))
    assert all(2 <= draw["uniform"] <= 3 for draw in draws)
    assert all(math.exp(-3) <= draw["loguniform"] <= 1 for draw in draws)
    assert {draw["quniform"] for draw in draws} == {0, 0.25, 0.5, 0.75, 1}
    assert sum(draw["normal"] for draw in draws) / len(draws) == pytest.approx(10, abs=0.3)
    assert all(draw["lognormal"] > 0 for draw in draws)
    assert all(draw["qnormal"] % 2 == 0 for draw in draws)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1, "1"), (2.5, "2.5"), (True, "true"), (False, "false"), ("False", "False")]
)
def test_a_number_in_a_command_is_no_truth_value(value, text):
    assert commands.literal(value) == text


def test_a_grid_is_every_combination_once():
    space = {"a": ("choice", [[1, 2]]), "b": ("choice", [["x", "y", "z"]])}
    draws = drawn(space, "grid", count=7)
    assert draws[-1] is None and len({tuple(draw.values()) for draw in draws[:-1]}) == 6


def test_a_bayesian_search_beats_a_random_one():
    space = {"x": ("uniform", [-10, 10]), "kind": ("choice", [["good", "bad"]])}

    def error(settings):
        return (settings["x"] - 3) ** 2 + 20 * (settings["kind"] == "bad")

    def mean_of_last(method, seed):
        searcher, values = search.searcher(space, method, False, seed), []
        for _ in range(40):
            settings = searcher.ask()
            values.append(error(settings))
            searcher.tell(settings, values[-1])
        return sum(values[-15:]) / 15

    wins = sum(mean_of_last("bayesian", seed) < mean_of_last("random", seed) for seed in range(1, 6))
    assert wins == 5


# The rules that stop trials early


def policy(kind, **more):
    return {"kind": kind, "interval": 1, "delay": 0, "factor": 0, "amount": 0, "percentage": 0} | more


def test_a_bandit_compares_with_the_best_at_the_same_interval():
    reported = {"best": [0.2, 0.8], "near": [0.2, 0.7], "far": [0.2, 0.6], "young": [0.1]}
    stopped = search.to_stop(policy("bandit", factor=0.2), reported, ["near", "far", "young"], maximize=True)
    assert stopped == ["far", "young"]  # 0.8 / 1.2 = 0.667 at the second interval, 0.2 / 1.2 = 0.167 at the first
    stopped = search.to_stop(policy("bandit", factor=0.2, delay=2), reported, ["near", "far", "young"], maximize=True)
    assert stopped == ["far"]


def test_a_bandit_with_an_amount_for_an_error():
    reported = {"best": [1.0], "near": [1.4], "far": [1.6]}
    assert search.to_stop(policy("bandit", amount=0.5), reported, ["near", "far"], maximize=False) == ["far"]


def test_the_median_of_running_averages_stops_the_worse_half():
    reported = {"a": [1, 1], "b": [2, 2], "c": [9, 9]}
    assert search.to_stop(policy("median"), reported, ["a", "b", "c"], maximize=False) == ["c"]
    assert search.to_stop(policy("median", interval=3), reported, ["a", "b", "c"], maximize=False) == []


def test_truncation_stops_the_worst_share():
    reported = {str(number): [number] for number in range(1, 11)}
    stopped = search.to_stop(policy("truncation", percentage=20), reported, list(reported), maximize=True)
    assert stopped == ["1", "2"]
    stopped = search.to_stop(policy("truncation", percentage=20), reported, list(reported), maximize=False)
    assert stopped == ["9", "10"]


def test_a_trial_that_has_logged_nothing_is_not_judged():
    for kind in ("bandit", "median", "truncation"):
        assert search.to_stop(policy(kind, percentage=50), {"a": [1], "b": []}, ["b"], maximize=True) == []
