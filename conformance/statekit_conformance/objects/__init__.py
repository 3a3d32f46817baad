"""What objects owe to an application, clause by clause."""
