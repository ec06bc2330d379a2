"""Who somebody is and what they may do: registry, matching, access, certificates."""
