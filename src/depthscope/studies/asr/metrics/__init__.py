"""What a map is worth: whether the model rests on the frames that it names, whether they are where the word is."""
