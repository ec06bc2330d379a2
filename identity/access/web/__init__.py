"""The authorization server on HTTP."""
