"""Ground floor: axes in, axes out: how one quantity is drawn."""
