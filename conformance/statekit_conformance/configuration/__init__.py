"""How a backend is named, found and opened."""
