"""Stage 3. The residual stream of each target, reduced to its Gram matrix."""
