"""The program around a model that scores files: it loads a batch script or an MLflow model, then takes mini-batches.

A process of its own, started by `serving` like the one in `scoring`, whose way to speak with the server it shares. A
question names the files of a mini-batch and the file that takes the rows; what a script prints goes to the log.

Rows are written as Azure writes them. Of a table that a script returns, one line per row, blanks between its values and
no column names; of a list, one line per element. For an MLflow model without a script: row, prediction, file name, with
commas between them.
"""

import importlib.util
import io
import json
import os
import sys
import traceback
from pathlib import Path

_spec = importlib.util.spec_from_file_location("scoring", Path(__file__).with_name("scoring.py"))
scoring = importlib.util.module_from_spec(_spec)  # by its path: the program may run where this package is not installed
_spec.loader.exec_module(scoring)

TABLES = {".csv": "read_csv", ".parquet": "read_parquet", ".pqt": "read_parquet"}


def load_script(path):
    """What scores a mini-batch with a script: (files) -> (lines, how many files have succeeded)."""
    module = scoring.module_of(path)
    sys.argv = [module.__file__]
    scoring.log.info("Invoking user's init function")
    module.init()

    def score(files):
        result = module.run(files)
        if hasattr(result, "to_csv") and hasattr(result, "columns"):
            lines = result.to_csv(sep=" ", header=False, index=False)
        elif isinstance(result, (list, tuple)) or type(result).__name__ in ("ndarray", "Series"):
            lines = "".join(f"{one}\n" for one in result)
        else:
            kind = type(result).__name__
            raise TypeError(f"run() must return a list, an array or a pandas DataFrame; it returned {kind}.")
        return lines, min(len(result), len(files))

    return score


def load_mlflow(folder):
    """What scores a mini-batch with an MLflow model, file by file."""
    import mlflow
    import pandas

    scoring.log.info("Loading the MLflow model with mlflow %s", mlflow.__version__)
    model = mlflow.pyfunc.load_model(folder)
    schema = model.metadata.get_input_schema()

    def predict(file):
        table = getattr(pandas, TABLES[os.path.splitext(file)[1].lower()])(file)
        if schema and not schema.is_tensor_spec():
            table = scoring.typed(table, schema)
        found = pandas.DataFrame(_columns(model.predict(table))).reset_index(drop=True)
        found["file"] = os.path.basename(file)
        return found

    def score(files):
        lines = io.StringIO()
        for file in files:
            try:
                predict(file).to_csv(lines, header=False)
            except Exception as error:
                raise RuntimeError(f"Error processing input file: '{file}'. Exception: {error}") from error
        return lines.getvalue(), len(files)

    return score


def _columns(predicted):
    """Predictions as something that makes a table of one row for each row that was scored."""
    return predicted.values if type(predicted).__name__ == "Series" else predicted


def reply(score, asked, body):
    """Score one mini-batch: {"status": 200, "items": files that have succeeded}, or 500 and the traceback."""
    wanted = json.loads(body)
    try:
        lines, items = score(wanted["files"])
        if wanted["part"]:
            Path(wanted["part"]).write_text(lines, encoding="utf-8")
    except Exception:
        return {"status": 500, "headers": {}}, traceback.format_exc().encode("utf-8", errors="replace")
    return {"status": 200, "headers": {}}, json.dumps({"items": items}).encode()


if __name__ == "__main__":
    load = {"script": load_script, "mlflow": load_mlflow}[sys.argv[1]]
    path = sys.argv[2]
    scoring.serve(lambda: load(path), reply)
