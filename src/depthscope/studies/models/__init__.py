"""One contrast in several models."""
