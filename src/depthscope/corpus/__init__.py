"""Corpora: texts of any number and any length, read one piece at a time from files, folders and data sets."""
