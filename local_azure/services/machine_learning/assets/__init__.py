"""Data, environments, models, components, code: what a workspace or a registry keeps under a name and a version."""
