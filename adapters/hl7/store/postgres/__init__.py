"""The message store in PostgreSQL."""
