"""Which classes of models can be measured."""
