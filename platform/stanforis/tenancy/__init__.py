"""Who is served: one installation serves many tenants, and keeps them apart."""
