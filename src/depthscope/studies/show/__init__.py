"""A text, token by token."""
