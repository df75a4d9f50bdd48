"""Ground floor. Axes in, axes out: how one quantity is drawn."""
