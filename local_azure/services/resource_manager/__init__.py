"""Azure Resource Manager: what every resource has in common, and the resource groups."""
