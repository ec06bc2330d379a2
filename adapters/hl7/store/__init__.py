"""The message store: every message as it came, what it was answered, and what became of it."""
