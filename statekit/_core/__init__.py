"""What the stores do, written once for every backend. Nothing in here is public."""
