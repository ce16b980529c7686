"""Of the local Azure: here so that language_server and ml_workspace are found as plugins."""
