"""Where blobs lie on disk: readable files, <home>/storage/<account>/<container>/<name of the blob>.

What a file cannot carry (metadata, content type, checksum) is a record in the store. A file that a job wrote has no
record and is a blob all the same.
"""

import hashlib
import itertools
import os
import re
import stat
import uuid
from email.utils import formatdate

from ... import folders
from .errors import StorageError

KIND = "blob"  # key: account/container/name
CONTAINER = "blob-container"  # key: account/container
BESIDE = ".beside"  # in an account's folder: files that are not blobs yet; no container's name begins with a dot


def path_of(state, account, container, name=""):
    """The path of a blob, of a virtual folder or (without a name) of a container. It need not exist.

    A name that could leave the container's folder, or cannot be a file's, is refused with 400 InvalidResourceName.
    """
    if not re.fullmatch("[a-z0-9]{3,24}", account):
        raise StorageError(400, "InvalidResourceName", f"{account!r} cannot be the name of a storage account.")
    if not re.fullmatch(r"\$?[a-z0-9](-?[a-z0-9]){2,62}", container) or len(container) > 63:
        message = f"{container!r} cannot be the name of a container: 3 to 63 small letters, digits and single hyphens."
        raise StorageError(400, "InvalidResourceName", message)
    folder = state.home / "storage" / account / container
    name = name.strip("/")
    if not name:
        return folder
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or folders.ODD.search(name):
        message = f"{name!r} cannot be the name of a blob here: a part of it cannot be the name of a file."
        raise StorageError(400, "InvalidResourceName", message)
    if os.name == "nt" and (re.search(r'[:*?"<>|]', name) or any(part[-1] in ". " for part in parts)):
        raise StorageError(400, "InvalidResourceName", f"Windows has no file of the name {name!r}.")
    if folders.unfit(name):
        message = (
            f"A blob's name has at most {folders.PATH_BYTES} bytes, and here each part of it between slashes at most "
            f"{folders.NAME_BYTES}."
        )
        raise StorageError(400, "OutOfRangeInput", message)
    return folder / name


def beside(state, account, *parts):
    """A path for what is not a blob yet: a part of an upload, an uncommitted block."""
    path = state.home.joinpath("storage", account, BESIDE, *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def new_part(state, account):
    return beside(state, account, uuid.uuid4().hex)


def blocks_of(state, account, container, name):
    """The folder of a blob's uncommitted blocks."""
    return beside(state, account, "blocks", container, hashlib.sha256(name.encode()).hexdigest())


def create_container(state, account, container, metadata=None):
    """Make a container's folder. True if it was not there."""
    path = path_of(state, account, container)
    if path.is_dir():
        return False
    path.mkdir(parents=True)
    state.store.put(CONTAINER, f"{account}/{container}", {"metadata": metadata or {}})
    return True


def key_of(account, container, name):
    return f"{account}/{container}/{name}"


class Blob:
    """A blob as it is now: its file's state and its record."""

    def __init__(self, name, found, record):
        self.name, self.size = name, found.st_size
        self.record = record or {}
        changed = max(found.st_mtime_ns, self.record.get("changed", 0))
        self.etag = f'"0x{changed:X}"'
        self.seconds = changed / 1e9
        self.modified = formatdate(self.seconds, usegmt=True)
        self.created = formatdate(self.record.get("created", self.seconds), usegmt=True)
        self.metadata = self.record.get("metadata", {})
        self.untouched = self.record.get("mtime") == found.st_mtime_ns  # nobody wrote the file since the upload
        self.md5 = self.record.get("md5") if self.untouched else None

    def property(self, name):
        """content-type and the like, as they were set."""
        default = "application/octet-stream" if name == "content-type" else None
        return self.record.get("properties", {}).get(name, default)


def blob(state, account, container, name):
    """The blob, or None."""
    path = path_of(state, account, container, name)
    found = status(path, path_of(state, account, container))
    return Blob(name, found, state.store.get(KIND, key_of(account, container, name))) if found else None


def status(path, container):
    """What the file system says of a blob's file. None for what is no file, and for links: they lead elsewhere."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode) or _over_a_link(path, container):
        return None
    return found


def _over_a_link(path, container):
    """Whether one of the folders between a container and a file is a link."""
    return any(folder.is_symlink() for folder in itertools.takewhile(lambda one: one != container, path.parents))


def names(folder, prefix=""):
    """The names of all blobs of a container that begin with a prefix, sorted."""
    start = prefix.rpartition("/")[0]
    top = folder / start if start else folder
    if top.is_symlink() or _over_a_link(top, folder):
        return []
    found = []
    for here, _, files in os.walk(top):
        relative = os.path.relpath(here, folder).replace(os.sep, "/")
        base = "" if relative == "." else relative + "/"
        found += [base + file for file in files if _is_blob(here, file, base + file)]
    return sorted(name for name in found if name.startswith(prefix))


def _is_blob(here, file, name):
    """Whether something that a job may have left among the blobs is one: a regular file with a name that fits."""
    if folders.unfit(name):
        return False
    try:
        return stat.S_ISREG(os.lstat(os.path.join(here, file)).st_mode)
    except OSError:
        return False


def remove_empty_folders(path, container):
    """Take away the folders that a deleted blob leaves empty: without blobs, a virtual folder is gone."""
    for folder in path.parents:
        if folder == container:
            return
        try:
            folder.rmdir()
        except OSError:
            return
