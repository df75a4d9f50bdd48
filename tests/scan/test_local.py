"""The worker in this process: the same columns whether it works ahead or not, and whatever memory there is."""

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.every import every_state
from depthscope.capture.windows import Window
from depthscope.scan.job import Asked, Job
from depthscope.scan.local import Local
from depthscope.scan.worker import Recipe, Worker

ASKED = Asked(("cse", "surprisal", "norm"))


def windows(seed, count=5, length=40):
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        ids = rng.integers(0, 40_000, length - number)
        first = 8 if number else 0
        place = np.arange(len(ids) - first)
        made.append(Window(f"{seed}.txt", first, ids, (first, len(ids)), place, place + 1))
    return made


@pytest.fixture(scope="module")
def model(network):
    return ds.load(str(network))


@pytest.fixture
def jobs():
    return [Job(seed, windows(seed), ASKED) for seed in range(6)]


def equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("ahead", [1, 3, 20])
def test_working_ahead_changes_nothing_but_when(model, jobs, ahead):
    taken = []
    stream = (taken.append(job.number) or job for job in jobs)
    found = []
    for job, columns in Local(Recipe(model), ahead=ahead).run(stream):
        assert len(taken) <= len(found) + ahead + 1  # no more than that is held
        found.append((job.number, columns))
    plain = [(job.number, columns) for job, columns in Local(Recipe(model)).run(iter(jobs))]
    assert [number for number, _ in found] == [number for number, _ in plain] == list(range(6))
    for (_, one), (_, other) in zip(found, plain, strict=True):
        equal(one, other)


def test_what_goes_wrong_ahead_is_told(model, jobs):
    bad = Job(9, windows(9), Asked(("breadth",)))
    with pytest.raises(ds.DepthscopeError, match="breadth"):
        list(Local(Recipe(model), ahead=2).run(iter([jobs[0], bad, jobs[1]])))


def test_columns_have_the_shape_of_their_measure_and_surprisal_begins_with_the_second_token(model, jobs):
    columns = Worker(model).measure(jobs[0])
    tokens = jobs[0].tokens
    assert list(columns) == ["cse", "norm", "surprisal"]
    assert {name: values.shape for name, values in columns.items()} == {
        "cse": (tokens, 6),
        "norm": (tokens, 6),
        "surprisal": (tokens,),
    }
    assert all(values.dtype == np.float32 for values in columns.values())
    assert np.flatnonzero(np.isnan(columns["surprisal"])).tolist() == [0]


def test_surprisal_is_that_of_the_plain_logits(model, jobs):
    job = jobs[1]
    found = Worker(model).measure(job)["surprisal"]
    expected = []
    for window in job.windows:
        ids = torch.from_numpy(window.ids)[None]
        with torch.inference_mode():
            logs = model.network(input_ids=ids).logits[0].double().log_softmax(-1)
        bits = -logs[torch.arange(len(window.ids) - 1), ids[0, 1:]] / np.log(2)
        expected.append(np.concatenate([[np.nan], bits])[slice(*window.measured)])
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_models_in_half_precision_are_measured_in_double(network, jobs, dtype):
    model = ds.load(str(network), dtype=dtype)
    window = jobs[0].windows[1]
    found = Worker(model).measure(Job(0, [window], Asked(("cse", "norm"))))
    ids = torch.from_numpy(window.ids)[None]
    every = torch.arange(ids.shape[1])
    states = every_state(model, ids, torch.ones_like(ids), torch.zeros_like(every), every)
    assert states.dtype == getattr(torch, dtype)
    updates = np.diff(states.double().numpy(), axis=1)[slice(*window.measured)]
    np.testing.assert_allclose(found["norm"], np.linalg.norm(updates, axis=-1), rtol=2e-7)
    np.testing.assert_allclose(found["cse"], ds.cse(updates), rtol=2e-7)


def test_a_second_attempt_is_the_same_and_a_third_halves_its_batches(model, jobs):
    worker = Worker(model, token_budget=200)
    equal(worker.measure(jobs[0]), worker.measure(jobs[0], attempt=2))
    seen = []
    plain = worker._batch
    worker._batch = lambda some, *rest: (seen.append(len(some)), plain(some, *rest))[1]
    third = worker.measure(jobs[0], attempt=3)
    before = list(seen)
    seen.clear()
    first = worker.measure(jobs[0])
    assert max(before) < max(seen)
    np.testing.assert_allclose(first["norm"], third["norm"], rtol=1e-5)


def test_a_batch_that_does_not_fit_is_halved_and_a_single_window_is_named(model, jobs):
    worker = Worker(model, token_budget=10_000)
    plain, fits = worker._batch, 2
    expected = worker.measure(jobs[0])

    def narrow(some, *rest):
        if len(some) > fits:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return plain(some, *rest)

    worker._batch = narrow
    np.testing.assert_allclose(worker.measure(jobs[0])["norm"], expected["norm"], rtol=1e-5)
    fits = 0
    with pytest.raises(ds.DepthscopeError, match=r"0\.txt: a window of \d+ tokens does not fit into the memory of cpu"):
        worker.measure(jobs[0])


def test_other_faults_are_no_lack_of_memory(model, jobs):
    worker = Worker(model)

    def broken(*_):
        raise RuntimeError("shapes do not match")

    worker._batch = broken
    with pytest.raises(RuntimeError, match="shapes"):
        worker.measure(jobs[0])


def test_workers_of_the_same_weights_prove_the_same_bits_and_others_do_not(model, tokenizer, network):
    from tests.conftest import tiny_llama

    here, again = Worker(model).about(), Recipe(str(network)).build().about()
    assert (here.bits, here.fingerprint) == (again.bits, again.fingerprint)
    other = tiny_llama(len(tokenizer))
    with torch.no_grad():
        other.model.layers[2].mlp.down_proj.weight[0, 0] += 1e-3
    assert Worker(ds.load(other, tokenizer)).about().bits != here.bits
