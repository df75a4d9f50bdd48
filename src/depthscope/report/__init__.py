"""Stage 6: figures, tables and words."""
