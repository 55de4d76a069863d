"""What both layers agree on: one table of commands."""
