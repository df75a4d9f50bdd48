"""Where a contrast comes from, and whether it matters."""
