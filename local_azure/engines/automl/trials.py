"""One trial: a pipeline fitted and scored on each split of the rows. Trials run in processes of their own.

A process can be ended at its time limit, and needs no lock beside another. They are forked from a server that has
loaded the libraries once, where the system has that.
"""

import multiprocessing
import pickle
import time
import traceback
import warnings
from dataclasses import dataclass, field

import numpy

from . import CLASSIFICATION, columns, models, scores

LOADED = "local_azure.engines.automl.trials"  # by the server from which trials are forked


@dataclass
class Data:
    """All that trials need, and the same for all of them.

    features: a DataFrame. target: (rows,) labels or numbers. weights: (rows,) or None. splits: pairs of arrays of row
    numbers, to fit on and to score on. classes: the labels in order, or None. fitted: the row numbers from which the
    last model learns. spread: of numbers, the largest less the smallest. positive: the number of the positive class.
    """

    task: str
    features: object
    target: object
    weights: object
    splits: list
    columns: list
    classes: object = None
    positive: int = 1
    seed: int = 0
    fitted: object = None
    spread: float = field(default=1.0)

    def pipeline(self, settings):
        """The pipeline of these settings, not fitted."""
        return models.pipeline(settings, columns.build(self.columns, self.task, self.seed), self.task, self.seed)

    def fit(self, pipeline, rows):
        """Fit on these rows, with their weights if there are any."""
        weights = {} if self.weights is None else {"model__sample_weight": self.weights[rows]}
        return pipeline.fit(self.features.iloc[rows], self.target[rows], **weights)

    def predict(self, pipeline, rows):
        """Chances of all classes (rows, classes), or numbers (rows,)."""
        table = self.features.iloc[rows]
        if self.task != CLASSIFICATION:
            return pipeline.predict(table)
        chances = numpy.zeros((len(rows), len(self.classes)))
        # a class may be missing among the rows that a model was fitted on
        chances[:, numpy.searchsorted(self.classes, pipeline.classes_)] = pipeline.predict_proba(table)
        return chances

    def score(self, predicted, only=None):
        """The metrics of predictions, one array for each split: their means. only: one primary metric is enough."""
        found = []
        for (_, rows), guess in zip(self.splits, predicted, strict=True):
            truth = self.target[rows]
            if self.task == CLASSIFICATION:
                truth = numpy.searchsorted(self.classes, truth)
            if only:
                found.append({only: scores.primary(only, truth, guess, self.spread)})
            elif self.task == CLASSIFICATION:
                found.append(scores.classification(truth, guess, self.positive))
            else:
                found.append(scores.regression(truth, guess, self.spread))
        return scores.averaged(found)


def _run(place, settings, to):
    """In a process of its own: send (metrics, predictions, seconds) or the text of an error."""
    warnings.simplefilter("ignore")  # of a solver that did not converge: the score says it
    try:
        began = time.perf_counter()
        with open(place, "rb") as file:
            data = pickle.load(file)
        predicted = []
        for fit, held in data.splits:
            predicted.append(data.predict(data.fit(data.pipeline(settings), fit), held))
        to.send((data.score(predicted), predicted, time.perf_counter() - began))
    except Exception as error:
        print(traceback.format_exc(), flush=True)
        to.send(f"{type(error).__name__}: {error}")
    finally:
        to.close()


class Runner:
    """Begins trials and ends them."""

    def __init__(self):
        methods = multiprocessing.get_all_start_methods()
        self._context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._context.set_forkserver_preload([LOADED])

    def warm(self):
        """Let the server from which trials are forked load its libraries now, beside this process."""
        if self._context.get_start_method() == "forkserver":
            from multiprocessing import forkserver

            forkserver.ensure_running()

    def begin(self, place, settings):
        """Begin a trial on the data at `place`: (process, connection that will have its result)."""
        here, there = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_run, args=(place, settings, there), daemon=True)
        process.start()
        there.close()
        return process, here

    @staticmethod
    def result(connection):
        """(metrics, predictions, seconds), or the text of an error."""
        try:
            return connection.recv()
        except EOFError:
            return "the process of the trial ended without a result: out of memory, perhaps"
