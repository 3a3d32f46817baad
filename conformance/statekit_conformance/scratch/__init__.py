"""Cases about scratch spaces: directories, leases, checkpoints and what is swept."""
