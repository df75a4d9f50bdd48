"""Which statements hang on a choice of weights on the scales? ``python -m benchmarks.relative DATA``."""
