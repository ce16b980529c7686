"""How good predictions are, by the names that Azure's automated ML gives its metrics; computed by scikit-learn.

Averages over classes: macro (each class counts alike), micro (each row and class), weighted (each class by its rows).
With two classes, the metrics that end in _binary are those of the positive class alone.
"""

import warnings

import numpy
from scipy import stats
from sklearn import metrics as m


def primary(name, truth, guess, spread):
    """One of the metrics by which a search goes, alone: most of the others take longer. The arguments are as below."""
    if name == "accuracy":
        return float(m.accuracy_score(truth, guess.argmax(axis=1)))
    if name in ("AUC_weighted", "average_precision_score_weighted"):
        hits = (truth[:, None] == numpy.arange(guess.shape[1])[None, :]).astype(int)
        score = m.roc_auc_score if name == "AUC_weighted" else m.average_precision_score
        return float(_averaged(score, hits, guess, "weighted"))
    if guess.ndim == 2:
        return classification(truth, guess)[name]
    return regression(truth, guess, spread)[name]


def classification(truth, chances, positive=1):
    """Metric name -> value. truth: (rows,) numbers of classes from 0 on. chances: (rows, classes), which add up to 1.

    positive: the number of the positive class, if there are two.
    """
    classes = numpy.arange(chances.shape[1])
    guess = chances.argmax(axis=1)
    hits = (truth[:, None] == classes[None, :]).astype(int)
    found = {
        "accuracy": m.accuracy_score(truth, guess),
        "balanced_accuracy": m.balanced_accuracy_score(truth, guess),
        "log_loss": m.log_loss(truth, chances, labels=classes),
        "matthews_correlation": m.matthews_corrcoef(truth, guess),
        "weighted_accuracy": _weighted_accuracy(truth, guess),
    }
    by_class = m.precision_recall_fscore_support(truth, guess, labels=classes, zero_division=0)
    for average in ("macro", "micro", "weighted"):
        three = m.precision_recall_fscore_support(truth, guess, labels=classes, average=average, zero_division=0)
        for name, value in zip(("precision_score", "recall_score", "f1_score"), three[:3], strict=True):
            found[f"{name}_{average}"] = value
        found[f"AUC_{average}"] = _averaged(m.roc_auc_score, hits, chances, average)
        found[f"average_precision_score_{average}"] = _averaged(m.average_precision_score, hits, chances, average)
    chance = 1 / len(classes)
    found["norm_macro_recall"] = (found["recall_score_macro"] - chance) / (1 - chance)
    if len(classes) == 2:
        for name, values in zip(("precision_score", "recall_score", "f1_score"), by_class[:3], strict=True):
            found[f"{name}_binary"] = values[positive]
        if 0 < hits[:, positive].sum() < len(truth):
            found["AUC_binary"] = m.roc_auc_score(hits[:, positive], chances[:, positive])
            found["average_precision_score_binary"] = m.average_precision_score(hits[:, positive], chances[:, positive])
    return {name: float(value) for name, value in found.items()}


def _averaged(score, hits, chances, average):
    """A score of each class against all others, averaged; classes that are missing, or alone, say nothing."""
    if average == "micro":
        return score(hits.ravel(), chances.ravel())
    counts = hits.sum(axis=0)
    kept = (counts > 0) & (counts < len(hits))
    if not kept.any():
        return numpy.nan
    values = [score(hits[:, one], chances[:, one]) for one in numpy.flatnonzero(kept)]
    return numpy.average(values, weights=counts[kept] if average == "weighted" else None)


def _weighted_accuracy(truth, guess):
    """Accuracy in which each row counts as much as its class has rows."""
    _, place, counts = numpy.unique(truth, return_inverse=True, return_counts=True)
    return numpy.average(truth == guess, weights=counts[place])


def regression(truth, guess, spread):
    """Metric name -> value. spread: the target's largest less its smallest value, by which errors are normalized."""
    found = {
        "explained_variance": m.explained_variance_score(truth, guess),
        "mean_absolute_error": m.mean_absolute_error(truth, guess),
        "median_absolute_error": m.median_absolute_error(truth, guess),
        "r2_score": m.r2_score(truth, guess) if len(truth) > 1 else numpy.nan,
        "root_mean_squared_error": m.root_mean_squared_error(truth, guess),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a guess that is always the same has no correlation
        found["spearman_correlation"] = stats.spearmanr(truth, guess).statistic
    there = truth != 0
    if there.any():
        share = numpy.abs((truth[there] - guess[there]) / truth[there])
        found["mean_absolute_percentage_error"] = 100 * share.mean()
    if truth.min() >= 0:
        found["root_mean_squared_log_error"] = m.root_mean_squared_log_error(truth, numpy.clip(guess, 0, None))
    for name in ("mean_absolute_error", "median_absolute_error", "root_mean_squared_error"):
        found[f"normalized_{name}"] = found[name] / spread
    return {name: float(value) for name, value in found.items()}


def averaged(folds):
    """The mean over folds of each metric that any of them has; nan where no fold has a value."""
    names = dict.fromkeys(name for fold in folds for name in fold)
    found = {}
    for name in names:
        values = [fold[name] for fold in folds if name in fold and numpy.isfinite(fold[name])]
        if values:
            found[name] = float(numpy.mean(values))
    return found
