"""One scheme of quantisation, measured in a process of its own."""

import time
from pathlib import Path

from depthscope.capture.reading import read_text
from depthscope.errors import require
from depthscope.model.cost import measure_speed, peak_memory
from depthscope.model.device import chosen_device
from depthscope.model.footprint import describe, weight_bytes
from depthscope.model.load import load_text
from depthscope.progress import step
from depthscope.run.environment import environment
from depthscope.run.several import shared_settings
from depthscope.run.tracer import Tracer
from depthscope.stimuli.passage import read_passage
from depthscope.store.datasets import digest, write_zarr
from depthscope.store.folder import RECORD, run_folder
from depthscope.store.record import RunRecord
from depthscope.studies.contrast.settings import Settings, check_depth, prepare
from depthscope.studies.contrast.usable import check_usable
from depthscope.studies.quantization.results import PLAIN


def scheme_record(settings: Settings, scheme: str, text: str | None) -> RunRecord:
    """What decides whether a scheme's folder may be read, or continued."""
    asked = shared_settings(settings, "cse", "contrast", "evidence", "confounds", "reliability", "crossed")
    return RunRecord("scheme", {**asked, "scheme": scheme, "text": text})


def measure_scheme(settings: Settings, scheme: str, folder: Path, text: str | None, progress: bool) -> None:
    """Load the model in one scheme, and leave in ``folder`` what it costs, how it reads, and its trajectories.

    Meant for a fresh process, so that the peak of memory is that of this scheme alone.
    """
    torch = require("torch", "models")
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    table, terms = prepare(settings)
    compared = table[table["condition"].isin(terms[0].conditions)]
    passage = read_passage(text)
    record = scheme_record(settings, scheme, text)
    with run_folder(folder, record):
        device = chosen_device(settings.load.get("device"))
        before = peak_memory(device)
        step(f"{scheme}: load", shown=progress)
        start = time.perf_counter()
        model = load_text(settings.model, **settings.load, quantization=None if scheme == PLAIN else scheme)
        seconds = time.perf_counter() - start
        check_depth(model, settings)
        check_usable(model, table, terms[:1], settings)
        record.checks = dict(model.checks)
        record.environment = environment(str(model.device), torch.get_num_threads())
        if (folder / RECORD).is_file():
            record.digests = RunRecord.read(folder / RECORD).digests
        record.write(folder / RECORD)
        size = weight_bytes(model.network)  # before a forward pass of any length may repack something
        step(f"{scheme}: perplexity of the passage", shown=progress)
        reading = read_text(model, passage)
        write_zarr(reading, folder / "reading.zarr")
        record.digests["reading"] = digest(reading)
        step(f"{scheme}: speed", shown=progress)
        speed = measure_speed(model)
        step(f"{scheme}: trace {len(compared)} texts", shown=progress)
        Tracer(folder, record, settings.token_budget, progress)(
            "trajectories", model, compared, subtoken=settings.subtoken, keep="states"
        )
        record.results = {
            "weights": describe(model.network),
            "weight_bytes": size,
            "peak_bytes": peak_memory(device) - before,
            "load_seconds": round(seconds, 3),
            "prefill": round(speed.prefill, 3),
            "decode": round(speed.decode, 3),
        }
        record.status = "finished"
        record.write(folder / RECORD)
