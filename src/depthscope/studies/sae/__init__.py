"""Sparse autoencoders on any stream that depthscope reads: trained, measured, looked at (``depthscope sae``, ``run sae``)."""
