"""Races: several processes of several threads on shared keys, recorded, and judged by the linearizability checker."""
