"""Top floor: every token of a corpus, part by part, into tables that any program reads."""
