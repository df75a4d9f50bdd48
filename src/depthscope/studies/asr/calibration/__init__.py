"""Which heads hear the next word, with a null; and what attribution takes from it."""
