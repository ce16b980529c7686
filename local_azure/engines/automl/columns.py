"""What becomes of each column before a model sees it: what it is taken for, and how it turns into numbers.

Plain scikit-learn: models that are saved with it load wherever scikit-learn is. skrub's TableVectorizer does much of
the same, but not under the names that blocked_transformers has, and every saved model would need it.
"""

from dataclasses import dataclass

import numpy
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from . import Problem

MOST_CATEGORIES = 50  # columns that one column becomes; what is rarer shares the last
MOST_WORDS = 300
WORDS = 3  # words in the middle value of a column from which on it is text and no category
UNIQUE = 0.9  # share of different values from which on a column of words is an identifier
FEW = 20  # different values up to which nothing is an identifier or a text
PARTS = ("year", "month", "day", "weekday", "hour", "minute")  # of a date


@dataclass
class Column:
    """A column: what it is taken for, the names of what is done to it, and why it was dropped if it was."""

    name: str
    purpose: str
    transformations: list
    dropped: str = ""
    strategy: str = "mean"
    fill: object = None


def look(table, settings):
    """The columns of a table of features. settings: mode, types, blocked, imputers (column -> (strategy, value)).

    Problem if the settings do not fit the table.
    """
    for given in (settings["types"], settings["imputers"]):
        for name in given:
            if name not in table.columns:
                raise Problem(f"The featurization settings name the column {name}, which the table has not.")
    if settings["mode"] == "off":
        return [_as_it_is(table[name]) for name in table.columns]
    found = []
    for name in table.columns:
        wanted = settings["types"].get(name)
        column = Column(str(name), *((wanted, [], "") if wanted else _guess(table[name])))
        if column.purpose == "Ignore" and not column.dropped:
            column.dropped = "asked for"
        if column.purpose == "Numeric":
            _check_numbers(table[name])
            column.strategy, column.fill = settings["imputers"].get(name, ("mean", None))
        if not column.dropped:
            column.transformations = _chosen(column, table[name], set(settings["blocked"]))
            if not column.transformations:
                column.dropped = "all its transformers are blocked"
        found.append(column)
    if all(column.dropped for column in found):
        raise Problem("No column is left to learn from: " + "; ".join(f"{one.name}: {one.dropped}" for one in found))
    return found


def _as_it_is(values):
    if not (pandas.api.types.is_numeric_dtype(values) or pandas.api.types.is_bool_dtype(values)):
        message = f"Featurization is off and the column {values.name} holds text. Models need numbers: turn"
        raise Problem(f"{message} featurization on (mode 'auto'), or leave the column out of the table.")
    if values.isna().any():
        message = f"Featurization is off and the column {values.name} has missing values. Fill them, or turn"
        raise Problem(f"{message} featurization on (mode 'auto').")
    return Column(str(values.name), "Numeric", ["PassThrough"])


def _guess(values):
    """(purpose, [], why it is dropped) of a column."""
    there = values.dropna()
    different = there.nunique()
    if there.empty:
        return "AllNan", [], "all values are missing"
    if different == 1 and len(there) == len(values):
        return "Ignore", [], "it has one value only"
    if pandas.api.types.is_bool_dtype(there.infer_objects()):
        return "Categorical", [], ""
    if pandas.api.types.is_datetime64_any_dtype(values):
        return "DateTime", [], ""
    if pandas.api.types.is_numeric_dtype(values):
        return "Numeric", [], ""
    texts = there.astype(str)
    if pandas.to_datetime(texts, errors="coerce", format="ISO8601").notna().all():
        return "DateTime", [], ""
    if texts.str.split().str.len().median() >= WORDS and different > FEW:
        return "Text", [], ""
    if different > FEW and different >= UNIQUE * len(there):
        return "Hashes", [], "nearly every value is different, so it names a row and describes nothing"
    return "Categorical", [], ""


def _check_numbers(values):
    numbers = pandas.to_numeric(values, errors="coerce")
    wrong = values[numbers.isna() & values.notna()]
    if len(wrong):
        message = f"The column {values.name} is to be Numeric and holds {wrong.iloc[0]!r}."
        raise Problem(f"{message} Make it Categorical, or Ignore, in column_name_and_types.")


def _chosen(column, values, blocked):
    """The names of what is done to a column, by Azure's names where it has them."""
    if column.purpose == "Numeric":
        name = {"mean": "MeanImputer", "median": "MedianImputer", "most_frequent": "ModeImputer"}
        return [name.get(column.strategy, "ConstantImputer")] + (["ImputationMarker"] if values.isna().any() else [])
    if column.purpose == "DateTime":
        return ["DateTimeTransformer"]
    order = ("TfIdf", "CountVectorizer")
    if column.purpose == "Categorical":
        order = ("OneHotEncoder", "CatTargetEncoder", "LabelEncoder")
    return [name for name in order if name not in blocked][:1]


def parts_of_dates(table):
    """Year, month, day, weekday, hour and minute of columns of dates; missing ones stay so."""
    import pandas

    found = []
    for name in table.columns:
        dates = pandas.to_datetime(table[name], errors="coerce", utc=True).dt
        found.append(pandas.DataFrame({part: getattr(dates, part) for part in PARTS}, index=table.index))
    return pandas.concat(found, axis=1).astype("float64")


def plain_texts(values):
    """A column of texts with '' for what is missing."""
    return values.fillna("").astype(str)


def as_texts(table):
    """Categories as text, "" where one is missing; 3 and 3.0 are one category, whichever type is sent."""
    import pandas

    def text(value):
        if isinstance(value, str) or pandas.isna(value):
            return value if isinstance(value, str) else ""
        return f"{value:.15g}" if isinstance(value, float) else str(value)

    return table.astype(object).map(text)


def build(columns, task, seed):
    """The transformer of a table's columns, not fitted: numbers in, numbers out, no gaps."""
    steps = []
    for settings in dict.fromkeys((one.strategy, one.fill) for one in columns if _kind(one) == "Numeric"):
        names = [one.name for one in columns if _kind(one) == "Numeric" and (one.strategy, one.fill) == settings]
        filled = SimpleImputer(
            strategy=settings[0], fill_value=settings[1], add_indicator=True, keep_empty_features=True
        )
        steps.append((f"Numeric:{settings[0]}", filled, names))
    passed = [one.name for one in columns if one.transformations == ["PassThrough"]]
    if passed:
        steps.append(("PassThrough", "passthrough", passed))
    for column in columns:
        if _kind(column) in ("Categorical", "DateTime", "Text"):
            name = column.name if _kind(column) == "Text" else [column.name]
            steps.append((f"{column.purpose}:{column.name}", _single(column, task, seed), name))
    return ColumnTransformer(steps, sparse_threshold=0, verbose_feature_names_out=False)


def _kind(column):
    return None if column.dropped or column.transformations == ["PassThrough"] else column.purpose


def _single(column, task, seed):
    how = column.transformations[0]
    if how == "DateTimeTransformer":
        return make_pipeline(FunctionTransformer(parts_of_dates), SimpleImputer(keep_empty_features=True))
    if column.purpose == "Text":
        kind = TfidfVectorizer if how == "TfIdf" else CountVectorizer
        return make_pipeline(FunctionTransformer(plain_texts), kind(max_features=MOST_WORDS, token_pattern=r"\w+"))
    if how == "OneHotEncoder":
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False
        )
    elif how == "CatTargetEncoder":
        kind = "continuous" if task == "regression" else "auto"
        encoder = TargetEncoder(target_type=kind, random_state=seed, shuffle=True)
    else:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(FunctionTransformer(as_texts), encoder)


def report(columns, fitted, table):
    """What became of each column, under the names of Azure's featurization summary. fitted: the built transformer."""
    counts = {}
    for name, step, names in fitted.transformers_:
        part = fitted.output_indices_.get(name, slice(0, 0))
        if name.startswith("Numeric:"):
            gaps = set() if step.indicator_ is None else {names[one] for one in step.indicator_.features_}
            counts |= {one: 1 + (one in gaps) for one in names}
        elif name == "PassThrough":
            counts |= dict.fromkeys(names, 1)
        elif name != "remainder":
            counts[names if isinstance(names, str) else names[0]] = part.stop - part.start
    found = []
    for column in columns:
        entry = {
            "RawFeatureName": column.name,
            "TypeDetected": column.purpose,
            "Dropped": "Yes" if column.dropped else "No",
            "EngineeredFeatureCount": 0 if column.dropped else int(counts.get(column.name, 0)),
            "Transformations": column.transformations,
            "MissingValues": int(table[column.name].isna().sum()),
        }
        found.append(entry | ({"Reason": column.dropped} if column.dropped else {}))
    return found


def prepared(table):
    """Features in the types in which a model gets them, and which its signature names: int64, float64, bool, objects.

    Whole numbers stay whole unless some are missing: MLflow refuses them for a model that has learnt with fractions.
    """
    changed = {}
    for name in table.columns:
        values = table[name]
        if pandas.api.types.is_bool_dtype(values):
            continue
        if pandas.api.types.is_numeric_dtype(values):
            numbers = values.astype("float64")
            if not numpy.isfinite(numbers.dropna()).all():
                raise Problem(f"The column {name} holds infinite numbers. Replace them.")
            whole = pandas.api.types.is_integer_dtype(values) and not values.isna().any()
            changed[name] = values.astype("int64") if whole else numbers
        elif not pandas.api.types.is_datetime64_any_dtype(values):
            changed[name] = values.astype("object").where(values.notna(), None)
    return table.assign(**changed)
