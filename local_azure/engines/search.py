"""Looks for good settings: by grid, at random, or by Optuna's Bayesian search; and says which trials may stop early.

A space is a dict: name -> (kind, arguments), as in Azure Machine Learning: choice [values], randint [upper], uniform
[low, high], loguniform [low, high] (of the exponent), normal and lognormal [mean, deviation], and the same with a step
as their last argument: quniform, qloguniform, qnormal, qlognormal.
"""

import itertools
import json
import math
import random
import statistics

KINDS = {
    "choice": 1, "randint": 1, "uniform": 2, "loguniform": 2, "normal": 2, "lognormal": 2,
    "quniform": 3, "qloguniform": 3, "qnormal": 3, "qlognormal": 3,
}  # fmt: skip
BAYESIAN = ("choice", "randint", "uniform", "quniform")


def check(space, method):
    """ValueError if the space is malformed, or holds what the method (grid, random, bayesian) cannot search."""
    if not space:
        raise ValueError("The search space is empty.")
    for name, (kind, arguments) in space.items():
        if kind not in KINDS:
            raise ValueError(f"The search space of {name} has the unknown kind {kind!r}.")
        if len(arguments) != KINDS[kind]:
            raise ValueError(f"{kind} takes {KINDS[kind]} arguments; {name} has {len(arguments)}.")
        if kind == "choice":
            if not isinstance(arguments[0], list) or not arguments[0]:
                raise ValueError(f"The choice {name} has no values.")
            if not all(isinstance(value, str | int | float) for value in arguments[0]):
                raise ValueError(f"The choice {name} holds more than texts, numbers and truth values.")
        elif not all(isinstance(value, int | float) and math.isfinite(value) for value in arguments):
            raise ValueError(f"The arguments of {name} must be numbers.")
        elif "uniform" in kind and arguments[0] > arguments[1]:
            raise ValueError(f"The lower end of {name} is above its upper end.")
        elif kind == "randint" and (arguments[0] < 1 or arguments[0] != int(arguments[0])):
            raise ValueError(f"The upper end of {name} must be a whole number from 1 on.")
        elif kind[0] == "q" and arguments[2] <= 0:
            raise ValueError(f"The step of {name} must be above 0.")
        if method == "grid" and kind != "choice":
            raise ValueError(f"Grid sampling takes choices alone, and {name} is {kind}.")
        if method == "bayesian" and kind not in BAYESIAN:
            raise ValueError(f"Bayesian sampling takes {', '.join(BAYESIAN)}, and {name} is {kind}.")


def searcher(space, method, maximize, seed=None, rule="random"):
    """A search with ask() -> settings, or None when all were tried, and tell(settings, value or None)."""
    if method == "grid":
        return Grid(space)
    if method == "bayesian":
        return Bayesian(space, maximize, seed)
    return Sobol(space, seed) if rule == "sobol" else Random(space, seed)


class Grid:
    """Every combination, once."""

    def __init__(self, space):
        self._names = list(space)
        self._left = itertools.product(*(arguments[0] for _, arguments in space.values()))

    def ask(self):
        values = next(self._left, None)
        return None if values is None else dict(zip(self._names, values, strict=True))

    def tell(self, settings, value):
        pass


class Random:
    """Independent draws, the same ones for the same seed."""

    def __init__(self, space, seed):
        self._space, self._random = space, random.Random(seed)

    def _numbers(self):
        return [self._random.random() for _ in self._space]

    def ask(self):
        numbers = self._numbers()
        pairs = zip(self._space.items(), numbers, strict=True)
        return {name: _at(kind, arguments, number) for (name, (kind, arguments)), number in pairs}

    def tell(self, settings, value):
        pass


class Sobol(Random):
    """Draws that fill the space evenly: a scrambled Sobol sequence."""

    def __init__(self, space, seed):
        from scipy.stats import qmc

        super().__init__(space, seed)
        self._sequence = qmc.Sobol(len(space), scramble=True, rng=seed)

    def _numbers(self):
        return self._sequence.random(1)[0].tolist()


class Bayesian:
    """Optuna's tree-structured Parzen estimator: learns from the trials that have ended where to look next."""

    def __init__(self, space, maximize, seed):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=seed or 0, constant_liar=True)  # liar: for trials side by side
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._space = {name: _distribution(optuna, kind, arguments) for name, (kind, arguments) in space.items()}
        self._choices = {name: arguments[0] for name, (kind, arguments) in space.items() if kind == "choice"}
        self._asked = []

    def ask(self):
        trial = self._study.ask(self._space)
        settings = dict(trial.params)
        for name, values in self._choices.items():
            settings[name] = values[settings[name]]
        self._asked.append((settings, trial))
        return settings

    def tell(self, settings, value):
        import optuna

        for pair in self._asked:
            if pair[0] is settings:
                self._asked.remove(pair)
                failed = None if value is not None else optuna.trial.TrialState.FAIL
                self._study.tell(pair[1], value, state=failed)
                return


def _distribution(optuna, kind, arguments):
    if kind == "choice":
        return optuna.distributions.CategoricalDistribution(list(range(len(arguments[0]))))
    if kind == "randint":
        return optuna.distributions.IntDistribution(0, int(arguments[0]) - 1)
    low, high, *step = arguments
    return optuna.distributions.FloatDistribution(low, high, step=step[0] if step else None)


def _at(kind, arguments, number):
    """The value of a distribution at a number from 0 to 1."""
    if kind == "choice":
        return arguments[0][min(int(number * len(arguments[0])), len(arguments[0]) - 1)]
    if kind == "randint":
        return min(int(number * arguments[0]), int(arguments[0]) - 1)
    first, second, *step = arguments
    if "uniform" in kind:
        value = first + number * (second - first)
    else:
        value = statistics.NormalDist(first, second).inv_cdf(min(max(number, 1e-12), 1 - 1e-12)) if second else first
    if "log" in kind:
        value = math.exp(value)
    if step:
        value = round(value / step[0]) * step[0]
        digits = max(0, 12 - math.ceil(math.log10(max(abs(value), step[0], 1))))
        value = round(value, digits)
    return value


def text(settings):
    """Settings as one line."""
    shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items())


# Who may stop early


def to_stop(policy, reported, running, maximize):
    """The trials, of those that run, which a policy ends now.

    policy: {"kind": bandit, median or truncation; "interval", "delay"; "factor" or "amount" (bandit), "percentage"
    (truncation)}. reported: trial -> the values of the metric, in the order in which it logged them. An interval is one
    value logged. A trial is looked at each time it has logged another `interval` values, after the first `delay`.
    """
    every, delay = max(1, policy["interval"]), policy["delay"]
    better = max if maximize else min
    stopped = []
    for trial in running:
        count = len(reported.get(trial, ()))
        at = count - count % every
        if at < every or at < delay:
            continue
        mine = better(reported[trial][:at])
        others = [values[:at] for name, values in reported.items() if len(values) >= at]
        if policy["kind"] == "bandit" and _outside(mine, better(map(better, others)), policy, maximize):
            stopped.append(trial)
        elif policy["kind"] == "median" and len(others) > 1:
            middle = statistics.median(statistics.fmean(values) for values in others)
            if mine < middle if maximize else mine > middle:
                stopped.append(trial)
        elif policy["kind"] == "truncation":
            ranked = sorted((better(values) for values in others), reverse=not maximize)  # the worst first
            worst = int(len(ranked) * policy["percentage"] / 100)
            if worst and (mine <= ranked[worst - 1] if maximize else mine >= ranked[worst - 1]):
                stopped.append(trial)
    return stopped


def _outside(mine, best, policy, maximize):
    """Whether a value is further from the best than the slack allows."""
    if policy.get("factor"):
        return mine < best / (1 + policy["factor"]) if maximize else mine > best * (1 + policy["factor"])
    return mine < best - policy["amount"] if maximize else mine > best + policy["amount"]
