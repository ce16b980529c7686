"""Where a user's local Azure keeps its things, and the secrets that only that user may read."""

import json
import os
import secrets
from pathlib import Path

import platformdirs

# What is there from the beginning: a resource group, in it an account and a workspace. start() exports the names.
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "learning"
ACCOUNT = "local-azure-course"
WORKSPACE = "course"


def home():
    """The folder, created if need be. LOCAL_AZURE_HOME names another, for instance in tests."""
    named = os.environ.get("LOCAL_AZURE_HOME")
    folder = Path(named) if named else platformdirs.user_state_path("local-azure", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_private(path, data):
    """Write bytes so that only the owner can read them, and so that no reader ever sees half of them."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    os.replace(part, path)


def load_secrets():
    """Keys and signing secret of this user's local Azure; made once, under the server's lock."""
    path = home() / "secrets.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        made = {
            "key1": secrets.token_hex(32),  # like a Foundry resource, two keys, so that one can be rotated
            "key2": secrets.token_hex(32),
            "identity_header": secrets.token_hex(16),
            "signing": secrets.token_hex(32),
            "control": secrets.token_hex(16),
        }
        save_secrets(home(), made)
        return made


def save_secrets(folder, secrets):
    """Keep them for the next process of this user."""
    write_private(folder / "secrets.json", json.dumps(secrets).encode())
