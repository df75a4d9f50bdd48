"""Where a network runs."""

from depthscope.errors import require


def chosen_device(asked: str | None) -> str:
    """The device that is asked for; by default CUDA where there is one, else the CPU."""
    return asked or ("cuda" if require("torch", "models").cuda.is_available() else "cpu")
