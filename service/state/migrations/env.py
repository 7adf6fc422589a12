"""Alembic's entry: carries out migrations over the connection that `service.state.engines.steps` gives it."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table=context.config.attributes["version_table"])
with context.begin_transaction():
    context.run_migrations()
