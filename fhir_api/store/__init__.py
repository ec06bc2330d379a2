"""Where resources are kept: the port, and what implements it."""
