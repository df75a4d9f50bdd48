"""Dictionaries in files: those of depthscope, which are SAELens's, and those of its peers; one format a file."""
