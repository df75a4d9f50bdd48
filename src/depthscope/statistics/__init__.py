"""Stage 5. Whether conditions differ, by how much, and how sure one can be."""
