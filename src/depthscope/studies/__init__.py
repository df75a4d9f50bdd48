"""Studies wire the stages together and hold no maths."""
