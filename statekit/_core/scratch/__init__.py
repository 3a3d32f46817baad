"""Scratch spaces: private directories, leases with fencing tokens, and checkpoints that are whole or absent."""
