"""Connections to PostgreSQL, and the PostgreSQL that comes with the suite."""
