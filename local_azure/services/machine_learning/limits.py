"""Azure Machine Learning's upper limits: one table, the source of each, one place where they are enforced.

Where no other source is named it is https://learn.microsoft.com/azure/machine-learning/resource-limits-capacity (read
on 2026-11-30): Azure's own refusals point there.

Not enforced, since nobody meets them on one machine: ten million runs or artifacts of a workspace, a million rows of a
metric, 15 columns of a row (MLflow's metrics have one).
"""

from ...errors import AzureError

# Of a run, as a job and in MLflow
NAME = 256  # characters of a display name
DESCRIPTION = 5000  # characters
TAGS, TAG_KEY, TAG_VALUE = 50, 100, 1000  # MLflow's own, mlflow.…, are not counted here
PROPERTIES, PROPERTY_KEY, PROPERTY_VALUE = 50, 100, 1000
INPUTS, OUTPUTS = 200, 20  # data sets
PARAMETERS = 200  # in all batches together: https://github.com/Azure/azure-sdk-for-python/issues/35685, not on the page
METRIC_NAMES = 50
METRIC_ROWS = 250  # in one batch
KEY, PARAMETER_VALUE = 250, 6000  # characters of a name, of a parameter: MLflow 2.22's own (mlflow/utils/validation.py)
# Of a batch: https://mlflow.org/docs/latest/rest-api.html#log-batch
BATCH, BATCH_METRICS, BATCH_PARAMETERS, BATCH_TAGS = 1000, 1000, 100, 100
# Of an experiment
EXPERIMENT = 256
EXPERIMENT_TAGS, EXPERIMENT_TAG_KEY, EXPERIMENT_TAG_VALUE = 50, 250, 1000
# Of assets
CONTEXT_FILES, CONTEXT_BYTES = 100, 2**20  # of an environment's Docker build context
MODEL_FILES = 1500  # of a version of a model
# Of computes and endpoints: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
NODES = 100  # of a cluster that is not set up for more
ENDPOINTS, DEPLOYMENTS = 100, 20  # of a subscription; of an endpoint
INSTANCES = 50  # of a deployment
REQUEST_SECONDS = 180  # of a request to an online endpoint

OWN = "mlflow."  # tags with such names are MLflow's


def check(field, most, size):
    """400 if something is larger than it may be.

    The sentence is that of Azure's refusals (issue 35685 above; mlflow/mlflow issue 11462), in which the names
    Parameters and MetricV2Dto.Value/Count occur; other names of fields are made like these.
    """
    if size > most:
        message = (
            f"A field of the entity is over the size limit. FieldName={field}, Limit={most}, Size={size}. See "
            "https://aka.ms/azure-machine-learning-limits for service limits documentation."
        )
        raise AzureError(400, "ValidationError", message, target=field)


def check_words(words, field, most, key_length, value_length, before=()):
    """400 for too many tags or properties, too long keys or values. before: the keys that are there already."""
    words = {key: value for key, value in dict(words or {}).items() if not key.startswith(OWN)}
    kept = {key for key in before if not key.startswith(OWN)}
    check(field, most, len(kept | words.keys()))
    for key, value in words.items():
        check(f"{field}.Key/Length", key_length, len(key))
        check(f"{field}.Value/Length", value_length, len(str(value)))


def check_note(tags):
    """400 for a description that is too long: MLflow keeps it in a tag of its own."""
    check("RunDto.Description/Length", DESCRIPTION, len(dict(tags).get("mlflow.note.content") or ""))
    check("RunDto.DisplayName/Length", NAME, len(dict(tags).get("mlflow.runName") or ""))


def check_tags(tags, before=()):
    """400 for tags that a run cannot have."""
    check_words(tags, "RunDto.Tags", TAGS, TAG_KEY, TAG_VALUE, before)


def check_run(given, before=None):
    """400 for what describes a job, if it is too much. given: properties of ARM. before: those that it has already."""
    before = before or {}
    check("RunDto.DisplayName/Length", NAME, len(given.get("displayName") or ""))
    check("RunDto.Description/Length", DESCRIPTION, len(given.get("description") or ""))
    check("ExperimentName/Length", EXPERIMENT, len(given.get("experimentName") or ""))
    check_tags(given.get("tags"), before.get("tags") or ())
    kept = before.get("properties") or ()
    check_words(given.get("properties"), "RunDto.Properties", PROPERTIES, PROPERTY_KEY, PROPERTY_VALUE, kept)
    check("RunDto.Inputs", INPUTS, len(given.get("inputs") or ()))
    check("RunDto.Outputs", OUTPUTS, len(given.get("outputs") or ()))


def check_experiment_tags(tags, before=()):
    """400 for tags that an experiment cannot have."""
    given = EXPERIMENT_TAGS, EXPERIMENT_TAG_KEY, EXPERIMENT_TAG_VALUE
    check_words(tags, "ExperimentDto.Tags", *given, before)
