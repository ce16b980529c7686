"""The versions of an asset, as they lie in the store."""

from .. import arm


def of(state, container):
    """All versions of an asset, the newest first."""
    found = arm.children(state, f"{container}/versions")
    return sorted(found, key=lambda one: one["systemData"]["createdAt"], reverse=True)


def latest(state, container):
    """The version that was created last and is not archived; None if there is none."""
    return next((one for one in of(state, container) if not one["properties"].get("isArchived")), None)
