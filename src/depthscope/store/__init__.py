"""Ground floor: files that are whole or absent, and folders with one writer."""
