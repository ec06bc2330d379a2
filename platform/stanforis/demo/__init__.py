"""Demonstration data: a small Rwandan clinic, and a generator of synthetic records."""
