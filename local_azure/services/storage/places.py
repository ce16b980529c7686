"""Where blobs lie on disk: readable files, <home>/storage/<account>/<container>/<name of the blob>."""

import re

from ...errors import AzureError

KIND = "blob"  # records of the store: properties and metadata; key: account/container/name
CONTAINER = "blob-container"


def invalid(message, code="InvalidResourceName"):
    return AzureError(400, code, message)


def path_of(state, account, container, name=""):
    """The path of a blob, of a virtual folder or (without a name) of a container. It need not exist.

    A name that could leave the container's folder is refused with 400 InvalidResourceName.
    """
    if not re.fullmatch("[a-z0-9]{3,24}", account):
        raise invalid(f"{account!r} is not the name of a storage account: 3 to 24 small letters and digits.")
    if not re.fullmatch(r"\$?[a-z0-9](-?[a-z0-9]){2,62}", container):
        raise invalid(f"{container!r} is not a container's name: 3 to 63 small letters, digits and single hyphens.")
    folder = state.home / "storage" / account / container
    name = name.strip("/")
    if not name:
        return folder
    if any(part in ("", ".", "..") for part in name.split("/")) or re.search(r'[\x00-\x1f\\:*?"<>|]', name):
        raise invalid(f"The blob name {name!r} has a part that cannot be a file's name on this machine.")
    if len(name.encode()) > 1024 or any(len(part.encode()) > 240 for part in name.split("/")):
        raise invalid("A blob's name has at most 1024 bytes, and each part between slashes 240 bytes here.")
    return folder / name


def create_container(state, account, container):
    """True if it was not there."""
    path = path_of(state, account, container)
    there = path.is_dir()
    path.mkdir(parents=True, exist_ok=True)
    return not there
