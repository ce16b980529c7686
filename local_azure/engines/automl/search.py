"""The whole of a search: what is tried, when it ends, the ensemble of the best, and the model that is kept.

The same task gives the same trials and the same model, as long as no time limit ends one: seeds are fixed, threads are
one, and with several trials side by side the search always knows the results of the same ones when it chooses the next.
"""

import importlib
import json
import math
import os
import pickle
import threading
import time
import warnings
from multiprocessing.connection import wait
from pathlib import Path

import numpy
import pandas

from . import CLASSIFICATION, EVENTS, METRICS, MODEL, SUMMARY, VOTING, Problem, columns, models, tables, trials

SEED = 42
ROWS_FOR_FOLDS = 20000  # from here on a tenth of the rows is held out, as on Azure; below, folds
PATIENCE_FROM, PATIENCE = 20, 10  # trials: the search ends early when the last ten of more than twenty gained nothing
SLOW_ROWS = 3000  # from here on SVM is left out unless it was asked for: its time grows with the square of the rows
FIRST = 3  # at least so many algorithms are tried with their usual settings; half of all trials, if that is more
MEMBERS, ROUNDS = 8, 10  # of the ensemble: candidates, and how often one is added


def say(text):
    print(text, flush=True)


class Search:
    """One task on its way. settings: the content of task.json."""

    def __init__(self, settings):
        self.settings, self.task = settings, settings["task"]
        self.metric = settings["metric"]
        self.more = METRICS[self.task][self.metric]
        self.began = time.monotonic()
        self.file = open(EVENTS, "a", encoding="utf-8")  # noqa: SIM115
        self.done = {}  # trial -> {"settings", "metrics", "predicted"}; in the order of their numbers
        self.runner = trials.Runner()

    def tell(self, event, **more):
        """Note what happened, for whoever reads the events. Numbers that are none become null."""
        more = {key: _finite(value) for key, value in more.items()}
        self.file.write(json.dumps({"event": event, **more}) + "\n")
        self.file.flush()

    def left(self):
        """Seconds until the time limit; None without one."""
        seconds = self.settings["seconds"]
        return None if seconds is None else seconds - (time.monotonic() - self.began)

    def run(self):
        self.runner.warm()
        self.data = prepare(self.settings)
        self.guard()
        self.place = str(Path("data.pickle").resolve())
        with open(self.place, "wb") as file:
            pickle.dump(self.data, file)
        algorithms = self.algorithms()
        ensemble = self.settings["vote"] and self.settings["trials"] > 2 and self.data.weights is None
        most = self.settings["trials"] - (1 if ensemble else 0)
        ended = self.look(algorithms, most)
        say(ended)
        if not self.done:
            raise Problem(f"No trial has ended with a score. {ended}")
        count = self.begun
        weights = self.ensemble(count) if ensemble and len(self.done) > 1 else None
        self.keep(weights)

    def guard(self):
        """Say what the data is like."""
        data = self.data
        say(f"{len(data.features)} rows, {data.features.shape[1]} columns beside the target, {self.metric} counts.")
        if self.task == CLASSIFICATION:
            _, counts = numpy.unique(data.target, return_counts=True)
            shares = (f"{label}: {count}" for label, count in zip(data.classes, counts, strict=True))
            say("Rows of each class: " + ", ".join(shares))
            if counts.min() < 0.2 * counts.max():
                say("Guardrail: the classes are out of balance. Accuracy then says little; AUC_weighted says more.")
        for column in data.columns:
            how = f"dropped: {column.dropped}" if column.dropped else " + ".join(column.transformations)
            say(f"  {column.name}: {column.purpose}, {how}")
        how = f"{len(data.splits)} folds" if len(data.splits) > 1 else f"{len(data.splits[0][1])} rows held out"
        say(f"Each trial is scored on {how}.")

    def algorithms(self):
        """The algorithms that may be tried."""
        chosen = self.settings["algorithms"]
        explicit = self.settings["explicit"]
        rows = len(self.data.splits[0][0])
        if "SVM" in chosen and not explicit and rows > SLOW_ROWS:
            say(f"SVM is left out: it would be slow with {rows} rows. Name it in allowed_training_algorithms to try.")
            chosen = [name for name in chosen if name != "SVM"]
        if self.data.weights is not None:
            out = [name for name in chosen if name in models.UNWEIGHTED]
            chosen = [name for name in chosen if name not in out]
            say("Rows have weights: there is no ensemble, and metrics are not weighted.")
            if out:
                say(f"Left out, since weights of rows mean nothing to them: {', '.join(out)}.")
        if not chosen:
            raise Problem("No algorithm is left that can take the weights of rows. Allow others.")
        return chosen

    # Trials

    def look(self, algorithms, most):
        """Run trials until there is a reason to end, which is returned."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        known = algorithms[: max(FIRST, math.ceil(most / 2))]
        sampler = optuna.samplers.TPESampler(seed=SEED, n_startup_trials=len(known), constant_liar=True)
        study = optuna.create_study(direction="maximize" if self.more else "minimize", sampler=sampler)
        for name in known:
            study.enqueue_trial(models.usual(name))
        at_once = min(self.settings["at_once"], max(2, os.cpu_count() or 1))  # more would only take turns
        self.begun, told, running, over = 0, 0, {}, {}
        asked, reason = {}, None
        # Results are told one by one in the order of the numbers, and a trial begins as soon as it may: so each is
        # chosen with the same results known, whichever ended first.
        while True:
            if not reason and self.begun < most and self.begun - told < at_once:
                trial = study.ask()
                asked[self.begun] = trial
                running[self.begun] = self.begin(self.begun, models.suggest(trial, algorithms))
                self.begun += 1
            elif told in over:
                value = over.pop(told)
                state = optuna.trial.TrialState.FAIL if value is None else None
                study.tell(asked[told], value, state=state)
                told += 1
                reason = reason or self.enough(told)
            elif reason or not running:
                for number in list(running):
                    self.stop(number, running.pop(number), reason or "the search is over")
                return reason or f"All {self.begun} trials have ended."
            else:
                reason = self.wait(running, over)

    def begin(self, number, settings):
        algorithm, scaler = settings["algorithm"], models.scaler_of(settings)
        values = {name.partition(".")[2]: value for name, value in settings.items() if "." in name}
        self.tell("begin", trial=number, algorithm=algorithm, preprocessor=scaler, settings=values)
        process, connection = self.runner.begin(self.place, settings)
        limit = self.settings["trial_seconds"]
        return process, connection, settings, limit and time.monotonic() + limit

    def wait(self, running, over):
        """Wait until a trial ends or time is over; a reason to end the search, or None."""
        limits = [until - time.monotonic() for *_, until in running.values() if until]
        limits += [self.left()] if self.left() is not None else []
        ready = wait([one[1] for one in running.values()], max(0, min(limits)) if limits else None)
        for number, one in list(running.items()):
            if one[1] in ready:
                over[number] = self.end(number, *running.pop(number)[:3])
            elif one[3] and time.monotonic() >= one[3]:
                message = f"the trial ran longer than its limit of {self.settings['trial_seconds']:g} seconds"
                self.stop(number, running.pop(number), message)
                over[number] = None
        if self.left() is not None and self.left() <= 0:
            return f"The search ends: its limit of {self.settings['seconds']:g} seconds is reached."
        return None

    def end(self, number, process, connection, settings):
        result = self.runner.result(connection)
        process.join()
        if not self.done:  # it takes two seconds, and is not needed before the end
            threading.Thread(target=importlib.import_module, args=("mlflow.sklearn",), daemon=True).start()
        if isinstance(result, str):
            self.failed(number, result)
            return None
        metrics, predicted, seconds = result
        value = metrics.get(self.metric)
        if value is None:
            self.failed(number, f"{self.metric} cannot be computed from its predictions")
            return None
        self.done[number] = {"settings": settings, "metrics": metrics, "predicted": predicted}
        self.tell("end", trial=number, metrics=metrics, score=value, seconds=seconds)
        scaler = models.scaler_of(settings)
        say(f"{number:>3}  {scaler + ', ' if scaler else ''}{settings['algorithm']}: {value:.4f} in {seconds:.1f} s")
        return value

    def failed(self, number, message):
        self.tell("end", trial=number, error=message)
        say(f"{number:>3}  failed: {message}")

    def stop(self, number, one, message):
        process = one[0]
        process.kill()
        process.join()
        self.tell("end", trial=number, error=message, canceled=True)
        say(f"{number:>3}  stopped: {message}")

    def enough(self, told):
        """Why the search may end now, or None. told: how many trials it knows the results of."""
        known = [self.value(one) for number, one in self.done.items() if number < told]
        if not known:
            return None
        best = max(known) if self.more else min(known)
        goal = self.settings["exit_score"]
        if goal is not None and (best >= goal if self.more else best <= goal):
            return f"The search ends: {self.metric} {best:.4f} reaches the exit score {goal:g}."
        if self.settings["early"] and told > PATIENCE_FROM + PATIENCE:
            before = [self.value(one) for number, one in self.done.items() if number < told - PATIENCE]
            if before and (max(before) if self.more else min(before)) == best:
                return f"The search ends early: the last {PATIENCE} trials gained nothing."
        return None

    def value(self, one):
        return one["metrics"][self.metric]

    def ranked(self):
        """The numbers of the trials that have a score, the best first."""
        sign = -1 if self.more else 1
        return sorted(self.done, key=lambda number: (sign * self.value(self.done[number]), number))

    # Afterwards

    def ensemble(self, number):
        """Try the weighted average of some trials: {trial: weight}.

        Trials are added one by one, and again, while the score grows (Caruana and others, 2004).
        """
        self.tell("begin", trial=number, algorithm=VOTING, preprocessor="", settings={})
        began = time.perf_counter()
        candidates = sorted(self.ranked()[:MEMBERS])
        chosen, total, best = [], None, None
        for _ in range(ROUNDS):
            found = []
            for one in candidates:
                predicted = self.done[one]["predicted"]
                summed = predicted if total is None else [a + b for a, b in zip(total, predicted, strict=True)]
                value = self.data.score([part / (len(chosen) + 1) for part in summed], self.metric)[self.metric]
                found.append((value if self.more else -value, -one, one, summed))
            value, _, one, summed = max(found, key=lambda each: each[:2])
            if best is not None and value <= best + 1e-9:
                break
            chosen, total, best = [*chosen, one], summed, value
        predicted = [part / len(chosen) for part in total]
        metrics = self.data.score(predicted)
        weights = {one: chosen.count(one) / len(chosen) for one in sorted(set(chosen))}
        self.done[number] = {"settings": {"algorithm": VOTING}, "metrics": metrics, "predicted": predicted}
        value, seconds = metrics[self.metric], time.perf_counter() - began
        members = [self.done[one]["settings"]["algorithm"] for one in weights]
        properties = {
            "ensembled_iterations": str(list(weights)),
            "ensembled_algorithms": str(members),
            "ensemble_weights": str([round(weight, 4) for weight in weights.values()]),
        }
        self.tell("end", trial=number, metrics=metrics, score=value, seconds=seconds, properties=properties)
        say(f"{number:>3}  {VOTING} of {properties['ensembled_iterations']}: {value:.4f}")
        say("     Its members were chosen by the rows on which it is scored, so its score promises a little too much.")
        return weights

    def keep(self, weights):
        """Fit the best once more on all rows that it may learn from, and save it as an MLflow model."""
        best = self.ranked()[0]
        settings = self.done[best]["settings"]
        data, rows = self.data, self.data.fitted
        say(f"The best is trial {best}, {settings['algorithm']}. It is fitted once more, on {len(rows)} rows.")
        if settings["algorithm"] == VOTING:
            model = self.voting(weights)
            model.fit(data.features.iloc[rows], data.target[rows])
        else:
            model = data.fit(data.pipeline(settings), rows)
        first = model.estimators_[0] if settings["algorithm"] == VOTING else model
        summary = columns.report(data.columns, first.named_steps["features"], data.features.iloc[rows])
        Path(SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")
        save(model, data.features.iloc[rows])
        self.tell("best", trial=best, score=self.value(self.done[best]))

    def voting(self, weights):
        from sklearn.ensemble import VotingClassifier, VotingRegressor

        members = [(f"trial_{one}", self.data.pipeline(self.done[one]["settings"])) for one in weights]
        if self.task == CLASSIFICATION:
            return VotingClassifier(members, voting="soft", weights=list(weights.values()))
        return VotingRegressor(members, weights=list(weights.values()))


def _finite(value):
    if isinstance(value, dict):
        return {key: one for key, one in value.items() if not isinstance(one, float) or math.isfinite(one)}
    return value


def save(model, features):
    """As an MLflow model with a signature, in the folder MODEL. It needs scikit-learn, pandas and cloudpickle alone."""
    import cloudpickle
    import mlflow.sklearn
    import sklearn
    from mlflow.models import infer_signature

    cloudpickle.register_pickle_by_value(columns)  # its functions go into the model: it loads without this package
    warnings.simplefilter("ignore")  # of whole numbers in the signature, which cannot be missing later: so on Azure
    sample = features.iloc[:100]
    needed = [(sklearn, "scikit-learn"), (pandas, "pandas"), (numpy, "numpy"), (cloudpickle, "cloudpickle")]
    mlflow.sklearn.save_model(
        model, MODEL, signature=infer_signature(features, model.predict(sample)),
        pip_requirements=["mlflow", *(f"{name}=={module.__version__}" for module, name in needed)],
    )  # fmt: skip


# Before


def prepare(settings):
    """The data of a task, checked: a `trials.Data`. Problem if it cannot be learnt from."""
    folders, places = settings["data"], settings["places"]
    table = tables.read(folders["training"], places)
    held = tables.read(folders["validation"], places) if folders.get("validation") else None
    target = settings["target"]
    if target not in table.columns:
        raise Problem(f"The training data has no column {target}, the target. It has: {', '.join(table.columns)}.")
    if held is not None:
        missing = [name for name in table.columns if name not in held.columns]
        if missing:
            raise Problem(f"The validation data lacks the column {missing[0]} of the training data.")
        first = len(table)
        table = pandas.concat([table, held[list(table.columns)]], ignore_index=True)
    there = table[target].notna().to_numpy()
    if held is not None:
        first = int(there[:first].sum())
    if not there.all():
        say(f"{(~there).sum()} rows without a value of {target} are left out.")
        table = table[there].reset_index(drop=True)
    if held is None and len(table) < 10:
        raise Problem(f"{len(table)} rows with a target are too few to learn from and to score on.")
    if held is not None and not 0 < first < len(table):
        raise Problem("The training data or the validation data has no rows with a target.")
    values, classes = _target(settings, table[target])
    weights, names = None, [target, *settings["split_columns"]]
    for name in (settings["weight"], *settings["split_columns"]):
        if name and name not in table.columns:
            raise Problem(f"The data has no column {name}, which weight_column_name or cv_split_column_names names.")
    if settings["weight"]:
        weights = pandas.to_numeric(table[settings["weight"]], errors="coerce").to_numpy()
        if not (numpy.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
            raise Problem(f"The weights in {settings['weight']} must be numbers of 0 or more, none missing.")
        weights = weights / weights.mean()  # large ones would be large steps for some solvers
        names.append(settings["weight"])
    features = columns.prepared(table.drop(columns=names))
    if features.shape[1] == 0:
        raise Problem("There is no column beside the target to learn from.")
    everything = numpy.arange(len(table))
    fitted = everything if held is None else everything[:first]
    looked = columns.look(features.iloc[fitted], settings["featurization"])
    data = trials.Data(settings["task"], features, values, weights, [], looked, classes, seed=SEED, fitted=fitted)
    if classes is not None and settings["positive"] is not None:
        labels = [str(label).lower() for label in classes]
        if len(classes) != 2 or str(settings["positive"]).lower() not in labels:
            raise Problem(f"positive_label is {settings['positive']}; the target has the values {', '.join(labels)}.")
        data.positive = labels.index(str(settings["positive"]).lower())
    if classes is None:
        data.spread = float(values.max() - values.min())
    data.splits = [(fitted, everything[first:])] if held is not None else _splits(settings, table, values)
    for fit, _ in data.splits:
        if classes is not None and len(numpy.unique(values[fit])) < 2:
            raise Problem(f"The rows to learn from hold a single value of {target}. Take more rows, or fewer folds.")
    return data


def _target(settings, values):
    """The target as an array, and the classes in order, or None."""
    if settings["task"] != CLASSIFICATION:
        numbers = pandas.to_numeric(values, errors="coerce")
        if numbers.isna().any():
            wrong = values[numbers.isna()].iloc[0]
            message = f"The target {values.name} of a regression must be numbers, and holds {wrong!r}."
            raise Problem(f"{message} For labels, use automl.classification.")
        numbers = numbers.astype("float64").to_numpy()
        if not numpy.isfinite(numbers).all() or numbers.max() == numbers.min():
            raise Problem(f"The target {values.name} must be finite numbers, and not the same one in each row.")
        return numbers, None
    if pandas.api.types.is_bool_dtype(values.infer_objects()):
        labels = values.astype(bool).to_numpy()
    elif pandas.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype="float64")
        labels = numbers.astype("int64") if (numbers == numpy.floor(numbers)).all() else numbers
    else:
        labels = values.astype(str).to_numpy(dtype=object)
    classes = numpy.unique(labels)
    if len(classes) < 2:
        raise Problem(f"The target {values.name} has the single value {classes[0]!r}. There is nothing to tell apart.")
    if len(classes) > max(2, len(labels) // 5):
        message = f"The target {values.name} has {len(classes)} different values in {len(labels)} rows."
        raise Problem(f"{message} That is no class; for numbers, use automl.regression.")
    return labels, classes


def _splits(settings, table, values):
    """Pairs of row numbers: to fit on, and to score on."""
    from sklearn import model_selection

    rows = numpy.arange(len(table))
    if settings["split_columns"]:
        found = []
        for name in settings["split_columns"]:
            marks = pandas.to_numeric(table[name], errors="coerce").to_numpy()
            if set(marks) != {0, 1}:
                raise Problem(f"The column {name} of cv_split_column_names holds 1 (fit) and 0 (score), both.")
            found.append((rows[marks == 1], rows[marks == 0]))
        return found
    folds, share = settings["folds"], settings["share"]
    if folds is None and share is None:
        if len(table) > ROWS_FOR_FOLDS:
            share = 0.1
        else:
            folds = 10 if len(table) < 1000 else 3
    labels = settings["task"] == CLASSIFICATION
    smallest = numpy.unique(values, return_counts=True)[1].min() if labels else len(rows)
    if folds:
        if folds > len(rows):
            raise Problem(f"{len(rows)} rows cannot be cut into {folds} folds.")
        even = labels and smallest >= folds
        kind = model_selection.StratifiedKFold if even else model_selection.KFold
        return list(kind(folds, shuffle=True, random_state=SEED).split(rows, values if even else None))
    even = values if labels and smallest >= 2 and share * len(rows) >= len(numpy.unique(values)) else None
    fit, held = model_selection.train_test_split(rows, test_size=share, random_state=SEED, stratify=even)
    return [(numpy.sort(fit), numpy.sort(held))]
