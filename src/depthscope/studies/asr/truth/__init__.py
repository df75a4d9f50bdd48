"""When each word is spoken, and what was said, known from elsewhere than attention."""
