"""``run.json`` keeps what was asked, and tells two runs apart."""

import json
import os
from dataclasses import replace

import pytest

from depthscope.store.record import RunRecord

RECORD = RunRecord(
    "metaphor",
    {"model": "embedded", "cse": {"wavelet": "paul(4)", "periods": (2.0, 15.0)}, "threads": None},
    identity={"model": "abc"},
    environment={"torch": "2.6"},
    timings={"load": 1.5},
    results={"a - b": []},
)


def test_a_record_reads_back_as_it_was_written(tmp_path):
    path = tmp_path / "run.json"
    RECORD.write(path)
    again = RunRecord.read(path)
    assert again.differences(RECORD) == RECORD.differences(again) == []
    assert replace(again, settings=RECORD.settings) == RECORD


def test_a_field_of_a_later_version_is_passed_over(tmp_path):
    path = tmp_path / "run.json"
    RECORD.write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "blue"}))
    assert RunRecord.read(path).study == "metaphor"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": {**RECORD.settings, "model": "other"}}, "model (embedded, now other)"),
        (
            {"settings": {**RECORD.settings, "cse": {"wavelet": "haar", "periods": [2.0, 15.0]}}},
            "cse.wavelet (paul(4), now haar)",
        ),
        ({"settings": {"model": "embedded", "cse": RECORD.settings["cse"], "threads": 1}}, "threads (None, now 1)"),
        ({"settings": {**RECORD.settings, "new": 1}}, "new (None, now 1)"),
        ({"identity": {"model": "def"}}, "model (abc, now def)"),
        ({"environment": {"torch": "2.7"}}, "torch (2.6, now 2.7)"),
        ({"study": "other"}, "study (metaphor, now other)"),
    ],
)
def test_a_difference_is_named_with_both_values(change, words):
    assert RECORD.differences(replace(RECORD, **change)) == [words]


def test_what_is_not_known_yet_cannot_differ():
    assert RECORD.differences(replace(RECORD, identity={}, environment={})) == []


def test_timings_and_results_do_not_tell_runs_apart():
    assert RECORD.differences(replace(RECORD, timings={}, results={}, command="x", status="finished")) == []


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "null", "{}", '{"schema": 1}', '{"schema": 1, "study": "x"}', "\xff"),
        '{"schema": 1, "study": "x", "settings": {}, "digests": null}',
        '{"schema": 1, "study": "x", "settings": []}',
        '{"schema": 1, "study": 7, "settings": {}}',
        '{"schema": [1], "study": "x", "settings": {}}'.replace("[1]", "{}"),
        *(
            f'{{"schema": 1, "study": "x", "settings": {{}}, {odd}}}'
            for odd in (
                '"identity": {"model": 5}',
                '"environment": {"depthscope": null}',
                '"digests": {"a": []}',
                '"files": {"a": "b"}',
                '"timings": {"load": "long"}',
                '"words": {"short": "text"}',
                '"words": {"short": [1]}',
                '"answer": [null]',
                '"results": 1e999999',
            )
        ),
        "[" * 100_000,
        "1" * 10_000,
    ],
)
def test_a_damaged_record_is_refused(tmp_path, refuses, content):
    path = tmp_path / "run.json"
    path.write_text(content, encoding="latin-1")
    with refuses("run.json", *(["schema"] if '"schema": {}' in content else ["not a readable run record", "--out"])):
        RunRecord.read(path)


def test_a_pipe_or_a_folder_is_no_record(tmp_path, refuses):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with refuses(str(path), "not a readable run record (it is no file)"):
            RunRecord.read(path)


def test_a_record_of_another_schema_is_refused(tmp_path, refuses):
    path = tmp_path / "run.json"
    replace(RECORD, schema=99).write(path)
    with refuses("run.json", "schema 99", "reads 1"):
        RunRecord.read(path)
