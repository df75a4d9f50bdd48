"""Other ways to say what a token rests on, which do not look at attention: all give an Attribution."""
