"""From a resource to its index entries, by functions generated from the definitions: one for each resource type."""
