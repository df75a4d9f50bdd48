"""The command line, but for what the commands are."""
