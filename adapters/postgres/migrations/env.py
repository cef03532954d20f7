"""What alembic runs: print the SQL of the wanted migrations (``adapters.postgres.migrate``)."""

from alembic import context

context.configure(
    dialect_name="postgresql",
    as_sql=True,
    version_table="alembic_version",
    version_table_schema="ledger",
    transactional_ddl=False,  # migrate() runs everything in one transaction of its own
)
context.run_migrations()
