"""Objects: conditional puts of any size, pinned reads, copies and listings, over any object driver."""
