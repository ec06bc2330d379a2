"""Alembic's entry point: run the migrations on the connection that ``upgrade`` hands over."""

from alembic import context

# A chain of its own, so that it and that of the FHIR store can grow at the same time.
context.configure(
    connection=context.config.attributes["connection"], transactional_ddl=True, version_table="access_version"
)
with context.begin_transaction():
    context.run_migrations()
