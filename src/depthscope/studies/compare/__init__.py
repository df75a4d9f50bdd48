"""Finished runs of many models, compared."""
