"""The object driver's clauses: O-5x to O-7x, K-11."""
