"""The store in memory: what the others have to agree with, and what quick tests run on."""
