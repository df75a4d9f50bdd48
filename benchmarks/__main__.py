"""``python -m benchmarks``: every comparison, as a Markdown table with the machine named."""

from importlib import metadata

from benchmarks import clusters, energy, specifications, tracing
from benchmarks.measure import HEADER, processor


def main() -> None:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "PyWavelets", "mne"))
    print(f"{processor()}; {versions}\n\n{HEADER}")
    for module in (tracing, clusters, energy, specifications):
        for row in module.run():
            print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
