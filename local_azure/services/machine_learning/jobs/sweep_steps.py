"""A sweep as a step of a pipeline: what it is called there, turned into what a sweep of its own is called."""

from .. import arm

PARAMETERS = {"choice": ("values",), "randint": ("upper",)}  # of the kinds of values in a search space
BETWEEN, AROUND = ("min_value", "max_value"), ("mu", "sigma")


def like_others(step):
    """A step whose component stands where that of a command does."""
    if not step or step.get("type") != "sweep" or step.get("componentId"):
        return step
    return step | {"componentId": (step.get("trial") or {}).get("componentId")}


def as_sweep(step):
    """The part of a sweep job that its step says: search space, sampling, objective, limits, early termination."""
    limits, sampling = step.get("limits") or {}, step.get("sampling_algorithm") or "random"
    sampling = sampling if isinstance(sampling, dict) else {"type": sampling}
    return {
        "jobType": "Sweep",
        "searchSpace": {name: _values(name, given or {}) for name, given in (step.get("search_space") or {}).items()},
        "samplingAlgorithm": {"samplingAlgorithmType": sampling.get("type"), **_only(sampling, "seed", "rule")},
        "objective": _renamed(step.get("objective")),
        "earlyTermination": _renamed(step.get("early_termination")),
        "limits": {
            "jobLimitsType": "Sweep",
            "maxTotalTrials": limits.get("max_total_trials"),
            "maxConcurrentTrials": limits.get("max_concurrent_trials"),
            "timeout": duration(limits.get("timeout")),
            "trialTimeout": duration(limits.get("trial_timeout")),
        },
    }


def _values(name, given):
    """[kind, [arguments]] of a parameter of the search space."""
    kind = str(given.get("type")).lower()
    plain = kind.removeprefix("q")
    names = PARAMETERS.get(kind) or (BETWEEN if plain.endswith("uniform") else AROUND)
    names += ("q",) if plain != kind else ()
    missing = [one for one in names if given.get(one) is None]
    if missing:
        message = f"{name} of the search space, a {kind}, has no {missing[0]}."
        raise arm.user_error(message, target=f"search_space.{name}")
    return [kind, [given[one] for one in names]]


def _only(given, *names):
    return {name: given[name] for name in names if given.get(name) is not None}


def _renamed(given):
    """The same with names such as primaryMetric for primary_metric; None for nothing."""
    if not given:
        return None
    parts = {name: name.split("_") for name in given}
    return {first + "".join(map(str.title, rest)): given[name] for name, (first, *rest) in parts.items()}


def duration(given):
    """A limit of a step, which is a number of seconds or a duration, as a duration."""
    if isinstance(given, int) or (isinstance(given, str) and given.isdecimal()):
        return f"PT{given}S"
    return given
