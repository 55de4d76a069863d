"""The sandbox's commands: what breaks things on purpose, and what sets the stage for it."""
