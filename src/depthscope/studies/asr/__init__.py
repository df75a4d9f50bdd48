"""What in the sound made a recogniser write each word, and whether it heard the word at all."""
