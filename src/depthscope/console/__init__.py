"""The command line, without the commands themselves."""
