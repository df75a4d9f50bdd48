"""What a dictionary is worth: one idea a file, arrays and dictionaries in, frozen numbers out, each beside its null."""
