"""The record driver's clauses: R-*, K-09, K-10."""
