"""Runs the task in this folder: python -m local_azure.engines.automl. Exits with 1 if the task is at fault."""

import json
import os
import sys
from pathlib import Path

# One thread for each trial: sums come out alike each time, and trials side by side do not wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from . import TASK, Problem  # noqa: E402


def main():
    from .search import Search

    search = Search(json.loads(Path(TASK).read_text(encoding="utf-8")))
    try:
        search.run()
    except Problem as error:
        search.tell("problem", message=str(error))
        print(f"{error}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
