"""Killed, interrupted and damaged scans, and some without room, in real processes: the same bytes as one left in peace."""

import json
import mmap
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import depthscope as ds
from depthscope.scan.study import scan_corpus
from depthscope.scan.verify import verify
from tests.conftest import tiny_llama
from tests.running import depthscope, record_of
from tests.scan.processes import SMALLEST, command, ended, fork, network, start, tokenizer, words

__all__ = ["depthscope", "network", "start", "tokenizer"]  # fixtures


def results_of(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.parquet")) if p.name[0] != "."}


def entries_of(out: Path) -> list[dict[str, Any]]:
    """What the manifest says of the parts; a torn line is none."""
    path = out / "manifest.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [entry for line in lines if "part" in (entry := json.loads(line))]


def stamps_of(out: Path) -> dict[str, list[int]]:
    """Finished parts, each with what a rewrite would change."""
    status = {entry["file"]: (out / entry["file"]).stat() for entry in entries_of(out)}
    return {name: [found.st_ino, found.st_mtime_ns] for name, found in status.items()}


# --- kills


ALIVE = os.WEXITED | os.WNOHANG | os.WNOWAIT  # a question that takes nothing away


def die_before(out: Path, event: str, word: str, count: int) -> None:
    """Kill this process by the ``count``-th such call of the operating system on such a file of the folder."""
    left = count

    def hook(name: str, given: tuple[Any, ...]) -> None:
        nonlocal left
        if name == event and str(out) in (path := str(given[0])) and word in path.replace(str(out), ""):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def stage(out: Path, before: set[Path]) -> str:
    """What a process was at when it died, from what it left; ``before`` are the files that were there already."""
    new = {path for path in out.rglob("*") if path.is_file()} - before
    done = {out / entry["file"] for entry in entries_of(out)}
    if any(path.name.startswith(".run.json.") for path in new):
        return "record"
    if any("summary" in path.parts for path in new):
        return "summary"
    if any(path.name.startswith(".part-") for path in new):
        return "writing"
    if any(path.parent.name == "tokens" and path not in done for path in new):
        return "renamed"
    return "computing"


# of a part: nothing of it is there yet, its rows are written, they are on the disk, they are in their place; and of the end;
# the last number tells which such call it is: a scratch file is opened to be made, for its digest and for the disk
MOMENTS = [("open", ".part-", 1), ("open", ".part-", 2), ("os.rename", ".part-", 1), ("open", "manifest", 2)]
LAST_MOMENTS = [("os.rename", "layers", 1), ("open", "bins", 2), ("os.rename", "types", 1), ("open", ".run.json.", 6)]


def torment(network: str, corpus: Path, folder: Path) -> None:
    """In a process of its own: one scan, killed at twenty moments and continued after each; what happened goes to a file.

    The model is loaded once and each scan is a fork: a new process would be busy importing torch for seconds, and twenty of
    them for minutes, before anything could be disturbed.
    """
    model, chance, out = ds.load(network), random.Random(7), folder / "killed"
    assert ended(fork(lambda: scan_corpus(model, corpus, folder / "undisturbed", **SMALLEST))) == 0
    finished = [stamp for _, stamp in stamps_of(folder / "undisturbed").values()]
    pace = (finished[-1] - finished[0]) / len(finished) / 1e9  # seconds per part
    log = []

    def killed(kill: Callable[[int], None], prepare: Callable[[], None]) -> None:
        finished, before = stamps_of(out), {path for path in out.rglob("*") if path.is_file()}

        def do() -> None:
            prepare()
            scan_corpus(model, corpus, out, **SMALLEST)

        child = fork(do)
        kill(child)
        status, kept = ended(child), stamps_of(out)
        again = [name for name, stamp in finished.items() if kept.get(name) != stamp]
        log.append({"status": status, "stage": stage(out, before), "parts": len(kept), "again": again})

    def by_the_clock(child: int) -> None:
        """At a random moment after the next part."""
        parts = len(entries_of(out))
        while len(entries_of(out)) == parts and os.waitid(os.P_PID, child, ALIVE) is None:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 2 * pace))
        os.kill(child, signal.SIGKILL)

    kinds = [None] * 8 + MOMENTS * 2
    chance.shuffle(kinds)
    for kind in kinds:
        if kind is None:
            killed(by_the_clock, lambda: None)
        else:
            event, word, first = kind
            count = first + chance.choice((0, 1))
            killed(lambda child: None, lambda event=event, word=word, count=count: die_before(out, event, word, count))
    for kind in LAST_MOMENTS:
        killed(lambda child: None, lambda kind=kind: die_before(out, *kind))
    status = ended(fork(lambda: scan_corpus(model, corpus, out, **SMALLEST)))
    (folder / "log.json").write_text(json.dumps({"kills": log, "status": status}))


@pytest.fixture(scope="module")
def tormented(start, network, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("torment")
    process = start(torment, str(network), corpus, folder)
    process.join()
    assert process.exitcode == 0
    return folder


@pytest.fixture(scope="module")
def undisturbed(tormented):
    return tormented / "undisturbed"


def test_a_scan_killed_at_twenty_moments_ends_in_the_same_bytes_and_computes_nothing_twice(tormented, undisturbed):
    log = json.loads((tormented / "log.json").read_text())
    kills = log["kills"]
    assert [kill["status"] for kill in kills] == [-signal.SIGKILL] * 20
    assert {kill["stage"] for kill in kills} == {"computing", "writing", "renamed", "summary", "record"}
    assert [kill["again"] for kill in kills] == [[]] * 20
    assert kills[0]["parts"] < 5
    assert log["status"] == 0
    out = tormented / "killed"
    assert len(results_of(undisturbed)) > 40
    assert results_of(out) == results_of(undisturbed)
    assert len(entries_of(out)) == len(entries_of(undisturbed))
    ours, theirs = record_of(out), record_of(undisturbed)
    assert ours["status"] == "finished"
    assert {**ours["results"], "computed": None} == {**theirs["results"], "computed": None}
    told = verify(out, progress=False)
    assert f"{len(entries_of(out))} files" in told[0]
    # no reader takes what a kill left half written for a part
    assert all("left by a kill" in line and "/.part-" in line for line in told[1:-1])
    assert len(pq.read_table(out / "tokens")) == theirs["results"]["tokens"]


def test_an_interrupt_gives_a_sentence_and_a_scan_that_can_be_continued(network, corpus, undisturbed, tmp_path):
    out = tmp_path / "out"
    line = [sys.executable, "-m", "depthscope", *words(network, corpus, out)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while not entries_of(out):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.001)
        while process.poll() is None:  # Python drops an interrupt that comes inside a finaliser: one presses again
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                continue
        complaint = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted; run the same command again" in complaint
    assert "Traceback" not in complaint
    finished = stamps_of(out)
    assert 0 < len(finished) < len(entries_of(undisturbed))
    scan_corpus(str(network), corpus, out, **SMALLEST)
    assert {name: stamp for name, stamp in stamps_of(out).items() if name in finished} == finished
    assert results_of(out) == results_of(undisturbed)


# --- damage


@pytest.fixture
def spoilt(undisturbed, tmp_path):
    """A finished scan to be damaged."""
    return shutil.copytree(undisturbed, tmp_path / "out")


def rewritten(before: dict[str, list[int]], out: Path) -> set[str]:
    now = stamps_of(out)
    return {Path(name).name for name, stamp in now.items() if before.get(name) != stamp}


@pytest.mark.parametrize("left", [1, 60])
def test_a_torn_last_line_costs_its_part_and_no_other(spoilt, undisturbed, network, corpus, left):
    manifest = spoilt / "manifest.jsonl"
    whole = manifest.read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    manifest.write_bytes(whole[: last + left])
    before = stamps_of(spoilt)
    scan_corpus(str(network), corpus, spoilt, **SMALLEST)
    assert rewritten(before, spoilt) == {Path(entries_of(undisturbed)[-1]["file"]).name}
    assert manifest.read_bytes() == whole
    assert results_of(spoilt) == results_of(undisturbed)


def test_a_damaged_line_is_named_and_deleting_it_mends(spoilt, undisturbed, network, corpus, refuses):
    manifest = spoilt / "manifest.jsonl"
    lines = manifest.read_bytes().split(b"\n")
    manifest.write_bytes(b"\n".join([*lines[:5], b"\x00" * len(lines[5]), *lines[6:]]))
    with refuses("manifest.jsonl: line 6 is damaged", "delete this one line"):
        scan_corpus(str(network), corpus, spoilt, **SMALLEST)
    manifest.write_bytes(b"\n".join(lines[:5] + lines[6:]))
    before = stamps_of(spoilt)
    scan_corpus(str(network), corpus, spoilt, **SMALLEST)
    assert rewritten(before, spoilt) == {"part-000004.parquet"}
    assert results_of(spoilt) == results_of(undisturbed)


def test_a_truncated_part_is_named_and_only_it_is_computed_again(spoilt, undisturbed, network, corpus, refuses):
    part = spoilt / "tokens" / "part-000007.parquet"
    part.write_bytes(part.read_bytes()[:-100])
    with refuses("tokens: damaged or missing: part-000007.parquet", "run the scan again"):
        verify(spoilt, progress=False)
    before = stamps_of(spoilt)
    found = scan_corpus(str(network), corpus, spoilt, **SMALLEST)
    assert rewritten(before, spoilt) == {part.name}
    assert found.record.results["computed"] == entries_of(undisturbed)[7]["rows"]
    assert results_of(spoilt) == results_of(undisturbed)
    assert len(verify(spoilt, progress=False)) == 2


def test_a_flipped_bit_is_found_and_never_taken_into_a_summary(spoilt, undisturbed, network, corpus, refuses):
    part = spoilt / "tokens" / "part-000003.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 3] ^= 1
    part.write_bytes(data)
    with refuses("damaged or missing: part-000003.parquet"):
        verify(spoilt, progress=False)
    (spoilt / "tokens" / "part-000009.parquet").unlink()
    # the summary is made anew, of all parts
    with refuses("part-000003.parquet: damaged", "delete this one file", "run the same command again"):
        scan_corpus(str(network), corpus, spoilt, **SMALLEST)
    part.unlink()
    scan_corpus(str(network), corpus, spoilt, **SMALLEST)
    assert results_of(spoilt) == results_of(undisturbed)
    assert len(verify(spoilt, progress=False)) == 2


@pytest.mark.parametrize("name", ["layers", "bins", "types"])
def test_a_summary_that_is_gone_is_made_of_the_parts_that_are_there(spoilt, undisturbed, network, corpus, name):
    (spoilt / "summary" / "tokens" / f"{name}.parquet").unlink()
    before = stamps_of(spoilt)
    assert scan_corpus(str(network), corpus, spoilt, **SMALLEST).record.results["computed"] == 0
    assert not rewritten(before, spoilt)
    assert results_of(spoilt) == results_of(undisturbed)


def test_every_part_gone_is_a_scan_from_the_start_whatever_is_asked_now(spoilt, undisturbed, network, corpus):
    """The first table keeps its name and its measures: others may stand beside it."""
    scan_corpus(str(network), corpus, spoilt, measures=["surprisal"], **SMALLEST)
    both = results_of(spoilt)
    shutil.rmtree(spoilt / "tokens")
    found = scan_corpus(str(network), corpus, spoilt, measures=["norm"], **SMALLEST)
    assert results_of(spoilt) == both
    assert found.tables == {"tokens": ("cse", "norm"), "tokens-surprisal": ("surprisal",)}
    assert len(verify(spoilt, progress=False)) == 3


def test_another_model_or_another_corpus_is_refused_and_nothing_is_touched(
    spoilt, undisturbed, network, corpus, tokenizer, tmp_path, refuses
):
    before = results_of(spoilt)
    other = tmp_path / "other"
    tiny_llama(len(tokenizer), width=64).save_pretrained(other)
    tokenizer.save_pretrained(other)
    with refuses("settings", "model (", "choose another --out"):
        scan_corpus(str(other), corpus, spoilt, **SMALLEST)
    # another network under the same name
    model = replace(ds.load(str(other)), name=str(network))
    with refuses("a model with other weights", "choose another --out"):
        scan_corpus(model, corpus, spoilt, **SMALLEST)
    (spoilt / "tokens" / "part-000002.parquet").unlink()
    with refuses("settings: model (", "choose another --out"):
        scan_corpus(model, corpus, spoilt, **SMALLEST)
    with refuses("window (48, now 40)", "--out"):
        scan_corpus(str(network), corpus, spoilt, **{**SMALLEST, "window": 40})
    texts = shutil.copytree(corpus, tmp_path / "texts")
    (texts / "b-one.txt").write_text("Ho", encoding="utf-8")
    with refuses("corpus.sha256", "--out"):
        scan_corpus(str(network), texts, spoilt, **SMALLEST)
    del before["tokens/part-000002.parquet"]
    assert results_of(spoilt) == before


# --- no room


def complaint_of(start, line: list[str], folder: Path, limits: dict[int, int]) -> str:
    """What a command says that stops with status 2, in a process of its own with such limits: one sentence."""
    process = start(command, folder, line, limits)
    process.join()
    assert process.exitcode == 2
    complaint = (folder / "complained").read_text()
    assert "Traceback" not in complaint
    (sentence,) = [line for line in complaint.splitlines() if line.startswith("depthscope: ")]
    return sentence


def test_no_room_for_a_part_for_the_manifest_or_for_the_summary(start, undisturbed, network, corpus, tmp_path):
    """A limit on the size of a file fails as a full disk does, at whatever file is too large for it."""
    out, kept = tmp_path / "out", {}
    sizes = [entry["bytes"] for entry in entries_of(undisturbed)]
    manifest, summary = (
        (undisturbed / name).stat().st_size for name in ("manifest.jsonl", "summary/tokens/bins.parquet")
    )
    assert max(sizes) < manifest - 3000 < manifest < summary - 3000  # one after the other is what does not fit
    limits = [sizes[0] - 1, max(sizes), manifest - 3000, summary - 3000]
    for limit in limits:
        sentence = complaint_of(start, words(network, corpus, out), tmp_path, {resource.RLIMIT_FSIZE: limit})
        assert "no space left to write" in sentence
        assert "run the same command again" in sentence
        now = stamps_of(out)
        assert {name: now[name] for name in kept} == kept
        assert len(now) >= len(kept)
        assert not list(out.rglob(".part-*"))
        kept = now
    assert len(kept) == len(sizes)
    assert not list((out / "summary").rglob("bins.parquet"))
    scan_corpus(str(network), corpus, out, **SMALLEST)
    assert stamps_of(out) == kept
    assert results_of(out) == results_of(undisturbed)


def test_a_full_disk_gives_a_sentence_and_a_scan_that_can_be_continued(
    depthscope, undisturbed, network, corpus, small_disk
):
    place, remount = small_disk
    out, kept = place / "out", {}
    files = ["manifest.jsonl", "run.json", *(entry["file"] for entry in entries_of(undisturbed))]
    enough = 2 + sum(-(-(undisturbed / name).stat().st_size // mmap.PAGESIZE) for name in files)
    for pages in (enough // 6, enough // 2, enough):  # the last is enough for all parts, not for the summary
        assert remount(f"size={pages * mmap.PAGESIZE}") == 0
        sentence = depthscope(*words(network, corpus, out)).sentence
        assert "no space left to write" in sentence
        assert "run the same command again" in sentence
        now = stamps_of(out)
        assert len(now) > len(kept)
        assert {name: now[name] for name in kept} == kept
        kept = now
    assert len(kept) == len(entries_of(undisturbed))
    assert remount("size=10m") == 0
    assert depthscope(*words(network, corpus, out)).status == 0
    assert results_of(out) == results_of(undisturbed)
    assert remount("ro") == 0
    assert "no permission to write" in depthscope(*words(network, corpus, place / "other")).sentence
