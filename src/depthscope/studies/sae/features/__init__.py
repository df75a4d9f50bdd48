"""What each latent of a dictionary fires on, and pages that show it."""
