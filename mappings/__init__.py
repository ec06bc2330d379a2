"""Mappings between code systems and formats, as data with typed readers."""
