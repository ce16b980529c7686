"""Azure Blob Storage: block blobs in containers, under the real host names of accounts.

Routes and shapes follow Microsoft's published REST reference of Blob Storage and what azure-storage-blob sends. Any
name of an account is an account; its containers are folders, its blobs files that jobs read and write directly.
"""

from .places import create_container, names, path_of
from .routes import routes
from .signatures import account_key, sas_for

__all__ = ["HOSTS", "account_key", "create_container", "names", "path_of", "routes", "sas_for"]

HOSTS = (".blob.core.windows.net",)
