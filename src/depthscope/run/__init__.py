"""A run folder under way: from its first file to its page."""
