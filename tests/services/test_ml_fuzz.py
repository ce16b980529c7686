"""Jobs that are malformed in one place at a time: each is answered in the shape of Azure, never with a failure."""

import copy

import pytest

pytest_plugins = ["ml_workspace"]

ENVIRONMENT = "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
VALUES = [
    None,
    7,
    -1.5,
    True,
    "",
    "text",
    [],
    ["x"],
    {},
    {"x": "y"},
    {"x": {"y": None}},
    [[]],
    "${{inputs.x}}",
    "é" * 300,
]

COMMAND = {
    "jobType": "Command",
    "command": "exit 0; echo ${{inputs.a}} ${{outputs.o}}",
    "environmentId": ENVIRONMENT,
    "computeId": "serverless",
    "displayName": "d",
    "experimentName": "e",
    "description": "d",
    "environmentVariables": {"A": "b"},
    "inputs": {"a": {"jobInputType": "literal", "value": "1"}},
    "outputs": {"o": {"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": None, "assetName": None}},
    "limits": {"jobLimitsType": "Command", "timeout": "PT5S"},
    "resources": {"instanceCount": 1, "properties": {}, "shmSize": "2g"},
    "tags": {"t": "v"},
    "properties": {"p": "v"},
    "services": {},
    "distribution": None,
    "identity": None,
    "queueSettings": {"jobTier": "Standard"},
    "isArchived": False,
}
SWEEP = {
    "jobType": "Sweep",
    "trial": {"command": "exit 0; echo ${{search_space.x}}", "environmentId": ENVIRONMENT, "environmentVariables": {}},
    "searchSpace": {"x": ["choice", [[1]]]},
    "samplingAlgorithm": {"samplingAlgorithmType": "Grid", "seed": 1, "rule": "Random"},
    "objective": {"goal": "Minimize", "primaryMetric": "error"},
    "earlyTermination": {"policyType": "Bandit", "slackAmount": 1, "delayEvaluation": 0, "evaluationInterval": 1},
    "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 1, "maxConcurrentTrials": 1, "trialTimeout": "PT9S"},
    "inputs": {},
    "outputs": {},
}
AUTOML = {  # its data is not there: each is refused in the end, since a search takes seconds
    "jobType": "AutoML",
    "computeId": "serverless",
    "taskDetails": {
        "taskType": "Classification",
        "trainingData": {"jobInputType": "mltable", "uri": "azureml:nothing:1"},
        "targetColumnName": "late", "weightColumnName": "w", "cvSplitColumnNames": ["s"], "positiveLabel": "yes",
        "primaryMetric": "AUCWeighted", "logVerbosity": "Info", "nCrossValidations": {"mode": "Auto", "value": None},
        "limitSettings": {
            "maxTrials": 2, "maxConcurrentTrials": 1, "timeout": "PT9S", "trialTimeout": "PT9S", "exitScore": 0.9,
            "enableEarlyTermination": True,
        },
        "trainingSettings": {
            "allowedTrainingAlgorithms": ["KNN"], "blockedTrainingAlgorithms": ["SGD"], "enableVoteEnsemble": True,
        },
        "featurizationSettings": {
            "mode": "custom", "blockedTransformers": ["TfIdf"], "columnNameAndTypes": {"a": "Numeric"},
            "transformerParams": {
                "Imputer": [{"fields": ["a"], "parameters": {"strategy": "constant", "fill_value": 0}}],
            },
        },
    },
}  # fmt: skip
SPEC = {
    "name": "c", "type": "command", "command": "exit 0; echo ${{inputs.a}} ${{outputs.o}}", "environment": ENVIRONMENT,
    "inputs": {"a": {"type": "string", "default": "1", "optional": False}}, "outputs": {"o": {"type": "uri_folder"}},
    "resources": {"instance_count": 1}, "environment_variables": {"A": "b"}, "is_deterministic": False,
}  # fmt: skip


def pipeline(component):
    step = {
        "type": "command", "componentId": component, "display_name": "d", "limits": {"timeout": 5},
        "inputs": {"a": {"job_input_type": "literal", "value": "${{parent.inputs.p}}"}},
        "outputs": {"o": {"type": "literal", "value": "${{parent.outputs.q}}", "mode": "Upload"}},
        "resources": {"instance_count": 1}, "environment_variables": {"A": "b"}, "tags": {}, "computeId": "serverless",
    }  # fmt: skip
    return {
        "jobType": "Pipeline", "jobs": {"s": step}, "inputs": {"p": {"jobInputType": "literal", "value": "1"}},
        "outputs": {"q": {"jobOutputType": "uri_folder", "mode": "Upload"}}, "settings": {"force_rerun": True},
    }  # fmt: skip


def values_at(number):
    """Every fifth value, others at each place: all of them everywhere would take minutes."""
    return VALUES[number % 5 :: 5]


def places(value, path=()):
    """The path of every member below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*path, key)
        yield from places(below, (*path, key))


def with_value(body, path, value):
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return body


def put_component(workspace, name, spec):
    given = {"properties": {"componentSpec": spec, "isAnonymous": False}}
    return workspace.http("PUT", f"/components/{name}/versions/1", given, version="2024-01-01-preview")


def send_all(workspace, prefix, body):
    """Submit the body with each place changed; the names of those that were accepted."""
    accepted = []
    for number, path in enumerate(places(body)):
        for count, value in enumerate(values_at(number)):
            name = f"{prefix}-{number}-{count}"
            answer = workspace.http("PUT", f"/jobs/{name}", {"properties": with_value(body, path, value)})
            assert answer.status_code < 500 or answer.status_code == 501, (path, value, answer.text)
            if answer.status_code < 300:
                accepted.append((name, path, value))
            else:
                assert answer.json()["error"]["message"], (path, value)
    return accepted


def all_end(workspace, accepted):
    """Whatever was accepted runs to an end that is not a failure of the server."""
    for name, path, value in accepted:
        workspace.wait(name)
        error = workspace.run_record(name).error or {"error": {"message": ""}}
        assert "The local Azure failed" not in error["error"]["message"], (path, value, error)


def test_malformed_command_jobs(workspace):
    all_end(workspace, send_all(workspace, "command", COMMAND))


def test_malformed_sweeps(workspace):
    all_end(workspace, send_all(workspace, "sweep", SWEEP))


def test_malformed_automated_ml(workspace):
    assert send_all(workspace, "automl", AUTOML) == []


def test_malformed_pipelines(workspace):
    component = put_component(workspace, "good", SPEC).json()["id"]
    all_end(workspace, send_all(workspace, "pipeline", pipeline(component)))


@pytest.mark.parametrize("kind", ["command", "pipeline"])
def test_malformed_components(workspace, kind):
    spec = (
        SPEC if kind == "command" else {"type": "pipeline", "name": "p", "inputs": {}, "outputs": {}, "jobs": {"s": {}}}
    )
    accepted = []
    for number, path in enumerate(places(spec)):
        for count, value in enumerate(values_at(number)):
            name = f"{kind}-part-{number}-{count}"
            answer = put_component(workspace, name, with_value(spec, path, value))
            assert answer.status_code < 500, (path, value, answer.text)
            if answer.status_code >= 300:
                continue
            step = {"type": kind, "componentId": answer.json()["id"], "inputs": {}, "outputs": {}}
            answer = workspace.http(
                "PUT", f"/jobs/{name}", {"properties": {"jobType": "Pipeline", "jobs": {"s": step}}}
            )
            assert answer.status_code < 500 or answer.status_code == 501, (path, value, answer.text)
            if answer.status_code < 300:
                accepted.append((name, path, value))
    all_end(workspace, accepted)


def test_malformed_steps_that_are_sweeps(workspace):
    spec = SPEC | {"name": "trial"}
    component = put_component(workspace, "trial", spec).json()["id"]
    step = {
        "type": "sweep", "trial": {"componentId": component}, "sampling_algorithm": {"type": "grid"},
        "inputs": {}, "outputs": {"o": {"type": "literal", "value": "${{parent.outputs.q}}"}},
        "search_space": {"a": {"type": "choice", "values": [1]}},
        "objective": {"goal": "minimize", "primary_metric": "m"}, "early_termination": {"policy_type": "Bandit"},
        "limits": {"max_total_trials": 1, "max_concurrent_trials": 1, "trial_timeout": 9},
    }  # fmt: skip
    given = {"jobType": "Pipeline", "jobs": {"s": step}, "outputs": {"q": {"jobOutputType": "uri_folder"}}}
    all_end(workspace, send_all(workspace, "sweep-step", given))


SCHEDULE = {
    "action": {"actionType": "CreateJob", "jobDefinition": {"jobType": "Command", "command": "exit 0"}},
    "trigger": {
        "triggerType": "Recurrence", "frequency": "Week", "interval": 1, "startTime": "2035-01-01 00:00:00",
        "endTime": "2036-01-01T00:00:00", "timeZone": "UTC",
        "schedule": {"hours": [1], "minutes": [2], "weekDays": ["Monday"], "monthDays": None},
    },
    "isEnabled": True, "displayName": "d", "description": "d", "tags": {"t": "v"}, "properties": {"p": "v"},
}  # fmt: skip


def test_malformed_schedules(workspace):
    SCHEDULE["action"]["jobDefinition"] |= {"environmentId": ENVIRONMENT, "sourceJobId": None, "inputs": {}}
    cron = SCHEDULE["trigger"] | {"triggerType": "Cron", "expression": "0 0 * * *"}
    taken = 0
    for body in (SCHEDULE, {"trigger": cron, "action": SCHEDULE["action"]}):
        for number, path in enumerate(places(body)):
            for value in values_at(number) if body is SCHEDULE or path[0] == "trigger" else ():
                given = {"properties": with_value(body, path, value)}
                answer = workspace.http("PUT", "/schedules/odd", given, version="2024-01-01-preview")
                assert answer.status_code < 500, (path, value, answer.text)
                assert answer.status_code < 300 or answer.json()["error"]["message"], (path, value)
                if answer.status_code < 300:
                    taken += 1
                    assert workspace.http("GET", "/schedules/odd").json()["properties"]
    assert taken  # or nothing after the check was tried
