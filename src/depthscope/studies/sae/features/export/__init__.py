"""Features in the forms that tools of automated interpretation read; explanations are left to these."""
