"""The pipelines that are searched: the algorithms, their settings, and how settings become an estimator.

A settings dict has the algorithm, where it matters the scaler, and the algorithm's own values, as Optuna was told them:
every value is named algorithm.value, so that the search learns about each algorithm apart.
"""

from sklearn import ensemble, linear_model, naive_bayes, neighbors, preprocessing, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline

from . import CLASSIFICATION

SCALERS = ("StandardScaler", "MaxAbsScaler", "MinMaxScaler", "RobustScaler")
SCALED = ("LogisticRegression", "LinearSVM", "SVM", "SGD", "KNN", "ElasticNet", "LassoLars")
UNWEIGHTED = ("KNN", "LassoLars")  # cannot take a weight for each row
# algorithm -> name -> (usual value, lower, upper, "log" or "") or (usual value, [choices]); whole numbers stay whole
WEIGHTING = ("equal", ["equal", "balanced"])
SPACE = {
    "LogisticRegression": {"C": (1.0, 1e-3, 100.0, "log"), "class_weight": WEIGHTING},
    "LinearSVM": {"C": (1.0, 1e-3, 10.0, "log"), "class_weight": WEIGHTING},
    "SVM": {"C": (1.0, 1e-2, 100.0, "log"), "gamma": ("scale", ["scale", "auto"])},
    "SGD": {"alpha": (1e-3, 1e-6, 1e-1, "log"), "l1_ratio": (0.15, 0.0, 1.0, "")},
    "KNN": {"n_neighbors": (15, 3, 101, "log"), "weights": ("uniform", ["uniform", "distance"])},
    "DecisionTree": {"max_depth": (8, 2, 20, ""), "min_samples_leaf": (20, 2, 200, "log")},
    "RandomForest": {"min_samples_leaf": (5, 1, 50, "log"), "max_features": (0.1, 0.03, 0.5, "log")},
    "ExtremeRandomTrees": {"min_samples_leaf": (5, 1, 50, "log"), "max_features": (0.1, 0.03, 0.5, "log")},
    "GradientBoosting": {
        "learning_rate": (0.1, 0.01, 0.3, "log"), "max_iter": (100, 20, 200, "log"),
        "max_leaf_nodes": (31, 4, 63, "log"), "min_samples_leaf": (20, 5, 100, "log"),
    },
    "BernoulliNaiveBayes": {"alpha": (1.0, 1e-3, 10.0, "log")},
    "MultinomialNaiveBayes": {"alpha": (1.0, 1e-3, 10.0, "log")},
    "ElasticNet": {"alpha": (0.01, 1e-5, 1.0, "log"), "l1_ratio": (0.5, 0.0, 1.0, "")},
    "LassoLars": {"alpha": (0.001, 1e-5, 1.0, "log")},
}  # fmt: skip
TREES = 80  # in a forest


def usual(algorithm):
    """The settings with which an algorithm is tried first."""
    scaler = {f"{algorithm}.scaler": SCALERS[0]} if algorithm in SCALED else {}
    return {"algorithm": algorithm} | scaler | {f"{algorithm}.{name}": one[0] for name, one in SPACE[algorithm].items()}


def suggest(trial, algorithms):
    """Settings that an Optuna trial chooses."""
    algorithm = trial.suggest_categorical("algorithm", list(algorithms))
    if algorithm in SCALED:
        trial.suggest_categorical(f"{algorithm}.scaler", SCALERS)
    for name, (first, *rest) in SPACE[algorithm].items():
        if isinstance(rest[0], list):
            trial.suggest_categorical(f"{algorithm}.{name}", rest[0])
            continue
        low, high, kind = rest
        ask = trial.suggest_int if isinstance(first, int) else trial.suggest_float
        ask(f"{algorithm}.{name}", low, high, log=kind == "log")
    return trial.params


def scaler_of(settings):
    """The name of the scaler that settings have, or ''."""
    algorithm = settings["algorithm"]
    return "MinMaxScaler" if algorithm == "MultinomialNaiveBayes" else settings.get(f"{algorithm}.scaler", "")


def pipeline(settings, features, task, seed):
    """An estimator, not fitted. features: the transformer of the columns."""
    algorithm = settings["algorithm"]
    values = {name: settings[f"{algorithm}.{name}"] for name in SPACE[algorithm]}
    steps = [("features", features)]
    scaler = scaler_of(settings)
    if scaler:
        # counts cannot be negative, nor can what stands for them when later rows go beyond the first ones
        clipped = {"clip": True} if scaler == "MinMaxScaler" else {}
        steps.append(("scaler", getattr(preprocessing, scaler)(**clipped)))
    make = _classifier if task == CLASSIFICATION else _regressor
    return Pipeline([*steps, ("model", make(algorithm, values, seed))])


def _weight(values):
    return {**values, "class_weight": None if values["class_weight"] == "equal" else "balanced"}


def _calibrated(model):
    """Support vectors give no probabilities: a sigmoid is fitted on top, within the training rows."""
    return CalibratedClassifierCV(model, method="sigmoid", ensemble=False, cv=3)


def _classifier(algorithm, values, seed):
    if algorithm == "LogisticRegression":
        return linear_model.LogisticRegression(max_iter=500, **_weight(values))
    if algorithm == "LinearSVM":
        return _calibrated(svm.LinearSVC(random_state=seed, max_iter=2000, **_weight(values)))
    if algorithm == "SVM":
        return _calibrated(svm.SVC(random_state=seed, **values))
    if algorithm == "SGD":
        return linear_model.SGDClassifier("log_loss", penalty="elasticnet", random_state=seed, **values)
    if algorithm == "KNN":
        return neighbors.KNeighborsClassifier(**values)
    if algorithm == "DecisionTree":
        return tree.DecisionTreeClassifier(random_state=seed, **values)
    if algorithm == "RandomForest":
        return ensemble.RandomForestClassifier(TREES, random_state=seed, **values)
    if algorithm == "ExtremeRandomTrees":
        return ensemble.ExtraTreesClassifier(TREES, random_state=seed, **values)
    if algorithm == "GradientBoosting":  # of scikit-learn's two, the one that is fast
        return ensemble.HistGradientBoostingClassifier(random_state=seed, early_stopping=False, **values)
    if algorithm == "BernoulliNaiveBayes":
        return naive_bayes.BernoulliNB(**values)
    return naive_bayes.MultinomialNB(**values)


def _regressor(algorithm, values, seed):
    if algorithm == "ElasticNet":
        return linear_model.ElasticNet(random_state=seed, max_iter=2000, **values)
    if algorithm == "LassoLars":
        return linear_model.LassoLars(random_state=seed, **values)
    if algorithm == "SGD":
        return linear_model.SGDRegressor(penalty="elasticnet", random_state=seed, **values)
    if algorithm == "KNN":
        return neighbors.KNeighborsRegressor(**values)
    if algorithm == "DecisionTree":
        return tree.DecisionTreeRegressor(random_state=seed, **values)
    if algorithm == "RandomForest":
        return ensemble.RandomForestRegressor(TREES, random_state=seed, **values)
    if algorithm == "ExtremeRandomTrees":
        return ensemble.ExtraTreesRegressor(TREES, random_state=seed, **values)
    return ensemble.HistGradientBoostingRegressor(random_state=seed, early_stopping=False, **values)
