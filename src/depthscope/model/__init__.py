"""Stage 2. A network whose blocks have been found and proven."""
