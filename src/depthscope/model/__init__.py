"""Stage 2: a network whose blocks have been found and proven."""
