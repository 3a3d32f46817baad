"""Drives the photo booth: three browsers click while its processes and its stores are killed; losses are counted."""
