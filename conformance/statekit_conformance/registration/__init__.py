"""What a backend declares, how it opens and closes, and how it explains exceptions: P-5x, E-01."""
