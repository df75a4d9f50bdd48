"""Features as pages: one by itself, and an index of all."""
