"""Pipelines of Azure Machine Learning: written with the SDK's decorator and in YAML, run through the real MLClient."""

import json
import time

import pytest

pytest_plugins = ["ml_workspace"]

ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"

COMPONENT = """
name: count_rows
version: "1"
type: command
inputs:
  data: {type: uri_file}
  times: {type: integer, default: 2}
  note: {type: string, optional: true}
outputs:
  counted: {type: uri_folder}
code: ./src
environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1
command: >-
  python count.py ${{inputs.data}} ${{inputs.times}} ${{outputs.counted}} $[[--note ${{inputs.note}}]]
"""

JOB = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
display_name: from yaml
settings: {default_compute: azureml:cpu-cluster}
inputs:
  data: {type: uri_file, path: rows.csv}
outputs:
  result: {type: uri_folder}
jobs:
  count:
    type: command
    component: ./count.yml
    inputs: {data: "${{parent.inputs.data}}", times: 3}
    outputs: {counted: "${{parent.outputs.result}}"}
"""

COUNT = """
import json, pathlib, sys
rows = len(pathlib.Path(sys.argv[1]).read_text().splitlines())
pathlib.Path(sys.argv[3], "count.json").write_text(json.dumps({"rows": rows * int(sys.argv[2])}))
print("counted", sys.argv[4:])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "src").mkdir()
    (folder / "src" / "count.py").write_text(COUNT)
    (folder / "count.yml").write_text(COMPONENT)
    (folder / "job.yml").write_text(JOB)
    (folder / "rows.csv").write_text("a\nb\nc\n")
    return folder


def step(command, inputs=None, outputs=None, name="step"):
    """A component made in Python."""
    from azure.ai.ml import Input, Output
    from azure.ai.ml import command as make

    inputs = {key: Input(type=kind) for key, kind in (inputs or {}).items()}
    outputs = {key: Output(type=kind) for key, kind in (outputs or {}).items()}
    return make(name=name, command=command, inputs=inputs, outputs=outputs, environment=ENVIRONMENT)


def two_steps(project, tail):
    """A pipeline: rows are counted by a component from YAML, what comes out is shown by one made in Python."""
    from azure.ai.ml import Input, dsl, load_component

    count = load_component(project / "count.yml")
    show = step(
        f"cat ${{{{inputs.folder}}}}/count.json > ${{{{outputs.text}}}}; {tail}",
        {"folder": "uri_folder"},
        {"text": "uri_file"},
    )

    @dsl.pipeline(default_compute="cpu-cluster")
    def two(data: Input(type="uri_file"), times: int = 4):
        counted = count(data=data, times=times)
        shown = show(folder=counted.outputs.counted)
        return {"text": shown.outputs.text}

    return two(data=Input(type="uri_file", path=str(project / "rows.csv")))


@pytest.fixture(scope="module")
def done(workspace, project):
    """The name of a pipeline of two steps that has completed."""
    job = workspace.ml.jobs.create_or_update(two_steps(project, "true"), experiment_name="counting")
    workspace.wait(job.name)
    return job.name


def steps_of(workspace, name):
    """The steps of a pipeline by the names that they have in it."""
    listed = workspace.ml.jobs.list(parent_job_name=name)
    return {child.properties["azureml.nodeName"]: child for child in listed}


def test_the_output_of_one_step_is_the_input_of_the_next(workspace, done, tmp_path):
    assert workspace.ml.jobs.get(done).status == "Completed"
    assert {name: child.status for name, child in steps_of(workspace, done).items()} == {
        "counted": "Completed",
        "shown": "Completed",
    }
    workspace.ml.jobs.download(done, download_path=tmp_path, output_name="text")
    (text,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert json.loads(text.read_text()) == {"rows": 12}


def test_a_step_has_the_name_of_its_component(workspace, done):
    named = {step: child.properties["azureml.moduleName"] for step, child in steps_of(workspace, done).items()}
    assert named == {"counted": "count_rows", "shown": "step"}


def test_a_pipeline_is_streamed(workspace, done, capsys):
    workspace.ml.jobs.stream(done)
    printed = capsys.readouterr().out
    assert "Streaming logs/azureml/executionlogs.txt" in printed and "shown: Completed" in printed


def test_a_step_is_looked_up_and_its_log_downloaded(workspace, done, tmp_path):
    child = steps_of(workspace, done)["counted"].name
    assert workspace.ml.jobs.get(child).status == "Completed"
    workspace.ml.jobs.download(child, download_path=tmp_path, all=True)
    assert "counted []" in (tmp_path / "artifacts" / "user_logs" / "std_log.txt").read_text()


def test_steps_that_have_not_changed_are_not_run_again(workspace, project, done):
    again = workspace.ml.jobs.create_or_update(two_steps(project, "echo changed"), experiment_name="counting").name
    assert workspace.wait(again)["status"] == "Completed"
    steps = steps_of(workspace, again)
    assert steps["counted"].properties["azureml.isreused"] == "true"
    assert steps["counted"].properties["azureml.reusedrunid"] == steps_of(workspace, done)["counted"].name
    assert "azureml.isreused" not in steps["shown"].properties
    forced = two_steps(project, "echo changed")
    forced.settings.force_rerun = True
    name = workspace.ml.jobs.create_or_update(forced, experiment_name="counting").name
    workspace.wait(name)
    assert not any("azureml.isreused" in child.properties for child in steps_of(workspace, name).values())


def test_a_pipeline_from_yaml(workspace, project, tmp_path):
    from azure.ai.ml import load_job

    name = workspace.ml.jobs.create_or_update(load_job(project / "job.yml")).name
    assert workspace.wait(name)["status"] == "Completed"
    assert workspace.ml.jobs.get(name).display_name == "from yaml"
    workspace.ml.jobs.download(name, download_path=tmp_path, output_name="result")
    assert json.loads((tmp_path / "named-outputs" / "result" / "count.json").read_text()) == {"rows": 9}


def test_a_registered_component_is_used_by_its_name(workspace, project):
    from azure.ai.ml import Input, dsl, load_component

    workspace.ml.components.create_or_update(load_component(project / "count.yml"))
    count = workspace.ml.components.get("count_rows", version="1")

    @dsl.pipeline(default_compute="cpu-cluster")
    def one(data: Input(type="uri_file")):
        count(data=data, note="seen")

    job = one(data=Input(type="uri_file", path=str(project / "rows.csv")))
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed"
    (child,) = steps_of(workspace, name).values()
    assert "'--note', 'seen'" in workspace.log(child.name)


def test_independent_steps_run_side_by_side(workspace):
    from azure.ai.ml import dsl

    wait = step("sleep 1; date +%N > ${{outputs.t}}", outputs={"t": "uri_file"})

    @dsl.pipeline(default_compute="cpu-cluster")
    def apart():
        wait()
        wait()

    job = apart()
    job.settings.force_rerun = True
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed"
    first, second = (workspace.run_record(child.name) for child in steps_of(workspace, name).values())
    assert first.startTimeUtc < second.endTimeUtc and second.startTimeUtc < first.endTimeUtc


def failing(keep_going):
    from azure.ai.ml import dsl

    bad = step("exit 3", outputs={"x": "uri_folder"})
    after = step("ls ${{inputs.x}}", {"x": "uri_folder"})
    slow = step("sleep 1; echo apart")

    @dsl.pipeline(default_compute="cpu-cluster", force_rerun=True, continue_on_step_failure=keep_going)
    def pipeline():
        broken = bad()
        after(x=broken.outputs.x)
        apart = slow()
        apart.compute = "cpu-cluster"

    return pipeline()


def test_a_failed_step_stops_what_depends_on_it_alone(workspace):
    name = workspace.ml.jobs.create_or_update(failing(True)).name
    assert workspace.wait(name)["status"] == "Failed"
    ended = {step_name: child.status for step_name, child in steps_of(workspace, name).items()}
    assert ended == {"broken": "Failed", "apart": "Completed"}
    assert "broken" in workspace.run_record(name).error["error"]["message"]


def test_a_failed_step_stops_everything_if_it_is_told_to(workspace):
    name = workspace.ml.jobs.create_or_update(failing(False)).name
    assert workspace.wait(name)["status"] == "Failed"
    ended = {step_name: child.status for step_name, child in steps_of(workspace, name).items()}
    assert ended == {"broken": "Failed", "apart": "Canceled"}


def test_a_pipeline_within_a_pipeline(workspace, project):
    from azure.ai.ml import Input, dsl, load_component

    count = load_component(project / "count.yml")
    show = step("cat ${{inputs.folder}}/count.json", {"folder": "uri_folder"}, name="show")

    @dsl.pipeline()
    def inner(data: Input(type="uri_file")):
        counted = count(data=data, times=5)
        counted.compute = "cpu-cluster"
        return {"folder": counted.outputs.counted}

    @dsl.pipeline(default_compute="cpu-cluster")
    def outer(data: Input(type="uri_file")):
        within = inner(data=data)
        shown = show(folder=within.outputs.folder)
        shown.compute = "cpu-cluster"

    job = outer(data=Input(type="uri_file", path=str(project / "rows.csv")))
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed", workspace.run_record(name).error
    steps = steps_of(workspace, name)
    assert json.loads(workspace.log(steps["shown"].name)) == {"rows": 15}
    assert list(steps_of(workspace, steps["within"].name)) == ["counted"]


def test_the_compute_of_a_step_is_an_input_of_its_pipeline(workspace, project):
    from azure.ai.ml import Input, dsl, load_component
    from azure.core.exceptions import HttpResponseError

    count = load_component(project / "count.yml")

    @dsl.pipeline()
    def inner(data: Input(type="uri_file"), where: str = "cpu-cluster"):
        count(data=data, times=7).compute = where

    registered = workspace.ml.components.create_or_update(inner)

    @dsl.pipeline()
    def outer(data: Input(type="uri_file"), chosen: str):
        within = inner(data=data, where=chosen)  # noqa: F841, steps are named after their variables
        reused = registered(data=data, where=chosen)  # noqa: F841
        usual = registered(data=data)  # noqa: F841
        alone = count(data=data, times=8)
        alone.compute = chosen

    data = Input(type="uri_file", path=str(project / "rows.csv"))
    name = workspace.ml.jobs.create_or_update(outer(data=data, chosen="cpu-cluster")).name
    assert workspace.wait(name)["status"] == "Completed", workspace.run_record(name).error
    steps = steps_of(workspace, name)
    assert set(steps) == {"within", "reused", "usual", "alone"}
    inside = [
        child
        for step_name in ("within", "reused", "usual")
        for child in steps_of(workspace, steps[step_name].name).values()
    ]
    assert [child.compute for child in [steps["alone"], *inside]] == ["cpu-cluster"] * 4
    with pytest.raises(HttpResponseError, match="Unknown compute target 'nowhere'") as raised:
        workspace.ml.jobs.create_or_update(outer(data=data, chosen="nowhere"))
    assert raised.value.status_code == 400


def test_outputs_of_steps_and_of_the_pipeline_become_assets(workspace, project):
    from azure.ai.ml import Input, dsl, load_component

    count = load_component(project / "count.yml")
    show = step(
        "cp ${{inputs.folder}}/count.json ${{outputs.text}}",
        {"folder": "uri_folder"},
        {"text": "uri_file"},
        name="show",
    )

    data = Input(type="uri_file", path=str(project / "rows.csv"))
    for name, text in (("counted-rows", "shown-rows"), ("counted-again", "shown-again")):

        @dsl.pipeline(default_compute="cpu-cluster")
        def naming(data: Input(type="uri_file")):
            counted = count(data=data, times=9)
            counted.outputs.counted.name, counted.outputs.counted.version = name, "6"  # noqa: B023, called at once
            return {"text": show(folder=counted.outputs.counted).outputs.text}

        job = naming(data=data)
        job.outputs.text.name = text
        run = workspace.ml.jobs.create_or_update(job).name
        assert workspace.wait(run)["status"] == "Completed", workspace.run_record(run).error
        made = workspace.ml.data.get(name, version="6")
        assert made.type == "uri_folder" and f"/{run}_counted/" in made.path
        assert workspace.ml.data.get(text, version="1").type == "uri_file"


def test_a_canceled_pipeline_ends_its_steps(workspace):
    from azure.ai.ml import dsl

    long = step("sleep 100")

    @dsl.pipeline(default_compute="cpu-cluster")
    def slow():
        long()

    name = workspace.ml.jobs.create_or_update(slow()).name
    workspace.wait(name, "Running")
    while not steps_of(workspace, name):
        time.sleep(0.05)
    workspace.ml.jobs.begin_cancel(name).result()
    assert workspace.job(name)["status"] == "Canceled"
    assert {child.status for child in steps_of(workspace, name).values()} == {"Canceled"}


def test_after_a_kill_a_pipeline_and_its_steps_have_failed(workspace):
    from azure.ai.ml import dsl

    first, second = step("sleep 100", outputs={"x": "uri_folder"}), step("ls ${{inputs.x}}", {"x": "uri_folder"})

    @dsl.pipeline(default_compute="cpu-cluster")
    def killed():
        begun = first()
        second(x=begun.outputs.x)

    name = workspace.ml.jobs.create_or_update(killed()).name
    workspace.wait(name, "Running")
    until = time.monotonic() + 240
    while not steps_of(workspace, name) and time.monotonic() < until:
        time.sleep(0.05)
    workspace.kill()
    assert workspace.wait(name)["status"] == "Failed"
    assert {step_name: child.status for step_name, child in steps_of(workspace, name).items()} == {"begun": "Failed"}


def test_a_step_whose_command_needs_an_input_that_was_left_out_says_so(workspace):
    spec = {
        "name": "needs", "type": "command", "command": "echo ${{inputs.note}}", "environment": ENVIRONMENT,
        "inputs": {"note": {"type": "string", "optional": True}},
    }  # fmt: skip
    component = workspace.http(
        "PUT", "/components/needs/versions/1", {"properties": {"componentSpec": spec}}, version="2024-01-01-preview"
    ).json()["id"]
    given = {"jobType": "Pipeline", "jobs": {"s": {"type": "command", "componentId": component}}}
    assert workspace.http("PUT", "/jobs/needy", {"properties": given}).status_code == 201
    assert workspace.wait("needy")["status"] == "Failed"
    error = workspace.run_record("needy_s").error["error"]
    assert error["code"] == "UserError" and "inputs.note" in error["message"]


def test_an_output_with_a_name_becomes_an_asset(workspace):
    from azure.ai.ml import Output, command

    job = command(
        command="echo 1 > ${{outputs.model}}/weights.txt", environment=ENVIRONMENT,
        outputs={"model": Output(type="custom_model", name="counter")},
    )  # fmt: skip
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed", workspace.run_record(name).error
    model = workspace.ml.models.get("counter", version="1")
    assert model.job_name == name and model.type == "custom_model"


def refused(workspace, steps, status=400, **more):
    given = {"jobType": "Pipeline", "jobs": steps, **more}
    answer = workspace.http("PUT", "/jobs/wrong", {"properties": given}, version="2024-01-01-preview")
    assert answer.status_code == status, answer.text
    return answer.json()["error"]["message"]


def test_what_is_wrong_with_a_pipeline_is_named(workspace, project):
    from azure.ai.ml import load_component

    spec = load_component(project / "count.yml")
    spec.name = "checked"
    component = workspace.ml.components.create_or_update(spec).id

    def of(source):
        return {"componentId": component, "inputs": {"data": {"job_input_type": "literal", "value": source}}}

    assert "no steps" in refused(workspace, {})
    assert "must be an object" in refused(workspace, ["a"])
    assert "must be an object" in refused(workspace, {"a": "b"})
    assert "is empty" in refused(workspace, {"a": {}})
    assert "names no component" in refused(workspace, {"a": {"type": "command"}})
    assert "not given its input data" in refused(workspace, {"a": {"componentId": component}})
    assert "which the pipeline has not" in refused(workspace, {"a": of("${{parent.inputs.none}}")})
    assert "which is no step" in refused(workspace, {"a": of("${{parent.jobs.b.outputs.counted}}")})
    assert "has no output" in refused(workspace, {"a": of("${{parent.jobs.a.outputs.other}}")})
    circle = {"a": of("${{parent.jobs.b.outputs.counted}}"), "b": of("${{parent.jobs.a.outputs.counted}}")}
    assert "need each other" in refused(workspace, circle)
    placed = {"a": of("x") | {"computeId": "${{parent.inputs.where}}"}}
    assert "does not name one" in refused(workspace, placed)
    assert "does not name one" in refused(workspace, placed, inputs={"where": {"jobInputType": "literal", "value": 3}})
    assert "spark" in refused(workspace, {"a": of("x") | {"type": "spark"}}, status=501)
    assert "none" in refused(
        workspace, {"a": {"componentId": f"{workspace.path}/components/none/versions/1"}}, status=404
    )


# A sweep as a step

TRIAL = """
import json, os, pathlib, sys, time, urllib.request
rate = float(sys.argv[1])
address = os.environ["MLFLOW_TRACKING_URI"].replace("azureml:", "https:") + "/api/2.0/mlflow/runs/log-metric"
body = dict(run_id=os.environ["MLFLOW_RUN_ID"], key="error", value=abs(rate - 0.3), timestamp=int(time.time() * 1000))
headers = {"Authorization": "Bearer " + os.environ["AZUREML_RUN_TOKEN"], "Content-Type": "application/json"}
if sys.argv[3] == "log":
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=120).read()
pathlib.Path(sys.argv[2], "rate.txt").write_text(sys.argv[1])
"""

TUNING = """
type: pipeline
settings: {default_compute: azureml:cpu-cluster}
inputs: {how: log}
outputs: {best: {type: uri_folder}}
jobs:
  tune:
    type: sweep
    trial: ./trial.yml
    inputs: {how: "${{parent.inputs.how}}"}
    outputs: {model: "${{parent.outputs.best}}"}
    sampling_algorithm: {type: random, seed: 3}
    search_space:
      rate: {type: quniform, min_value: 0.1, max_value: 0.5, q: 0.1}
    objective: {primary_metric: error, goal: minimize}
    limits: {max_total_trials: 3, max_concurrent_trials: 2, timeout: 600, trial_timeout: 60}
    early_termination: {type: bandit, slack_factor: 0.5, evaluation_interval: 1, delay_evaluation: 5}
"""

TRIAL_COMPONENT = """
type: command
name: tuned
version: "1"
inputs:
  rate: {type: number, default: 0.4}
  how: {type: string}
outputs:
  model: {type: uri_folder}
code: ./trial
environment: azureml://registries/azureml/environments/sklearn-1.5/versions/1
command: python trial.py ${{inputs.rate}} ${{outputs.model}} ${{inputs.how}}
"""


@pytest.fixture(scope="module")
def tuning(project):
    """The folder of a pipeline that has a sweep as a step."""
    (project / "trial").mkdir()
    (project / "trial" / "trial.py").write_text(TRIAL)
    (project / "trial.yml").write_text(TRIAL_COMPONENT)
    (project / "tuning.yml").write_text(TUNING)
    return project


def tuned_pipeline(tuning, how="log", **output):
    """Three trials, then a step that shows what the best one has made."""
    from azure.ai.ml import Output, dsl, load_component
    from azure.ai.ml.sweep import Choice

    trial = load_component(tuning / "trial.yml")
    show = step("cat ${{inputs.model}}/rate.txt > ${{outputs.shown}}", {"model": "uri_folder"}, {"shown": "uri_file"})

    @dsl.pipeline(default_compute="cpu-cluster")
    def tune(how: str):
        sweep = trial(how=how, rate=Choice([0.1, 0.3, 0.5])).sweep(
            sampling_algorithm="grid", primary_metric="error", goal="minimize"
        )
        sweep.set_limits(max_total_trials=5, max_concurrent_trials=2)
        shown = show(model=sweep.outputs.model)
        return {"model": sweep.outputs.model, "shown": shown.outputs.shown}

    job = tune(how=how)
    if output:
        job.outputs.model = Output(type="uri_folder", **output)
    return job


def test_a_sweep_in_a_pipeline_hands_on_what_its_best_trial_made(workspace, tuning, tmp_path):
    job = tuned_pipeline(
        tuning, name="tuned_model", path="azureml://datastores/workspaceblobstore/paths/tuned/${{name}}"
    )
    name = workspace.ml.jobs.create_or_update(job).name
    assert workspace.wait(name)["status"] == "Completed", workspace.run_record(name).error
    steps = steps_of(workspace, name)
    assert steps["sweep"].status == steps["shown"].status == "Completed"
    assert workspace.ml.jobs.get(steps["sweep"].name).status == "Completed"
    trials = list(workspace.ml.jobs.list(parent_job_name=steps["sweep"].name))
    tried = {trial.name: json.loads(trial.tags["hyperparameters"])["rate"] for trial in trials}
    assert sorted(tried.values()) == [0.1, 0.3, 0.5]
    assert tried[workspace.run_record(steps["sweep"].name).properties["best_child_run_id"]] == 0.3
    workspace.ml.jobs.download(name, download_path=tmp_path, output_name="shown")
    (shown,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert shown.read_text() == "0.3"
    asset = workspace.ml.data.get("tuned_model", version="1")
    assert f"/paths/tuned/{steps['sweep'].name}" in asset.path
    assert len(list(workspace.ml.data.list("tuned_model"))) == 1


def test_the_limits_of_a_sweep_are_inputs_of_its_pipeline(workspace, tuning):
    from azure.ai.ml import dsl, load_component
    from azure.ai.ml.sweep import Choice
    from azure.core.exceptions import HttpResponseError

    trial = load_component(tuning / "trial.yml")

    @dsl.pipeline(default_compute="cpu-cluster")
    def tune(trials: int):
        sweep = trial(how="log", rate=Choice([0.1, 0.2, 0.4])).sweep(
            sampling_algorithm="grid", primary_metric="error", goal="minimize"
        )
        sweep.set_limits(max_total_trials=trials, max_concurrent_trials=1)

    @dsl.pipeline(default_compute="cpu-cluster")
    def outer(trials: int):
        within = tune(trials=trials)  # noqa: F841, steps are named after their variables

    name = workspace.ml.jobs.create_or_update(outer(trials=1)).name
    assert workspace.wait(name)["status"] == "Completed", workspace.run_record(name).error
    sweep = steps_of(workspace, steps_of(workspace, name)["within"].name)["sweep"]
    assert len(list(workspace.ml.jobs.list(parent_job_name=sweep.name))) == 1
    with pytest.raises(HttpResponseError, match="1 to 1000 trials"):
        workspace.ml.jobs.create_or_update(outer(trials=0))


def test_a_sweep_in_a_pipeline_from_yaml(workspace, tuning, tmp_path):
    from azure.ai.ml import load_job

    name = workspace.ml.jobs.create_or_update(load_job(tuning / "tuning.yml")).name
    assert workspace.wait(name)["status"] == "Completed", workspace.run_record(name).error
    trials = list(workspace.ml.jobs.list(parent_job_name=steps_of(workspace, name)["tune"].name))
    rates = [json.loads(trial.tags["hyperparameters"])["rate"] for trial in trials]
    assert len(rates) == 3 and all(0.1 <= rate <= 0.5 for rate in rates)
    workspace.ml.jobs.download(name, download_path=tmp_path, output_name="best")
    best = float((tmp_path / "named-outputs" / "best" / "rate.txt").read_text())
    assert abs(best - 0.3) == min(abs(rate - 0.3) for rate in rates)
    (node,) = workspace.ml.jobs.get(name).jobs.values()
    assert node.type == "sweep" and node.early_termination.slack_factor == 0.5


def test_a_sweep_without_a_best_trial_has_nothing_to_hand_on(workspace, tuning):
    name = workspace.ml.jobs.create_or_update(tuned_pipeline(tuning, how="silent")).name
    assert workspace.wait(name)["status"] == "Failed"
    steps = steps_of(workspace, name)
    assert list(steps) == ["sweep"] and steps["sweep"].status == "Failed"
    assert "logged the metric error" in workspace.run_record(steps["sweep"].name).error["error"]["message"]


def test_what_is_wrong_with_a_sweep_in_a_pipeline_is_named(workspace):
    spec = {
        "name": "trial", "type": "command", "command": "echo ${{inputs.a}} ${{inputs.b}}", "environment": ENVIRONMENT,
        "inputs": {"a": {"type": "number"}, "b": {"type": "string"}},
    }  # fmt: skip
    component = workspace.http(
        "PUT", "/components/trial/versions/1", {"properties": {"componentSpec": spec}}, version="2024-01-01-preview"
    ).json()["id"]
    right = {
        "type": "sweep", "trial": {"componentId": component},
        "inputs": {"b": {"job_input_type": "literal", "value": "1"}},
        "search_space": {"a": {"type": "choice", "values": [1, 2]}}, "sampling_algorithm": "grid",
        "objective": {"goal": "minimize", "primary_metric": "m"},
    }  # fmt: skip

    def said(**changes):
        return refused(workspace, {"s": right | changes})

    assert "names no component" in said(trial=None)
    assert "not given its input b" in said(inputs={})
    assert "not given its input a" in said(search_space={"c": {"type": "choice", "values": [1]}})
    assert "no search space" in said(search_space=None, inputs=right["inputs"] | {"a": right["inputs"]["b"]})
    assert "has no values" in said(search_space={"a": {"type": "choice"}})
    assert "has no q" in said(search_space={"a": {"type": "qlognormal", "mu": 1, "sigma": 1}})
    assert "unknown kind" in said(search_space={"a": {"type": "other", "mu": 1, "sigma": 1}})
    assert "must be an object" in said(search_space={"a": 5})
    assert "Grid sampling" in said(search_space={"a": {"type": "uniform", "min_value": 0, "max_value": 1}})
    assert "goal" in said(objective={"goal": "best"})
    assert "grid, random or bayesian" in said(sampling_algorithm="guess")
    assert "policy is unknown" in said(early_termination={"policy_type": "other"})
    assert "1 to 1000 trials" in said(limits={"max_total_trials": 0})
    assert "must be" in said(limits={"max_total_trials": "x"})
    assert "limits.timeout" in said(limits={"timeout": "soon"})


def test_the_default_version_of_a_component_is_the_newest(workspace, project):
    from azure.ai.ml import load_component, load_job

    for version in ("1", "2"):
        changes = [{"name": "count_default"}, {"version": version}, {"display_name": f"version {version}"}]
        workspace.ml.components.create_or_update(load_component(project / "count.yml", params_override=changes))
    named = [{"jobs.count.component": "azureml:count_default@default"}]
    job = workspace.ml.jobs.create_or_update(load_job(project / "job.yml", params_override=named))
    assert workspace.wait(job.name)["status"] == "Completed"
    path = "/components/count_default/labels/none"
    step = {"type": "command", "componentId": workspace.path + path}
    refused = workspace.http("PUT", "/jobs/none", {"properties": {"jobType": "Pipeline", "jobs": {"count": step}}})
    assert (refused.status_code, "no label none" in refused.text) == (404, True)


def test_a_model_that_a_pipeline_makes_is_downloaded(workspace, tmp_path):
    from azure.ai.ml import dsl

    train = step("echo trained > ${{outputs.model}}/model.txt", {}, {"model": "custom_model"})

    @dsl.pipeline(default_compute="cpu-cluster")
    def training():
        return {"trained": train().outputs.model}

    name = workspace.ml.jobs.create_or_update(training()).name
    assert workspace.wait(name)["status"] == "Completed"
    workspace.ml.jobs.download(name, output_name="trained", download_path=tmp_path)
    assert (tmp_path / "named-outputs" / "trained" / "model.txt").read_text() == "trained\n"
