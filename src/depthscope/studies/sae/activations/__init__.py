"""What fires: one activation, with the loss that it is trained by, in each file."""
