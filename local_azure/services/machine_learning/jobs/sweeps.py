"""Sweeps: trials of one command with settings that a search chooses, judged by a metric that each trial logs.

What to try next and whom to stop is decided in engines/search.py; the values come from the trials' MLflow runs.
"""

import asyncio
import json

from .... import folders
from ....engines import search
from .. import arm
from . import command_jobs, commands, running, runs, shapes, tracking
from .expressions import REFERENCE, references

LOG = "azureml-logs/hyperdrive.txt"
DEFAULT_TRIALS = 1000  # as on Azure, where a sweep without a limit stops there
LOOK = 0.5  # seconds between two looks at the metrics of running trials, if a policy may stop them
FIRST_FAILURES = 3  # as many failed trials at the beginning end the sweep
POLICIES = {"Bandit": "bandit", "MedianStopping": "median", "TruncationSelection": "truncation"}


def check(state, workspace, name, asked):
    """Refuse a sweep that Azure would refuse, or that cannot run here."""
    shapes.check(asked, shapes.SWEEP)
    trial = asked.get("trial")
    if not trial:
        raise arm.user_error("The sweep has no trial.", target="trial")
    command_jobs.check_task(state, workspace, trial | {"inputs": asked.get("inputs"), "outputs": asked.get("outputs")})
    command_jobs.check_compute(state, workspace, asked)
    command_jobs.sources(state, workspace, asked.get("inputs"))
    command_jobs.targets(state, workspace, name, asked.get("outputs"))
    space, method = _space(asked), _method(asked)
    try:
        search.check(space, method["kind"])
    except ValueError as error:
        raise arm.user_error(str(error), target="searchSpace") from None
    _objective(asked)
    _policy(asked, method["kind"])
    limits = _limits(asked)
    if not 1 <= limits["trials"] <= DEFAULT_TRIALS or limits["at_once"] < 1:
        raise arm.user_error("A sweep has 1 to 1000 trials, and at least one at once.", target="limits")
    named = [reference for reference in references(trial["command"]) if reference.startswith("search_space.")]
    for reference in named:
        if reference.partition(".")[2] not in space:
            raise arm.user_error(f"The command refers to ${{{{{reference}}}}}, and the search space has no such name.")
    rest = REFERENCE.sub(lambda found: "" if found[1].startswith("search_space.") else found[0], trial["command"])
    known = dict.fromkeys(space)  # a name of the search space may also be used as an input
    command_jobs.check_references(rest, asked | {"inputs": known | (asked.get("inputs") or {})})


def _space(asked):
    space = asked.get("searchSpace")
    if not space:
        raise arm.user_error("The sweep has no search space.", target="searchSpace")
    for name, given in space.items():
        if not (given and len(given) == 2 and isinstance(given[1], list)):
            raise arm.user_error(f"The search space of {name} must be [kind, [arguments]].", target="searchSpace")
    return {name: (str(kind).lower(), arguments) for name, (kind, arguments) in space.items()}


def _method(asked):
    given = asked.get("samplingAlgorithm") or {"samplingAlgorithmType": "Random"}
    kind = (given.get("samplingAlgorithmType") or "random").lower()
    if kind not in ("grid", "random", "bayesian"):
        message = f"The sampling algorithm is grid, random or bayesian, not {kind}."
        raise arm.user_error(message, target="samplingAlgorithm")
    return {"kind": kind, "seed": given.get("seed"), "rule": (given.get("rule") or "random").lower()}


def _objective(asked):
    """The metric's name, and whether more is better."""
    given = asked.get("objective") or {}
    goal = (given.get("goal") or "").lower()
    if goal not in ("minimize", "maximize") or not given.get("primaryMetric"):
        message = "The sweep needs an objective with a goal (Minimize or Maximize) and a primaryMetric."
        raise arm.user_error(message, target="objective")
    return given["primaryMetric"], goal == "maximize"


def _policy(asked, method):
    """The policy that stops trials early, as engines/search.py reads it, or None."""
    given = asked.get("earlyTermination")
    if not given:
        return None
    kind = POLICIES.get(given.get("policyType"))
    if not kind:
        raise arm.user_error("The early termination policy is unknown.", target="earlyTermination")
    if method == "bayesian":
        raise arm.user_error("Bayesian sampling takes no early termination policy.", target="earlyTermination")
    policy = {
        "kind": kind,
        "interval": given.get("evaluationInterval") or 1,
        "delay": given.get("delayEvaluation") or 0,
        "factor": given.get("slackFactor") or 0,
        "amount": given.get("slackAmount") or 0,
        "percentage": given.get("truncationPercentage") or 0,
    }
    numbers = [value for name, value in policy.items() if name != "kind"]
    if min(numbers) < 0:
        raise arm.user_error("The numbers of a policy are 0 or more.", target="earlyTermination")
    return policy


def _limits(asked):
    given = asked.get("limits") or {}
    trials = DEFAULT_TRIALS if given.get("maxTotalTrials") is None else given["maxTotalTrials"]
    at_once = trials if given.get("maxConcurrentTrials") is None else given["maxConcurrentTrials"]
    return {
        "trials": trials,
        "at_once": at_once,
        "seconds": command_jobs.seconds_of(given),
        "trial_seconds": command_jobs.seconds_of(given, "trialTimeout"),
    }


class Sweep:
    """One sweep under way: its trials, what they have reported, and its log."""

    def __init__(self, state, run):
        self.state, self.run, self.asked = state, run, run["properties"]
        self.metric, self.maximize = _objective(self.asked)
        self.limits, method = _limits(self.asked), _method(self.asked)
        self.policy = _policy(self.asked, method["kind"])
        self.log = runs.folder(state, run, LOG)
        self.settings, self.tasks, self.values, self.over = {}, {}, {}, []
        self.search = search.searcher(
            _space(self.asked), method["kind"], self.maximize, method["seed"], method["rule"]
        )  # fmt: skip
        goal = "most" if self.maximize else "least"
        self.say(f"{method['kind']} search for the {goal} {self.metric}, at most {self.limits['trials']} trials")

    def say(self, text):
        commands.write(self.log, text + "\n")

    async def go(self):
        """Begin trials while there are settings to try; wait for them; end the ones that a policy stops."""
        exhausted = False
        while True:
            while not exhausted and self.has_room():
                settings = self.search.ask()
                exhausted = settings is None
                if not exhausted:
                    self.begin(settings)
                    await asyncio.sleep(0)  # requests are answered between two of a thousand
            if not self.tasks:
                return
            look = LOOK if self.policy else None
            await asyncio.wait(self.tasks.values(), timeout=look, return_when=asyncio.FIRST_COMPLETED)
            for name in [name for name, task in self.tasks.items() if task.done()]:
                await self.end(name)
            if self.policy:
                await self.judge()
            if not exhausted and len(self.over) >= FIRST_FAILURES and set(self.over) == {"Failed"}:
                self.say(f"The first {len(self.over)} trials have failed; no more are begun.")
                exhausted = True

    def has_room(self):
        """Whether another trial may begin now."""
        return len(self.tasks) < self.limits["at_once"] and len(self.settings) < self.limits["trials"]

    def begin(self, settings):
        """Begin a trial."""
        name = f"{self.run['name']}_{len(self.settings)}"
        self.settings[name] = settings
        self.say(f"{name}: {search.text(settings)}")
        child = runs.create(self.state, self.run["workspace"], name, self.trial(name, settings), parent=self.run)
        self.tasks[name] = running.start(self.state, child)

    def trial(self, name, settings):
        """The command job of a trial."""
        asked, literals = self.asked, {key: commands.literal(value) for key, value in settings.items()}
        values = {f"search_space.{key}": value for key, value in literals.items()}
        fill = lambda found: values.get(found[1], found[0])  # noqa: E731
        tags = {"hyperparameters": json.dumps(settings)}
        inputs = {key: {"jobInputType": "literal", "value": value} for key, value in literals.items()}
        limits = {"jobLimitsType": "Command", "timeout": (asked.get("limits") or {}).get("trialTimeout")}
        return {
            **{key: value for key, value in asked["trial"].items() if value is not None},
            "jobType": "Command",
            "command": REFERENCE.sub(fill, asked["trial"]["command"]),
            "computeId": asked.get("computeId"),
            "experimentName": asked["experimentName"],
            "displayName": name,
            "inputs": inputs | (asked.get("inputs") or {}),
            "outputs": self.outputs_of_trials(),
            "limits": limits,
            "tags": (asked.get("tags") or {}) | tags,
            "properties": {},
        }

    def outputs_of_trials(self):
        """Where trials write: in a pipeline each to a place of its own, since the best one's are handed on."""
        asked = self.asked.get("outputs") or {}
        if not self.run["pipelineChild"]:
            return asked
        left_out = ("uri", "assetName", "assetVersion")
        return {
            name: {key: value for key, value in given.items() if key not in left_out} for name, given in asked.items()
        }

    async def end(self, name):
        """Note how a trial ended, and tell the search."""
        self.tasks.pop(name)
        child = runs.find(self.state, self.run["workspace"], name)
        status = child["status"] if child else "Canceled"
        self.over.append(status)
        logged = await self.reported(name)
        better = max if self.maximize else min
        value = better(logged) if logged else None
        if value is not None:
            self.values[name] = value
        self.search.tell(self.settings[name], value)
        self.say(f"{name}: {status}, {self.metric} " + ("was not logged" if value is None else f"{value:g}"))

    async def reported(self, name):
        """The values of the metric that a trial has logged, in order."""
        child = {"name": name, "workspace": self.run["workspace"]}
        found = (await tracking.metrics(self.state, child)).get(self.metric) or []
        return [value for _, _, value in sorted(found, key=lambda point: (point[0], point[1]))]

    async def judge(self):
        """Stop the trials that the policy ends."""
        logged = {name: await self.reported(name) for name in self.settings}
        for name in search.to_stop(self.policy, logged, list(self.tasks), self.maximize):
            child = runs.find(self.state, self.run["workspace"], name)
            if child and child["status"] == "Running":
                self.say(f"{name}: stopped early, after {len(logged[name])} values of {self.metric}")
                await running.stop(self.state, child)

    async def stop(self):
        """Stop all trials that run."""
        for name in list(self.tasks):
            child = runs.find(self.state, self.run["workspace"], name)
            if child:
                await running.stop(self.state, child)

    def best(self):
        """The name of the best trial so far; None if the metric was never logged."""
        better = max if self.maximize else min
        return better(self.values, key=self.values.get) if self.values else None

    async def hand_on(self):
        """The outputs of the best trial as those of the sweep; copied to where a pipeline wants them."""
        child = runs.find(self.state, self.run["workspace"], self.best() or "")
        made = dict(child["outputs"]) if child else {}
        if not self.run["pipelineChild"]:
            return made
        paths, noted = command_jobs.targets(
            self.state, self.run["workspace"], self.run["name"], self.asked.get("outputs")
        )  # fmt: skip
        for name, given in made.items():
            if (self.asked["outputs"].get(name) or {}).get("uri"):
                source = commands.target_path(self.state, self.run["workspace"], given["uri"])
                await folders.in_thread(folders.copy_any, source, paths[name][0])
                made[name] = noted[name]
            else:
                paths[name] = (commands.target_path(self.state, self.run["workspace"], given["uri"]), given["type"])
        if made and (run := runs.change(self.state, self.run, outputs=made)):
            await command_jobs.register(self.state, run, paths)
        return made

    def conclude(self, timed_out, outputs):
        """The end of the sweep: its best trial noted, or why there is none."""
        properties, changes = {}, {"outputs": outputs}
        if self.values:
            best = self.best()
            properties |= {"best_child_run_id": best, "score": str(self.values[best])}
            self.say(f"Best: {best}, {self.metric} {self.values[best]:g}, {search.text(self.settings[best])}")
        else:
            message = f"No trial has logged the metric {self.metric}, so there is no best trial."
            self.say(message)
            changes["warnings"] = [{"source": "objective.primaryMetric", "message": message}]
        newest = runs.find(self.state, self.run["workspace"], self.run["name"])
        if newest is None:
            return
        properties = (newest["properties"].get("properties") or {}) | properties
        changes["properties"] = newest["properties"] | {"properties": properties}
        if timed_out:
            message = f"The sweep was canceled: it ran longer than its limit of {self.limits['seconds']:g} seconds."
            self.say(message)
            warnings = [*changes.get("warnings", []), {"source": "limits.timeout", "message": message}]
            runs.move(self.state, self.run, "Canceled", **(changes | {"warnings": warnings}))
        elif set(self.over) == {"Failed"}:
            first = next(iter(self.settings))
            child = runs.find(self.state, self.run["workspace"], first)
            why = ((child and child["error"]) or {}).get("error", {}).get("message", "")
            message = f"All {len(self.over)} trials have failed. The first one, {first}: {why}".strip()
            runs.move(self.state, self.run, "Failed", error=runs.user_error(message), **changes)
        elif not self.values and self.run["pipelineChild"] and self.asked.get("outputs"):
            runs.move(self.state, self.run, "Failed", error=runs.user_error(message), **changes)  # none to hand on
        else:
            runs.move(self.state, self.run, "Completed", **changes)


async def run_sweep(state, run):
    """Run the trials of a sweep; the sweep itself takes no node."""
    runs.move(state, run, "Running")
    await tracking.start(state, run)
    await asyncio.to_thread(_warm, run)
    sweep = Sweep(state, run)
    timed_out = False
    try:
        async with asyncio.timeout(sweep.limits["seconds"]):
            await sweep.go()
    except TimeoutError:
        timed_out = True
        await sweep.stop()
    except BaseException:  # canceled, or failed: no trial goes on alone
        await asyncio.shield(sweep.stop())
        raise
    sweep.conclude(timed_out, await sweep.hand_on())


def _warm(run):
    """Import what the search needs in a thread: Optuna takes a moment. The server answers meanwhile."""
    method = _method(run["properties"])
    if method["kind"] == "bayesian":
        import optuna  # noqa: F401
    elif method["rule"] == "sobol":
        import scipy.stats  # noqa: F401


running.RUNNERS["Sweep"] = run_sweep
