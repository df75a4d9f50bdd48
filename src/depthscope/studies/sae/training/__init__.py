"""Dictionaries in training: the published recipe, and several of them at once from one feed."""
