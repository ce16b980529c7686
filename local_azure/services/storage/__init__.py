"""Azure Blob Storage: block blobs in containers, under the real host names of accounts."""

from .places import create_container, path_of

__all__ = ["AUDIENCES", "HOSTS", "create_container", "path_of", "routes"]

HOSTS = (".blob.core.windows.net",)
AUDIENCES = ()  # signatures are checked with each request

routes = []
