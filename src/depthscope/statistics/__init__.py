"""Stage 5: whether conditions differ, by how much, and how sure one can be."""
