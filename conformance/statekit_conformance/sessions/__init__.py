"""What sessions owe to an application, clause by clause."""
