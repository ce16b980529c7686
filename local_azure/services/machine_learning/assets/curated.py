"""Microsoft's curated environments: in every workspace on Azure, so that samples name them without making them.

The names are those that Microsoft's public samples use, the addresses of the images follow the pattern in them. How
many versions there are is not known here: any number is taken, and the newest is called 1. No image is built of any.
"""

import re

from .. import arm

PREFIX = "AzureML-"
NAMES = (
    "AzureML-acpt-pytorch-1.13-py38-cuda11.7-gpu", "AzureML-acpt-pytorch-2.2-cuda12.1",
    "AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu", "AzureML-minimal-ubuntu18.04-py37-cpu-inference",
    "AzureML-minimal-ubuntu20.04-py38-cpu-inference", "AzureML-pytorch-1.10-ubuntu18.04-py38-cuda11-gpu",
    "AzureML-responsibleai-ubuntu20.04-py38-cpu", "AzureML-sklearn-0.24-ubuntu18.04-py37-cpu",
    "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", "AzureML-sklearn-1.1-ubuntu20.04-py38-cpu", "AzureML-sklearn-1.5",
    "AzureML-tensorflow-2.12-cuda11", "AzureML-tensorflow-2.16-cuda12",
)  # fmt: skip
NEWEST = "1"
DATE = "2024-01-01T00:00:00.000000Z"


def find(workspace, name, version=None):
    """A version of a curated environment as a resource; None if there is none of that name."""
    known = next((one for one in NAMES if one.lower() == name.lower()), None)
    version = version or NEWEST
    if not known or not re.fullmatch(r"[1-9][0-9]{0,4}", version):
        return None
    image = f"mcr.microsoft.com/azureml/curated/{known.removeprefix(PREFIX)}:{version}"
    properties = {
        "description": "Curated by Microsoft. On this machine the course's own Python runs in its place.", "tags": {},
        "properties": {}, "isArchived": False, "isAnonymous": False, "osType": "Linux", "environmentType": "Curated",
        "image": image, "condaFile": None, "build": None, "provisioningState": "Succeeded",
    }  # fmt: skip
    return _resource(f"{workspace}/environments/{known}/versions/{version}", properties)


def containers(workspace):
    """What all versions have in common, one for each name."""
    properties = {
        "description": None, "tags": {}, "properties": {}, "isArchived": False, "latestVersion": NEWEST,
        "nextVersion": str(int(NEWEST) + 1),
    }  # fmt: skip
    return [_resource(f"{workspace}/environments/{name}", properties) for name in NAMES]


def by_id(reference):
    """The curated environment that an ARM id names, or None."""
    found = re.fullmatch(r"(/subscriptions/.*)/environments/([^/]+)/versions/([^/]+)", reference, re.IGNORECASE)
    return find(*found.groups()) if found else None


def _resource(path, properties):
    by = {"createdBy": "Microsoft", "createdByType": "User", "createdAt": DATE, "lastModifiedAt": DATE}
    return {
        "id": path,
        "name": arm.name_of(path),
        "type": arm.type_of(path),
        "properties": properties,
        "systemData": by,
    }
