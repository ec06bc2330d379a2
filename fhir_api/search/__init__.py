"""Search: from request parameters to a query, from resources to index entries."""
