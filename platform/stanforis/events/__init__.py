"""What happened, in order: the change log and what is projected from it."""
