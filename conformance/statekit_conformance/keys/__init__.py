"""Keys, names and limits, which are the same on every backend."""
