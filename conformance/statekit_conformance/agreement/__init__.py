"""Agreement: generated programs run on a target and on the memory backend in lockstep, every answer compared."""
