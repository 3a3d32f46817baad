"""What configuration is made of: sources, URLs, options and values. ``statekit.config`` puts them together."""
