"""The scoring script that a job of automated ML leaves beside its model, for a deployment of one's own."""

import json
import os
import pickle

import pandas

model = None


def init():
    """Load the model, which lies in the folder of the registered model or in one below it."""
    global model
    for folder, _, files in os.walk(os.environ["AZUREML_MODEL_DIR"]):
        if "model.pkl" in files:
            with open(os.path.join(folder, "model.pkl"), "rb") as file:
                model = pickle.load(file)
            return
    raise FileNotFoundError("There is no model.pkl in the registered model.")


def run(data):
    """Rows as a list of objects under the name data; their predictions as {"result": […]}."""
    rows = json.loads(data)["data"] if isinstance(data, str) else data["data"]
    return json.dumps({"result": [_plain(one) for one in model.predict(pandas.DataFrame(rows))]})


def _plain(value):
    return value.item() if hasattr(value, "item") else value
