"""The filters and orders of MLflow's searches, as SQL or applied to records.

A filter is a list of comparisons joined by AND. What MLflow has and Azure does not is refused with a sentence: code
that runs here must run there. Azure's list is "Query & compare experiments and runs with MLflow" in its documentation,
*Support matrix for querying runs and experiments*.
"""

import base64
import operator
import re
from dataclasses import dataclass

from ....errors import AzureError

KINDS = {
    "metric": "metric", "metrics": "metric", "param": "param", "params": "param", "parameter": "param",
    "parameters": "param", "tag": "tag", "tags": "tag", "attribute": "attribute", "attributes": "attribute",
    "attr": "attribute", "run": "attribute", "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
COMPARISON = re.compile(
    r"""\s*(?:(?P<kind>[A-Za-z]+)\s*\.\s*)?
    (?P<key>`[^`]+`|"[^"]+"|[A-Za-z_][\w.]*)\s*
    (?P<op>!=|>=|<=|=|>|<|NOT\s+IN\b|IN\b|LIKE\b|ILIKE\b)\s*
    (?P<value>'(?:[^']|'')*'|"[^"]*"|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\([^()]*\))\s*""",
    re.IGNORECASE | re.VERBOSE,
)
AND = re.compile(r"AND\b", re.IGNORECASE)
STRING = re.compile(r"""'((?:[^']|'')*)'|"([^"]*)\"""")
NUMERIC = ("=", "!=", ">", ">=", "<", "<=")
TEXT = ("=", "!=", "LIKE", "ILIKE")
NAMES = (*TEXT, "IN", "NOT IN")
IDS = ("run_id", "experiment_id")  # what can be compared with a list


def invalid(message):
    """400 in MLflow's words for a request that is at fault."""
    return AzureError(400, "INVALID_PARAMETER_VALUE", message)


@dataclass
class Comparison:
    """kind: metric, param, tag, dataset or attribute. value: text, or a list of texts for IN, which is quoted."""

    kind: str
    key: str
    op: str
    value: object
    quoted: bool
    escaped: bool

    def number(self):
        try:
            return float(self.value)
        except (TypeError, ValueError):
            raise invalid(f"Expected a numeric value for {self.key}, found {self.value!r}.") from None

    def allow(self, operators):
        if self.op not in operators:
            raise invalid(f"Invalid comparator '{self.op}' for {self.kind} '{self.key}': not one of {list(operators)}.")


def parse(text):
    """The comparisons of a filter string."""
    found, position = [], 0
    text = (text or "").strip()
    while text:
        match = COMPARISON.match(text, position)
        kind = match and KINDS.get((match["kind"] or "attribute").lower())
        if not kind:
            where = text[position : position + 60]
            raise invalid(f"Invalid filter string '{text}': no comparison such as metrics.rmse < 1 at '{where}'.")
        key, escaped = match["key"], match["key"][0] in '`"'
        value = match["value"]
        operation = " ".join(match["op"].upper().split())
        if operation.endswith("IN"):
            listed = [one.replace("''", "'") or two for one, two in STRING.findall(value)]
            if value[0] != "(" or not listed:
                raise invalid(f"{operation} needs a list of strings such as ('a', 'b'), found {value}.")
            found.append(Comparison(kind, key.strip('`"'), operation, listed, True, escaped))
        else:
            if value[0] == "(":
                raise invalid(f"{operation} does not take a list, found {value}.")
            quoted = value[0] in "'\""
            value = value[1:-1].replace("''", "'") if quoted else value
            found.append(Comparison(kind, key.strip('`"'), operation, value, quoted, escaped))
        position = match.end()
        if position == len(text):
            return found
        joint = AND.match(text, position)
        if not joint:
            message = f"Invalid clause(s) in filter string '{text}': comparisons are joined by AND, and nothing else."
            raise invalid(message)
        position = joint.end()
    return found


# Runs and experiments: conditions of SQL

RUN_NUMBERS = {
    "start_time": "runs.started", "end_time": "runs.ended", "creation_time": "runs.started", "created": "runs.started",
    "duration": "runs.ended - runs.started",
}  # fmt: skip
RUN_TEXTS = {"run_id": "runs.id", "run_name": "runs.name", "user_id": "runs.user", "experiment_id": "runs.experiment"}
EXPERIMENT_NUMBERS = {"creation_time": "created", "last_update_time": "updated"}
EXPERIMENT_TEXTS = {"name": "name", "experiment_id": "id"}
DATASET_TEXTS = {"name": "inputs.name", "digest": "inputs.digest"}


def _condition(column, comparison):
    """One comparison with a column as SQL and its values."""
    if comparison.op in ("IN", "NOT IN"):
        marks = ", ".join("?" * len(comparison.value))
        return f"{column} {comparison.op} ({marks})", comparison.value
    if comparison.op == "ILIKE":
        return f"lower({column}) LIKE lower(?)", [comparison.value]
    return f"{column} {comparison.op} ?", [comparison.value]


def _number(column, comparison):
    comparison.allow(NUMERIC)
    return f"{column} {comparison.op} ?", [comparison.number()]


def _attribute(comparison, numbers, texts):
    key = comparison.key
    if key in numbers:
        return _number(numbers[key], comparison)
    if key not in texts:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are {sorted({*numbers, *texts})}.")
    comparison.allow(NAMES if key in IDS else TEXT)
    _need_quotes(comparison)
    return _condition(texts[key], comparison)


def _need_quotes(comparison):
    if not comparison.quoted:
        raise invalid(
            f"Expected a quoted string value for {comparison.kind} '{comparison.key}' (e.g. 'my-value'). Got "
            f"{comparison.value}."
        )


def runs_where(filter_string):
    """The filter of a search for runs as SQL over the table `runs`, and its values."""
    parts, values = [], []
    for comparison in parse(filter_string):
        part, given = _run_condition(comparison)
        parts.append(f"({part})")
        values += given
    return " AND ".join(parts) or "1", values


def _run_condition(comparison):
    kind, key = comparison.kind, comparison.key
    if kind == "attribute":
        if key == "status":
            comparison.allow(TEXT)
            _need_quotes(comparison)
            comparison.value = comparison.value.upper()  # Azure's documentation writes Failed, MLflow's FAILED
            return _condition("runs.status", comparison)
        return _attribute(comparison, RUN_NUMBERS, RUN_TEXTS)
    if kind == "metric":
        if comparison.escaped:
            raise invalid(
                f"Azure Machine Learning does not filter by metrics whose name needs quotes, such as {key!r}. Filter "
                "the data frame of all runs instead."
            )
        part, values = _number("value", comparison)
        part = f"(nan OR {part})" if comparison.op == "!=" else f"NOT nan AND {part}"
        return f"EXISTS (SELECT 1 FROM latest WHERE run = runs.number AND key = ? AND {part})", [key, *values]
    if kind == "dataset":
        if key not in DATASET_TEXTS:
            raise invalid(f"Invalid dataset key '{key}' specified. Valid keys are {sorted(DATASET_TEXTS)}.")
        comparison.allow(TEXT)
        _need_quotes(comparison)
        part, values = _condition(DATASET_TEXTS[key], comparison)
        return f"EXISTS (SELECT 1 FROM inputs WHERE run = runs.number AND {part})", values
    comparison.allow(TEXT)
    _need_quotes(comparison)
    if kind == "tag" and comparison.op == "!=":
        raise invalid("Azure Machine Learning does not support the comparator != for tags.")
    part, values = _condition("value", comparison)
    return f"EXISTS (SELECT 1 FROM {kind}s WHERE run = runs.number AND key = ? AND {part})", [key, *values]


def experiments_where(filter_string):
    """The filter of a search for experiments as SQL over the table `experiments`, and its values."""
    parts, values = [], []
    for comparison in parse(filter_string):
        if comparison.kind == "attribute":
            part, given = _attribute(comparison, EXPERIMENT_NUMBERS, EXPERIMENT_TEXTS)
        elif comparison.kind == "tag":
            comparison.allow(TEXT)
            _need_quotes(comparison)
            part, given = _condition("value", comparison)
            part = f"EXISTS (SELECT 1 FROM experiment_tags WHERE experiment = experiments.id AND key = ? AND {part})"
            given = [comparison.key, *given]
        else:
            raise invalid(f"Experiments have no {comparison.kind}s to search by.")
        parts.append(f"({part})")
        values += given
    return " AND ".join(parts) or "1", values


ORDER = re.compile(r"\s*(?:([A-Za-z]+)\s*\.\s*)?(`[^`]+`|\"[^\"]+\"|[\w.]+)(?:\s+(ASC|DESC))?\s*", re.IGNORECASE)


def _ordered(clauses, columns, last):
    """Clauses such as "start_time DESC" as an ORDER BY; what has no value comes last."""
    parts = []
    for clause in clauses or ():
        match = ORDER.fullmatch(clause)
        kind = match and KINDS.get((match[1] or "attribute").lower())
        if not kind:
            raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
        if kind in ("metric", "param", "tag"):
            raise invalid(
                f"Azure Machine Learning does not order by {kind}s, as '{clause}' asks. Sort the data frame instead: "
                "mlflow.search_runs(…).sort_values(…)."
            )
        key = match[2].strip('`"')
        if key not in columns:
            raise invalid(f"Invalid attribute key '{key}' in order_by. Valid keys are {sorted(columns)}.")
        parts.append(f"{columns[key]} {(match[3] or 'ASC').upper()} NULLS LAST")
    return ", ".join([*parts, last])


def runs_order(clauses):
    columns = RUN_NUMBERS | RUN_TEXTS | {"status": "runs.status"}
    return _ordered(clauses, columns, "runs.started DESC, runs.number DESC")


def experiments_order(clauses):
    return _ordered(clauses, EXPERIMENT_NUMBERS | EXPERIMENT_TEXTS, "created DESC, id")


# Registered models: applied to records

COMPARE = {"=": operator.eq, "!=": operator.ne}


def model_matches(comparisons, texts, tags):
    """Whether a registered model or a version of one is meant. texts: the attributes that may be searched for."""
    for comparison in comparisons:
        if comparison.kind == "tag":  # the client itself asks for models that are no prompts
            comparison.allow(COMPARE)
            if not COMPARE[comparison.op](tags.get(comparison.key), comparison.value):
                return False
            continue
        if comparison.kind != "attribute" or comparison.key not in texts:
            raise invalid(f"Invalid attribute key '{comparison.key}' specified. Valid keys are {sorted(texts)}.")
        if comparison.op in ("LIKE", "ILIKE"):
            raise invalid("Azure Machine Learning does not search models with LIKE and ILIKE.")
        comparison.allow(COMPARE)
        if not COMPARE[comparison.op](texts[comparison.key], comparison.value):
            return False
    return True


# Pages


def offset_of(token):
    """Where the page with this token begins."""
    if not token:
        return 0
    try:
        return max(0, min(int(base64.b64decode(token, validate=True)), 2**62))
    except (TypeError, ValueError):
        raise invalid("Invalid page token.") from None


def token_of(offset):
    return base64.b64encode(str(offset).encode()).decode()
