"""Stage 1: texts with a marked target, as one validated table."""
