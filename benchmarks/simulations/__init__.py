"""Simulated studies with a known answer, one file a question: ``python -m benchmarks.simulations``."""
