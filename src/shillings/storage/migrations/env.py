"""Alembic's entry point; schema.py calls it with an open connection."""

from alembic import context

from shillings.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
