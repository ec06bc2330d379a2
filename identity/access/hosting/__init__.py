"""The authorization server as part of an installation: where it is reached, its keys, its tenants, its upkeep."""
