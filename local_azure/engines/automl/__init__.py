"""Automated machine learning for tables: looks for a good pipeline of scikit-learn's, by Optuna, and builds it.

`python -m local_azure.engines.automl` reads the task from `task.json` in the folder where it runs, prints what it does,
and writes what happens to `events.jsonl`. The search is Optuna's tree-structured Parzen estimator over one space whose
first choice is the algorithm; the algorithms have the names that Azure Machine Learning gives them. This module has the
names alone and loads nothing.
"""

from pathlib import Path

CLASSIFICATION, REGRESSION = "classification", "regression"

# The order is that in which each is tried once with its usual settings.
ALGORITHMS = {
    CLASSIFICATION: (
        "LogisticRegression", "GradientBoosting", "RandomForest", "ExtremeRandomTrees", "LinearSVM", "SGD", "KNN",
        "DecisionTree", "BernoulliNaiveBayes", "MultinomialNaiveBayes", "SVM",
    ),
    REGRESSION: (
        "ElasticNet", "GradientBoosting", "RandomForest", "ExtremeRandomTrees", "LassoLars", "SGD", "KNN",
        "DecisionTree",
    ),
}  # fmt: skip
# Azure has them; their libraries are not in this course's environment.
ABSENT = {
    CLASSIFICATION: ("LightGBM", "XGBoostClassifier"),
    REGRESSION: ("LightGBM", "XGBoostRegressor"),
}
# Primary metrics: name -> whether more is better.
METRICS = {
    CLASSIFICATION: {
        "accuracy": True, "AUC_weighted": True, "norm_macro_recall": True, "average_precision_score_weighted": True,
        "precision_score_weighted": True,
    },
    REGRESSION: {
        "spearman_correlation": True, "normalized_root_mean_squared_error": False, "r2_score": True,
        "normalized_mean_absolute_error": False,
    },
}  # fmt: skip
VOTING = "VotingEnsemble"
PURPOSES = ("Numeric", "Categorical", "DateTime", "Text", "Ignore")
TRANSFORMERS = (
    "TextTargetEncoder", "OneHotEncoder", "CatTargetEncoder", "TfIdf", "WoETargetEncoder", "LabelEncoder",
    "WordEmbedding", "NaiveBayes", "CountVectorizer", "HashOneHotEncoder",
)  # fmt: skip
STRATEGIES = ("mean", "median", "most_frequent", "constant")  # of the imputer
SERVE = Path(__file__).with_name("serve.py")  # left beside a model
TASK, EVENTS, MODEL, SUMMARY = "task.json", "events.jsonl", "mlflow-model", "featurization_summary.json"


class Problem(ValueError):
    """The data or the settings are at fault; the message says what to do."""
