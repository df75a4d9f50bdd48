"""Stage 3: the residual stream of each target, reduced to its Gram matrix."""
