"""What the numbers were computed with."""

import platform
from importlib import metadata

from depthscope.version import __version__

LIBRARIES = ("torch", "transformers", "numpy", "scipy")


def environment(device: str, threads: int) -> dict[str, str]:
    """Versions, machine, threads and settings of torch that are not its own: all that can change the last bit of a result."""
    from depthscope.model.plain import settings

    return {
        "depthscope": __version__,
        **{name: metadata.version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": device,
        "threads": str(threads),
        **({"settings": found} if (found := settings()) else {}),
    }
