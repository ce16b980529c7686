"""MLflow's model registry over the workspace's models: what is registered through either is seen by both."""

import re
from datetime import datetime

from ....errors import AzureError
from .. import arm
from ..assets import assets, datastores, references
from ..assets import versions as kept
from . import runs, search
from .answers import listed, pair, pairs, text, texts, whole
from .search import invalid
from .store import no_such

STAGES = ("None", "Staging", "Production", "Archived")
RUN_ARTIFACT = re.compile(r"azureml://.+/experiments/[^/]+/runs/([^/]+)/artifacts/?(.*)")
UPLOADED = re.compile(r"azureml://artifacts/([^/]+)/([^/]+)/?(.*)")


# The records: ARM resources W/models/<name> and W/models/<name>/versions/<version>


def model_path(workspace, name):
    return f"{workspace}/models/{name}"


def container(state, workspace, name):
    """The model with this name; 404 otherwise."""
    found = arm.find(state, model_path(workspace, name))
    if found is None:
        raise no_such(f"Registered Model with name={name} not found")
    return found


def version_path(workspace, name, version):
    return f"{model_path(workspace, name)}/versions/{version}"


def version_of(state, workspace, name, version):
    """A version of a model; 404 otherwise."""
    found = arm.find(state, version_path(workspace, name, version))
    if found is None:
        raise no_such(f"Model Version (name={name}, version={version}) not found")
    return found


def versions(state, workspace, name):
    """All versions of a model, the oldest first."""
    return kept.of(state, model_path(workspace, name))[::-1]


def place(state, workspace, name, version):
    """(account, container, prefix) of the blobs of a version. The prefix's last part is the folder of the model."""
    uri = version_of(state, workspace, name, version)["properties"]["modelUri"]
    return stored(state, workspace, uri.rstrip("/").rpartition("/")[0])


def stored(state, workspace, uri):
    """(account, container, prefix) that an azureml:// address of a datastore's path means."""
    match = references.DATASTORE.fullmatch(uri)
    if not match:
        raise invalid(f"The local Azure reads models from datastores only, and not from {uri}.")
    properties = arm.get(state, f"{workspace}/datastores/{match[1]}")["properties"]
    return properties["accountName"], properties["containerName"], match[2].strip("/")


def _location(state, workspace, source):
    """The datastore's address of the folder that a new version is registered from."""
    if match := re.fullmatch(r"models:/([^/]+)/([^/]+)", source):
        return version_of(state, workspace, match[1], match[2])["properties"]["modelUri"]
    if match := RUN_ARTIFACT.fullmatch(source):
        where = f"ExperimentRun/dcid.{match[1]}/{match[2]}"
    elif match := UPLOADED.fullmatch(source):
        where = f"{match[1]}/{match[2]}/{match[3]}"
    elif references.DATASTORE.fullmatch(source):
        return references.long_form(workspace, source)
    else:
        raise invalid(
            f"Azure Machine Learning does not register models from {source}. Take runs:/<run id>/<path>, or file:// "
            "and the path of a folder with an MLflow model."
        )
    uri = f"azureml://datastores/{datastores.ARTIFACTS}/paths/{where.rstrip('/')}"
    return references.long_form(workspace, uri)


# As the clients read them


def _milliseconds(moment):
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def as_version(workspace, record):
    name, properties = record["id"].split("/")[-3], record["properties"]
    return {
        "name": name,
        "version": record["name"],
        "creation_timestamp": _milliseconds(record["systemData"]["createdAt"]),
        "last_updated_timestamp": _milliseconds(record["systemData"]["lastModifiedAt"]),
        "user_id": "",
        "current_stage": properties.get("stage") or "None",
        "description": properties.get("description") or "",
        "source": _source(workspace, record),
        "run_id": properties.get("jobName") or "",
        "status": "READY",
        "tags": listed(properties.get("tags") or {}),
    }


def _source(workspace, record):
    """The address by which MLflow's plugin finds the files of a version."""
    name, version, uri = record["id"].split("/")[-3], record["name"], record["properties"]["modelUri"]
    return f"azureml://artifacts/Model/{name}:{version}/{uri.rstrip('/').rpartition('/')[2]}"


def as_model(state, workspace, record):
    name = record["name"]
    newest = {}
    for one in versions(state, workspace, name):
        newest[one["properties"].get("stage") or "None"] = one
    times = record["systemData"]
    changed = [one["systemData"]["lastModifiedAt"] for one in (record, *newest.values())]
    return {
        "name": name,
        "creation_timestamp": _milliseconds(times["createdAt"]),
        "last_updated_timestamp": _milliseconds(max(changed)),
        "description": record["properties"].get("description") or "",
        "latest_versions": [as_version(workspace, one) for one in newest.values()],
        "tags": listed(record["properties"].get("tags") or {}),
    }


# Registered models


def create_model(state, workspace, body):
    name = text(body, "name")
    if not re.fullmatch(r"[A-Za-z0-9][\w.\-]{0,254}", name):
        raise invalid(
            f"Invalid model name: '{name}'. A name begins with a letter or digit; letters, digits, ., _ and - may "
            "follow, 255 in all."
        )
    if arm.find(state, model_path(workspace, name)):
        raise AzureError(400, "RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
    given = {"description": text(body, "description", needed=False), "tags": dict(pairs(body, "tags"))}
    shown = given | {"properties": {}, "isArchived": False}
    return {"registered_model": as_model(state, workspace, _put(state, model_path(workspace, name), shown))}


def _put(state, path, properties):
    return arm.put(state, path, {"properties": properties})


def get_model(state, workspace, body):
    found = container(state, workspace, text(body, "name"))
    return {"registered_model": as_model(state, workspace, found)}


def search_models(state, workspace, body):
    wanted = search.parse(text(body, "filter", needed=False))
    shown = [as_model(state, workspace, one) for one in arm.children(state, f"{workspace}/models")]
    found = [one for one in shown if search.model_matches(wanted, {"name": one["name"]}, _tags(one))]
    keys = {"name": "name", "timestamp": "last_updated_timestamp", "last_updated_timestamp": "last_updated_timestamp",
            "creation_timestamp": "creation_timestamp"}  # fmt: skip
    return _page(_sorted(found, texts(body, "order_by"), keys), body, "registered_models")


def _tags(shown):
    return {tag["key"]: tag["value"] for tag in shown["tags"]}


def _sorted(found, clauses, keys):
    for clause in reversed(clauses):
        match = search.ORDER.fullmatch(clause)
        key = match and keys.get(match[2].strip('`"'))
        if not key:
            raise invalid(f"Invalid order_by clause '{clause}'. Valid keys are {sorted(keys)}.")
        found = sorted(found, key=lambda one: one[key], reverse=(match[3] or "").upper() == "DESC")
    return found


def _page(found, body, name):
    start, most = search.offset_of(body.get("page_token")), whole(body, "max_results", 100, 1, 10000)
    return runs.page(found[start : start + most + 1], most, start, name, lambda one: one)


def update_model(state, workspace, body):
    found = container(state, workspace, text(body, "name"))
    changed = found["properties"] | {"description": body.get("description") or ""}
    return {"registered_model": as_model(state, workspace, _put(state, found["id"], changed))}


def rename_model(state, workspace, body):
    raise invalid("Azure Machine Learning does not rename models: they are immutable.")


def delete_model(state, workspace, body):
    container(state, workspace, text(body, "name"))
    raise invalid(
        "Azure Machine Learning does not delete a whole model through MLflow: it is immutable. Delete its versions."
    )


def set_model_tag(state, workspace, body):
    _tag(state, container(state, workspace, text(body, "name")), *pair(body))


def delete_model_tag(state, workspace, body):
    _tag(state, container(state, workspace, text(body, "name")), text(body, "key"), None)


def _tag(state, found, key, value):
    """Set a tag of a model or a version; take it away for the value None."""
    tags = {name: given for name, given in (found["properties"].get("tags") or {}).items() if name != key}
    tags |= {} if value is None else {key: value}
    _put(state, found["id"], found["properties"] | {"tags": tags})


def latest_versions(state, workspace, body):
    """The newest version in each of the stages asked for, or in all."""
    shown = as_model(state, workspace, container(state, workspace, text(body, "name")))
    stages = [_stage(stage) for stage in texts(body, "stages")] or STAGES
    return {"model_versions": [one for one in shown["latest_versions"] if one["current_stage"] in stages]}


def _stage(stage):
    if stage not in STAGES:
        raise invalid(f"Invalid Model Version stage: {stage}. Value must be one of {', '.join(STAGES)}.")
    return stage


# Versions


def create_version(state, workspace, body):
    name = text(body, "name")
    model = container(state, workspace, name)
    run = text(body, "run_id", needed=False)
    uri = _location(state, workspace, text(body, "source"))
    found = assets.flavors_of(references.resolve(state, workspace, uri, "models"))
    numbers = [int(one["name"]) for one in versions(state, workspace, name) if one["name"].isdecimal()]
    properties = {
        "description": text(body, "description", needed=False),
        "tags": dict(pairs(body, "tags")),
        "properties": {"flavors": ",".join(found), "azureml.artifactPrefix": uri.rpartition("/paths/")[2]},
        "flavors": found,
        "jobName": run,
        "modelType": "mlflow_model",
        "modelUri": uri,
        "stage": "None",
    }
    number = str(max(numbers, default=0) + 1)
    made = assets.put_version(state, workspace, "models", model["name"], number, properties)
    return {"model_version": as_version(workspace, made)}


def _version(state, workspace, body):
    version = body.get("version")
    return version_of(state, workspace, text(body, "name"), text({"version": str(version or "")}, "version"))


def get_version(state, workspace, body):
    return {"model_version": as_version(workspace, _version(state, workspace, body))}


def download_uri(state, workspace, body):
    return {"artifact_uri": _source(workspace, _version(state, workspace, body))}


def search_versions(state, workspace, body):
    wanted = search.parse(text(body, "filter", needed=False))
    found = []
    for model in arm.children(state, f"{workspace}/models"):
        for one in reversed(versions(state, workspace, model["name"])):
            shown = as_version(workspace, one)
            texts_of = {"name": shown["name"], "run_id": shown["run_id"], "source_path": shown["source"],
                        "version_number": shown["version"]}  # fmt: skip
            if search.model_matches(wanted, texts_of, _tags(shown)):
                found.append(shown)
    keys = {"name": "name", "version_number": "version", "creation_timestamp": "creation_timestamp",
            "last_updated_timestamp": "last_updated_timestamp"}  # fmt: skip
    return _page(_sorted(found, texts(body, "order_by"), keys), body, "model_versions")


def update_version(state, workspace, body):
    found = _version(state, workspace, body)
    changed = found["properties"] | {"description": body.get("description") or ""}
    return {"model_version": as_version(workspace, _put(state, found["id"], changed))}


def transition(state, workspace, body):
    """Move a version to a stage; the others of that stage to the archive, if wanted."""
    found, stage = _version(state, workspace, body), _stage(text(body, "stage"))
    if body.get("archive_existing_versions") is True:
        for other in versions(state, workspace, text(body, "name")):
            if other["properties"].get("stage") == stage and other["id"] != found["id"]:
                _put(state, other["id"], other["properties"] | {"stage": "Archived"})
    return {"model_version": as_version(workspace, _put(state, found["id"], found["properties"] | {"stage": stage}))}


def delete_version(state, workspace, body):
    arm.delete(state, _version(state, workspace, body)["id"])


def set_version_tag(state, workspace, body):
    _tag(state, _version(state, workspace, body), *pair(body))


def delete_version_tag(state, workspace, body):
    _tag(state, _version(state, workspace, body), text(body, "key"), None)
