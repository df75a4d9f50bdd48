"""One contrast in several sets of stimuli."""
