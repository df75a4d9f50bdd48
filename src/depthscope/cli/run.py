"""``depthscope run STUDY``."""

import argparse
import os
import shlex
from pathlib import Path
from typing import Any


class RunCommand:
    """Run a study into a folder; run it again to continue it."""

    def add_to(self, commands: Any) -> None:
        parser = commands.add_parser("run", help="run a study", description=self.__doc__)
        studies = parser.add_subparsers(dest="study", required=True, metavar="STUDY")
        RunMetaphor().add_to(studies)


class RunMetaphor:
    """Do metaphorical words engage broader structure in depth than literal ones? CSE per layer, paired by item,
    with a cluster-permutation test. Works for any two conditions of any table.
    """

    # where the value of each option goes: options that are not given keep the library's own defaults
    LOAD = ("device", "dtype", "blocks")
    CSE = (
        *("wavelet", "scales", "periods", "padding", "signal", "energy_norm", "zero_mean", "sampling", "layers"),
        *("normalize", "mask_coi", "min_scales"),
    )
    CONTRAST = ("permutations", "forming_p", "alternative", "seed", "resamples", "include_same_context")
    TOP = ("model", "stimuli", "folder", "subtoken", "keep", "token_budget", "threads")

    def add_to(self, studies: Any) -> None:
        # what is not given stays out of the namespace, so that defaults stand in one place, the library
        parser = studies.add_parser(
            "metaphor",
            help="metaphorical against literal words",
            description=self.__doc__,
            argument_default=argparse.SUPPRESS,
        )
        parser.add_argument("--out", required=True, metavar="DIR", help="run folder; an unfinished one is continued")
        self._inputs(parser.add_argument_group("model and stimuli"))
        self._transform(parser.add_argument_group("conditional scale entropy (see docs/definition.md)"))
        self._statistics(parser.add_argument_group("statistics"))
        parser.add_argument("--no-progress", action="store_true", help="no progress bars")
        parser.set_defaults(handler=self.run)

    @staticmethod
    def _inputs(group: Any) -> None:
        add = group.add_argument
        add("--model", help="'embedded' (default), a model id, a folder, or a .gguf file")
        add("--stimuli", help="'builtin' (default), a csv/tsv/jsonl/parquet file, or a public set with --folder")
        add("--folder", metavar="DIR", help="where the files of a public set are")
        add("--device", help="cpu, cuda, ... (default: cuda if there is one)")
        add("--dtype", help="precision of the weights (default: the checkpoint's)")
        add("--blocks", metavar="PATH", help="path of the list of blocks, if it is not found")
        add("--subtoken", choices=("last", "first", "mean"), help="which token stands for the target (default last)")
        add("--keep", choices=("gram", "states"), help="also keep the full states of the targets")
        add("--token-budget", type=int, metavar="N", help="padded tokens per forward pass")
        add("--threads", type=int, metavar="N", help="CPU threads of torch")

    @staticmethod
    def _transform(group: Any) -> None:
        add = group.add_argument
        add("--wavelet", metavar="NAME", help="paul(4) (default), morlet(6), dog(2), haar; any order or omega0")
        add("--scales", type=_scales, metavar="N|S,S,..", help="number of scales (default 16), or the scales in layers")
        add(
            "--periods",
            nargs=2,
            type=float,
            metavar=("LOW", "HIGH"),
            help="Fourier periods in layers (default 2 to L/2)",
        )
        add("--padding", choices=("zero", "reflect", "symmetric", "periodic", "renormalize"), help="default zero")
        add("--signal", choices=("update", "direction", "norm", "state"), help="what is transformed (default update)")
        add("--energy-norm", choices=("L1", "L2"), help="default L2")
        add("--zero-mean", choices=("none", "filter", "signal"), help="mean removal (default none)")
        add("--sampling", choices=("point", "cell"), help="of the wavelet (default point; haar: cell)")
        add("--layers", nargs=2, type=int, metavar=("FIRST", "LAST"), help="analyse these layers only")
        add("--no-normalize", dest="normalize", action="store_false", help="entropy in nats")
        add("--no-mask-coi", dest="mask_coi", action="store_false", help="use all scales at every layer")
        add("--min-scales", type=int, metavar="N", help="layers with fewer valid scales are missing (default 4)")

    @staticmethod
    def _statistics(group: Any) -> None:
        add = group.add_argument
        add(
            "--contrast",
            action="append",
            metavar="A-B",
            help="conditions to compare (default metaphor-literal); repeatable",
        )
        add("--permutations", type=int, metavar="N", help="sign flips (default 10000; all of them if fewer exist)")
        add("--forming-p", type=float, metavar="P", help="cluster-forming threshold (default .05)")
        add("--alternative", choices=("two-sided", "greater", "less"), help="default two-sided")
        add("--seed", type=int, help="default 0")
        add("--resamples", type=int, metavar="N", help="bootstrap resamples (default 2000)")
        add("--include-same-context", action="store_true", help="keep pairs with the same text up to the target")

    def run(self, options: argparse.Namespace) -> None:
        os.environ.setdefault("MPLBACKEND", "Agg")  # files only; no display is needed
        from depthscope.studies.metaphor import Settings, run_metaphor

        given = vars(options)

        def chosen(names: tuple[str, ...]) -> dict[str, Any]:
            return {n: tuple(v) if isinstance(v, list) else v for n in names if (v := given.get(n)) is not None}

        top = chosen(self.TOP)
        if "contrast" in given:
            top["contrasts"] = tuple(given["contrast"])
        settings = Settings(load=chosen(self.LOAD), cse=chosen(self.CSE), contrast=chosen(self.CONTRAST), **top)
        command = shlex.join(["depthscope", *options.words])
        run = run_metaphor(settings, Path(options.out), command=command, progress="no_progress" not in given)
        for c in run.contrasts:
            print(c)
        for remark in run.remarks:
            print(f"note: {remark}")
        seconds = ", ".join(f"{stage} {s:.1f} s" for stage, s in run.timings.items())
        print(f"\n{seconds}\nrun folder: {run.folder} (begin with summary.md, then figures/)")


def _scales(text: str) -> int | list[float]:
    try:
        return [float(part) for part in text.split(",")] if "," in text else int(text)
    except ValueError:
        # of argparse's own kind: it would replace the words of any other ValueError
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a number of scales, or scales in layers as in 2,3,4.5"
        ) from None
