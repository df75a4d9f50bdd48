"""Steps of any training: how its rate changes, how it is kept and taken up again. Knows nothing of what is trained."""
