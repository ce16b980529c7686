"""The shapes of what is submitted as a job: which member is a text, which an object, which a number.

Checked first, so that all that follows can rely on it. None is allowed everywhere, since clients send it for what was
not given; members that no shape names are left alone.
"""

import re
from dataclasses import dataclass

from .. import arm

TEXT = (str,)
WHOLE = (int,)
NUMBER = (int, float)
FLAG = (bool,)
SCALAR = (str, int, float, bool)
ANY_OBJECT = {}
WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}"  # of an input, an output or a step: they become names of folders
VARIABLE = r"[^=\x00]+"


@dataclass(frozen=True)
class Named:
    """An object whose names are free within a pattern, and whose values all have one shape."""

    shape: object
    pattern: str = r"[^\x00]+"


def check(value, shape, where=""):
    """400 UserError, with the place as its target, if a value does not have the shape."""
    if value is None:
        return
    if isinstance(shape, tuple):
        fits = isinstance(value, shape) and (bool in shape or not isinstance(value, bool))
        if not fits or (isinstance(value, str) and "\x00" in value):
            raise _wrong(where, " or ".join(dict.fromkeys(WORDS[kind] for kind in shape)))
        return
    if not isinstance(value, dict):
        raise _wrong(where, "an object")
    if isinstance(shape, Named):
        for name, below in value.items():
            if not re.fullmatch(shape.pattern, name):
                raise arm.user_error(f"{name!r} cannot be a name in {where}.", inner="InvalidName", target=where)
            check(below, shape.shape, f"{where}.{name}".lstrip("."))
        return
    for name, below in shape.items():
        check(value.get(name), below, f"{where}.{name}".lstrip("."))


def given(value):
    """The same without the members that are None, at every depth."""
    if not isinstance(value, dict):
        return value
    return {name: given(below) for name, below in value.items() if below is not None}


def _wrong(where, what):
    return arm.user_error(f"{where} must be {what}.", target=where)


INPUT = {"jobInputType": TEXT, "job_input_type": TEXT, "uri": TEXT, "mode": TEXT, "value": SCALAR}
OUTPUT = {"jobOutputType": TEXT, "uri": TEXT, "mode": TEXT, "assetName": TEXT, "assetVersion": TEXT, "value": TEXT}
INPUTS, OUTPUTS = Named(INPUT, NAME), Named(OUTPUT, NAME)
VARIABLES = Named(SCALAR, VARIABLE)
RESOURCES = {"instanceCount": WHOLE, "properties": ANY_OBJECT}
TASK = {
    "command": TEXT, "codeId": TEXT, "environmentId": TEXT, "environmentVariables": VARIABLES, "resources": RESOURCES,
    "distribution": ANY_OBJECT,
}  # fmt: skip
JOB = {
    "jobType": TEXT, "computeId": TEXT, "componentId": TEXT, "displayName": TEXT, "experimentName": TEXT,
    "description": TEXT, "tags": Named(SCALAR), "properties": Named(SCALAR), "isArchived": FLAG, "inputs": INPUTS,
    "outputs": OUTPUTS, "services": Named({"jobServiceType": TEXT}), "notificationSetting": ANY_OBJECT,
}  # fmt: skip
COMMAND = {**JOB, **TASK, "limits": {"timeout": TEXT}}
SWEEP = {
    **JOB,
    "trial": TASK,
    "searchSpace": Named((list,), NAME),
    "samplingAlgorithm": {"samplingAlgorithmType": TEXT, "seed": WHOLE, "rule": TEXT},
    "objective": {"goal": TEXT, "primaryMetric": TEXT},
    "earlyTermination": {
        "policyType": TEXT, "delayEvaluation": WHOLE, "evaluationInterval": WHOLE, "slackFactor": NUMBER,
        "slackAmount": NUMBER, "truncationPercentage": NUMBER,
    },
    "limits": {"maxTotalTrials": WHOLE, "maxConcurrentTrials": WHOLE, "timeout": TEXT, "trialTimeout": TEXT},
}  # fmt: skip
STEP = {
    "type": TEXT, "componentId": TEXT, "display_name": TEXT, "computeId": TEXT, "environment": TEXT, "inputs": INPUTS,
    "outputs": OUTPUTS, "limits": {"timeout": (str, int)}, "resources": {"instance_count": (str, int)},
    "environment_variables": VARIABLES, "tags": Named(SCALAR), "distribution": ANY_OBJECT,
    "trial": {"componentId": TEXT}, "search_space": Named(ANY_OBJECT, NAME),
    "objective": {"goal": TEXT, "primary_metric": TEXT}, "early_termination": {"policy_type": TEXT},
}  # fmt: skip
STEPS = Named(STEP, r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,99}")
SETTINGS = {"default_compute": TEXT, "continue_on_step_failure": SCALAR, "force_rerun": SCALAR}
PIPELINE = {**JOB, "jobs": STEPS, "settings": SETTINGS}
COMPONENT = {
    "name": TEXT, "type": TEXT, "command": TEXT, "code": TEXT, "environment": TEXT, "is_deterministic": SCALAR,
    "inputs": Named({"type": TEXT, "default": SCALAR, "optional": SCALAR}, NAME),
    "outputs": Named({"type": TEXT}, NAME),
    "resources": {"instance_count": (str, int)}, "environment_variables": VARIABLES, "distribution": ANY_OBJECT,
    "jobs": STEPS,
}  # fmt: skip
