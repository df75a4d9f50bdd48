"""What a scan would take is told to people and to programs, with a verdict."""

import json
from dataclasses import replace

from depthscope.scan.costs import Estimate
from depthscope.store.jsonable import jsonable
from depthscope.telling import plain

TOLD = Estimate(
    source="tiny",
    architecture="LlamaForCausalLM",
    dtype="bfloat16",
    device="cpu",
    depth=6,
    width=32,
    vocabulary=100,
    parameters=7_000,
    trunk_parameters=4_000,
    quantization=None,
    window=32,
    context=8,
    tokens_per_batch=96,
    overlap=32 / 24,
    weights=14_001_000_000,
    states=50_000_000,
    activations=3_000_000,
    workspace=2_000_000,
    logits=0,
    program=500_000_000,
    available=16 * 10**9,
    seconds=125.0,
    shares={"network": 100.0, "measuring": 25.0},
    parquet=60_000_000,
    calibrated="an estimate: timed on cpu",
)


def test_it_fits_or_it_does_not() -> None:
    assert TOLD.peak == 14_556_000_000
    assert (TOLD.fits, TOLD.verdict) == (True, "fits")
    assert replace(TOLD, available=TOLD.peak).fits
    small = replace(TOLD, available=TOLD.peak - 1)
    assert (small.fits, small.verdict) == (False, "does not fit")
    assert "does not fit: 14.56 GB at the peak, 14.56 GB there" in plain(small.told)
    silent = replace(TOLD, available=None)
    assert silent.fits is None
    assert "the device does not say what memory it has: 14.56 GB at the peak\n" in plain(silent.told)


def test_it_can_be_read_by_people_and_programs() -> None:
    words = plain(TOLD.told)
    for word in ("LlamaForCausalLM", "6 x 32", "bfloat16, 14.00 GB", "96 tokens", "50 MB", "100 s", "125 s (0.0347 h)"):
        assert word in words
    assert "note: an estimate: timed on cpu" in words
    assert "logits" not in words
    assert "quantised" not in words
    document = json.loads(json.dumps(jsonable(TOLD.document), allow_nan=False))
    assert document["peak"] == TOLD.peak
    assert document["verdict"] == "fits"


def test_what_is_peculiar_is_noted() -> None:
    words = plain(replace(TOLD, logits=25_000_000, quantization="gptq").told)
    assert "logits" in words
    assert "note: the checkpoint is quantised (gptq); its weights are counted as unpacked" in words
    untimed = replace(TOLD, seconds=None, shares={}, untimed="no time is given: too large")
    assert "note: no time is given: too large" in plain(untimed.told)
    assert "an estimate" not in plain(untimed.told)
