"""``python -m benchmarks``: every comparison, as a Markdown table with the machine named."""

import platform
from importlib import metadata
from pathlib import Path

from benchmarks import clusters, energy, specifications, tracing


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def main() -> None:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "PyWavelets", "mne"))
    print(f"{processor()}; {versions}\n")
    print("| work | against | depthscope | the other | ratio | goal |\n|---|---|---|---|---|---|")
    for module in (tracing, clusters, energy, specifications):
        for row in module.run():
            goal = f"{row.goal} {'met' if row.met else 'MISSED'}" if row.goal else ""
            ratio = f"{row.ratio:,.0f}" if row.ratio >= 10 else f"{row.ratio:.2f}"
            print(f"| {row.work} | {row.against} | {row.ours} | {row.theirs} | {ratio} | {goal} |", flush=True)


if __name__ == "__main__":
    main()
