"""Sounds and states with something taken out of them, or put into them; and what a word loses by it."""
