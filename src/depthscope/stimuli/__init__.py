"""Stage 1. Texts with a marked target, as one validated table."""
