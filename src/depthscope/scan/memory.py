"""Bytes that a device can still give, and that this process holds."""

import os
import sys
from pathlib import Path
from typing import Any

from depthscope.errors import require


def memory_available(device: Any) -> int | None:
    """Bytes that a device can still give: of a GPU's own memory, else of the machine's, or of the container's if less."""
    torch = require("torch", "models")
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        lines = [line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()]
        free = next(int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:")
    except (OSError, ValueError, StopIteration):
        if sys.platform == "win32":
            return None
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([free, *left_of_container(Path("/sys/fs/cgroup"))])


def left_of_container(group: Path) -> list[int]:
    """Bytes that a container may still take, if there is one that has a limit."""
    try:
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return []
    # files that were read stay in memory for as long as nobody else wants it
    return [max(0, limit - used + int(stat.get("inactive_file", 0)))]


def resident() -> int:
    """Bytes that this process holds now; 0 where it cannot be known."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
