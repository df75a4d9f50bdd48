"""Stage 6. Figures, tables and words."""
