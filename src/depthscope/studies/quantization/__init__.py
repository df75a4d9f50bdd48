"""What quantisation does to a model and to the measurement."""
