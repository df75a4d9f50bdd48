"""``depthscope run asr`` and ``depthscope asr``: what a speech recogniser listened to."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from depthscope.console.options import names
from depthscope.console.output import Answer, add_json, say
from depthscope.console.wrapping import COMMAND, Wrapping
from depthscope.errors import DepthscopeError

MODELS = ("whisper-tiny.en", "whisper-base", "moonshine-tiny")
MODEL = "a name of 'depthscope models', a model id, a folder"
# of the ablation, as depthscope.studies.asr.ablation.measuring has them
METRICS = (
    *("tloc", "d_aopc_silence", "d_aopc_mean", "insertion", "infidelity"),
    *("spr", "sharpness", "stab_noise", "stab_shift"),
)
# keywords of depthscope.load that a recogniser takes
LOAD = ("device", "dtype", "trust_remote_code", "allow_pickle")


class RunAsr:
    """Transcribe sounds, and show what in them each word rests on: maps over time by the decoder's own attention, whether each
    word was heard at all, at which layer words find their place; with a page that plays the sound. Without --audio: two
    recordings of real speech out of a package.
    """

    PARENT = "run"

    def add_to(self, studies: Any) -> None:
        parser = studies.add_parser(
            "asr",
            help="what a speech recogniser listened to",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}run asr{COMMAND}run asr --model whisper-tiny.en --audio speech.wav --out runs/asr"
                f"{COMMAND}run asr --model whisper-base --audio recordings --language de{COMMAND}run asr --audio speech.wav "
                '--text "what you expected"'
            ),
            formatter_class=Wrapping,
        )
        sounds = parser.add_argument_group("model and sound")
        add = sounds.add_argument
        add("--model", metavar="NAME", help=f"an encoder-decoder over sound: {MODEL} (default {MODELS[0]})")
        add("--audio", nargs="+", metavar="PATH", help="files (wav, flac, ogg, mp3 ...) or folders of them")
        add("--language", metavar="CODE", help="of a multilingual model, e.g. de (default: recognised)")
        add("--task", metavar="TASK", help="of a multilingual model: transcribe (default) or translate")
        add("--text", help="explain this text in place of the model's own: why not this word?")
        add("--out", type=Path, metavar="DIR", help="run folder (default runs/asr)")
        _add_loading(add)
        add("--threads", type=int, metavar="N", help="CPU threads of torch")
        how = parser.add_argument_group("attribution")
        add = how.add_argument
        add(
            "--method",
            metavar="NAME",
            help="calibrated (default), leaf-x, last-layer, occlusion, ...: depthscope asr methods",
        )
        add(
            "--rivals",
            type=names,
            metavar="A,B,..",
            help="methods beside it (default last-layer,leaf-x; none: no other)",
        )
        add(
            "--heard",
            choices=("sound", "states", "none"),
            help="how it is seen whether a word was heard (default sound)",
        )
        add("--tau", type=float, metavar="T", help="temperature of the entropy weights, for methods of attention")
        add(
            "--rows",
            choices=("predicts", "reads"),
            help="query of a token: the one that predicts it (default), or reads it",
        )
        add(
            "--gradient",
            choices=("positive", "signed"),
            help="negative products clamped before the mean over heads, or after",
        )
        parser.add_argument("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.asr.study import RIVALS, run_asr

        model = options.model or MODELS[0]
        audio = options.audio
        if audio is None:
            audio = _demo(options.model, progress=not options.no_progress)
        rivals = tuple(options.rivals) if options.rivals is not None else RIVALS
        found = run_asr(
            model,
            audio,
            options.out or Path("runs", "asr"),
            **({"method": options.method} if options.method else {}),
            rivals=() if rivals == ("none",) else rivals,
            heard=None if options.heard == "none" else options.heard or "sound",
            language=options.language,
            task=options.task,
            text=options.text,
            choices=_given(options, ("tau", "rows", "gradient")),
            load=_given(options, LOAD),
            threads=options.threads,
            command=shlex.join(["depthscope", *options.words]),
            progress=not options.no_progress,
        )
        return Answer(found.told, {"folder": found.folder, "words": found.words.to_dict("records")})


class Asr:
    """Recognisers of speech: find the heads that hear words, list the methods, test the claims, see which models work."""

    PARENT, NAME = "", "asr"

    def add_to(self, commands: Any) -> Any:
        parser = commands.add_parser(
            self.NAME, help="recognisers of speech: calibrate, claims, coverage", description=self.__doc__
        )
        return {self.NAME: parser.add_subparsers(dest="action", required=True, metavar="ACTION")}


class Calibrate:
    """Find the heads of a recogniser that hear the word which comes next, from speech whose word times are known: ten sentences
    by a synthesiser (seconds, no data), or your own aligned speech. Each head gets a role, with a null; what is found is kept
    for this model, and attribution uses it.
    """

    PARENT = "asr"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "calibrate",
            help="which heads hear the next word",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}asr calibrate whisper-tiny.en{COMMAND}asr calibrate whisper-base --audio speech --words "
                "words.csv --language de"
            ),
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        add("model", metavar="MODEL", help=MODEL)
        add("--audio", nargs="+", metavar="PATH", help="your own speech: sounds of a sentence each, or folders of them")
        add(
            "--words",
            dest="times",
            metavar="FILE",
            help="its word times: csv or tsv with file, word, start, end; a folder of TextGrids",
        )
        add("--language", metavar="CODE", help="of a multilingual model")
        add("--out", type=Path, metavar="DIR", help="run folder (default: only remembered, and told)")
        add("--seed", type=int, default=0, metavar="N", help="of the null (default 0)")
        _add_loading(add)
        add("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.asr.calibration.study import run_calibration

        if (options.audio is None) != (options.times is None):
            raise DepthscopeError("--audio and --words go together: sounds, and when each word in them is spoken")
        found = run_calibration(
            options.model,
            audio=options.audio,
            words=options.times,
            language=options.language,
            out=options.out,
            seed=options.seed,
            load=_given(options, LOAD),
            command=shlex.join(["depthscope", *options.words]),
            progress=not options.no_progress,
        )
        return Answer(found.told, found.document)


class Detection:
    """Was this word heard? Let recognisers write sounds of which it is known what is said, as they are, in noise, and followed
    by silence, noise or music; and test every score of a word as a detector of wrong ones, beside the word's own probability.
    """

    PARENT = "asr"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "detection",
            help="what betrays wrong words",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}asr detection --models moonshine-tiny{COMMAND}asr detection --models whisper-base "
                "--audio speech --texts transcripts.txt --language de"
            ),
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        add(
            "--models",
            type=names,
            default=[MODELS[0]],
            metavar="A,B,..",
            help=f"separated by commas (default {MODELS[0]})",
        )
        add(
            "--audio",
            metavar="PATH",
            help="your own speech: a sound, or a folder (default: a package's, and synthesised)",
        )
        add("--texts", metavar="FILE", help="what is said in it: a line for each sound, NAME<tab>text")
        add("--language", metavar="CODE", help="of all sounds, for multilingual models")
        add(
            "--conditions",
            type=names,
            metavar="A,B,..",
            help="clean, 'white 10 dB', 'music appended' ... (default: all)",
        )
        add("--variants", type=names, metavar="A,B", help="how words are silenced: sound, states (default: both)")
        add("--seed", type=int, default=0, metavar="N", help="of noise and of the bootstrap (default 0)")
        add("--out", type=Path, metavar="DIR", help="run folder (default runs/asr-detection)")
        add("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.asr.detection.dictations import demo_dictations, read_dictations
        from depthscope.studies.asr.detection.study import run_doubts

        if (options.audio is None) != (options.texts is None):
            raise DepthscopeError("--audio and --texts go together: sounds, and what is said in each")
        progress = not options.no_progress
        if options.audio is None:
            sounds = demo_dictations(progress=progress)
        else:
            sounds = read_dictations(options.audio, options.texts, language=options.language)
        found = run_doubts(
            options.models,
            sounds,
            options.out or Path("runs", "asr-detection"),
            **_given(options, ("conditions", "variants")),
            seed=options.seed,
            command=shlex.join(["depthscope", *options.words]),
            progress=progress,
        )
        return Answer(found.told, {"folder": found.folder, "detectors": found.table.to_dict("records")})


class Ablation:
    """Measure all methods of attribution by all metrics on the same words of several recognisers, each number beside its chance
    and its ceiling, and say which of the claims about LEAF-X hold. The true times of words are the synthesiser's, or those of
    your own aligned speech. Minutes on two cores; what was killed goes on where it was.
    """

    PARENT = "asr"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "ablation",
            help="all methods by all metrics; which claims hold",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}asr ablation{COMMAND}asr ablation --models moonshine-tiny --audio speech "
                f"--words words.tsv{COMMAND}asr ablation --methods leaf-x,raw,last-layer --metrics tloc,d_aopc_silence"
            ),
            formatter_class=Wrapping,
        )
        what = parser.add_argument_group("models and sounds")
        add = what.add_argument
        add("--models", type=names, metavar="A,B,..", help=f"{MODEL}, or several (default {','.join(MODELS)})")
        add("--clips", type=int, metavar="N", help="sentences by a synthesiser (default 6; 0 with --audio)")
        add("--audio", nargs="+", metavar="PATH", help="your own speech: sounds of a sentence each, or folders of them")
        add("--words", dest="times", metavar="FILE", help="its word times: csv or tsv; a folder of TextGrids")
        add(
            "--whole-window",
            action="store_true",
            help="do not cut the padding of models that pad (several times as long)",
        )
        add("--out", type=Path, metavar="DIR", help="run folder (default runs/asr-ablation)")
        _add_loading(add)
        add("--threads", type=int, metavar="N", help="CPU threads of torch")
        how = parser.add_argument_group("what is measured")
        add = how.add_argument
        add("--methods", type=names, metavar="A,B,..", help="depthscope asr methods (default: all)")
        add("--metrics", type=names, metavar="A,B,..", help=f"of {', '.join(METRICS)} (default: all)")
        add("--levels", type=_shares, metavar="P,Q,..", help="per cent of frames removed (default 5,10,20,30,50)")
        add("--words-per-clip", type=int, metavar="N", help="words of a sound that are silenced (default 3)")
        add("--said", action="store_true", help="explain what was said, and not what each model writes of it")
        add("--samples", type=int, metavar="N", help="sounds of LIME and KernelSHAP (default 40)")
        add(
            "--full",
            action="store_true",
            help="24 sentences, 10 words of each, 200 samples, stability of all methods: hours",
        )
        add("--seed", type=int, default=0, metavar="N", help="of all that is drawn (default 0)")
        parser.add_argument("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.errors import check_count, require
        from depthscope.studies.asr.ablation.measuring import FULL, Effort
        from depthscope.studies.asr.ablation.study import CLIPS, Asked, run_ablation

        check_count("threads", options.threads)
        if options.threads:
            require("torch", "models").set_num_threads(options.threads)
        chosen = {
            "metrics": tuple(options.metrics) if options.metrics else None,
            "levels": options.levels,
            "words": options.words_per_clip,
            "samples": options.samples,
        }
        effort = Effort(
            **{**(FULL if options.full else {}), **{key: value for key, value in chosen.items() if value is not None}},
            said=options.said,
            seed=options.seed,
        )
        clips = options.clips if options.clips is not None else 0 if options.audio else 24 if options.full else CLIPS
        asked = Asked(
            tuple(options.models or MODELS),
            tuple(options.methods or ()),
            clips,
            tuple(options.audio or ()),
            options.times or "",
            options.whole_window,
            effort,
            _given(options, LOAD),
        )
        found = run_ablation(
            asked,
            options.out or Path("runs", "asr-ablation"),
            command=shlex.join(["depthscope", *options.words]),
            progress=not options.no_progress,
        )
        claims = found.findings.to_dataframe().to_dict("records")
        document = {"folder": found.folder, "rivals": found.rivals.to_dict("records"), "claims": claims}
        return Answer(found.told, document)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) / 100 for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give per cents of the frames, as in 5,10,20") from None


class Methods:
    """The methods of attribution by name, what each is, and its settings."""

    PARENT = "asr"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "methods", help="methods by name", description=self.__doc__, formatter_class=Wrapping
        )
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.asr.methods import METHODS
        from depthscope.telling import Sheet

        rows = [(name, one.about) for name, one in METHODS.items()]
        return Answer([Sheet(["method", "what it is"], rows)], {"methods": dict(rows)})


class Coverage:
    """Build every recogniser of the installed transformers small, and see which can be explained."""

    PARENT = "asr"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "coverage",
            help="which recognisers work",
            description=self.__doc__,
            epilog=f"For example:{COMMAND}asr coverage --out recognisers.md",
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        add("--family", nargs="+", action="extend", default=[], metavar="NAME", help="model types (default: all)")
        add("--out", type=Path, metavar="FILE.md", help="write the table to this file")
        add("--no-progress", action="store_true", help="no bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.asr.coverage import told_coverage

        command = shlex.join(["depthscope", *options.words])
        told, document = told_coverage(options.family, options.out, command, progress=not options.no_progress)
        return Answer(told, document)


def _demo(model: str | None, progress: bool) -> list[Path]:
    """Recordings of a package; and the model, if none is named."""
    from depthscope.model.pretrained import fetch
    from depthscope.model.pretrained.recordings import demo_recordings

    if model is None:
        say(f"model: {MODELS[0]}; speech: two recordings out of the package moonshine-voice")
        fetch(MODELS[0], progress=progress)
    return demo_recordings(progress=progress)


def _add_loading(add: Any) -> None:
    add("--device", help="cpu, cuda, ... (default: cuda if there is one)")
    add("--dtype", help="precision of the weights (default: the checkpoint's)")
    add("--trust-remote-code", action="store_true", help="run Python code that the model brings (read it first)")
    add("--allow-pickle", action="store_true", help="take weights from pickles, as tensors only")


def _given(options: argparse.Namespace, keys: tuple[str, ...]) -> dict[str, Any]:
    # 0 is given too, and refused where it belongs
    return {key: value for key in keys if (value := getattr(options, key)) is not None and value is not False}


COMMANDS = (RunAsr(), Asr(), Calibrate(), Detection(), Ablation(), Methods(), Coverage())
