"""Online and batch endpoints, their deployments, and the addresses at which they are called."""
