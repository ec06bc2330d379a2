"""The REST surface: from HTTP to interactions and back."""
