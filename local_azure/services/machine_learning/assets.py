"""Data, environments, models, components and code: named, versioned, immutable."""

from . import arm


def resolve(state, workspace, reference):
    """Where the file or folder that a reference names lies on disk. It exists; AzureError 400 or 404 otherwise.

    workspace: ARM id. reference: azureml:name:version, azureml:name@latest, an ARM id of a data or model version,
    azureml://datastores/…/paths/…, azureml://subscriptions/…/datastores/…/paths/…, azureml://jobs/<run>/outputs/<name>
    (…/paths/… below it), or the https address of a blob of an account here.
    """
    raise arm.not_yet(f"way to resolve {reference}")


routes = []
