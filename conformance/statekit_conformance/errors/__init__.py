"""Errors, events, and the life of a state from opening to closing."""
