"""Which of the words that were written are wrong, and what tells it."""
