"""Blob Storage's upper limits: one table, the source of each.

REST is the reference of Blob Storage, https://learn.microsoft.com/rest/api/storageservices/, with the page in brackets.
"""

import re

from .errors import StorageError

MIB = 2**20
BLOB_BYTES = 5000 * MIB  # that one request writes: REST [Put Blob]
BLOCK_BYTES = 4000 * MIB  # REST [Put Block]
BLOCKS = 50_000  # of a block list: REST [Put Block List]
UNCOMMITTED = 100_000  # blocks that wait for a list: REST [Put Block]
BLOCK_ID = 64  # bytes: REST [Put Block]
BLOCK_LIST_BYTES = 16 * MIB  # of the XML; ours
HASHED = 4 * MIB  # of a range whose checksum is asked for: REST [Get Blob]
LISTED = 5000  # in a page: REST [List Blobs]
METADATA_BYTES = 8192  # names and values together: REST [Setting and retrieving properties and metadata]
# Names of metadata are identifiers of C#: the same page. Letters of other alphabets are none here, since headers are
# ASCII.
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_metadata(metadata):
    """400 for metadata that Azure does not take. Codes and sentences: REST [Common REST API error codes]."""
    for name, value in metadata.items():
        if not name:
            message = "The key for one of the metadata key-value pairs is empty."
            raise StorageError(400, "EmptyMetadataKey", message)
        if not (IDENTIFIER.fullmatch(name) and value.isascii()):
            message = "The metadata specified is invalid. It has characters that are not permitted."
            raise StorageError(400, "InvalidMetadata", message)
    if sum(len(name) + len(value) for name, value in metadata.items()) > METADATA_BYTES:
        message = "The size of the specified metadata exceeds the maximum size permitted."
        raise StorageError(400, "MetadataTooLarge", message)
