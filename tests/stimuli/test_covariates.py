"""Covariates that a target has before any model sees it."""

import pandas as pd

import depthscope as ds
from depthscope.stimuli.covariates import with_covariates
from depthscope.stimuli.frequency import with_frequency


def test_targets_get_their_frequency_and_their_length_in_characters(pairs):
    table = ds.read_stimuli(pairs)
    found = with_covariates(table)
    assert found["target_length"].tolist() == [len(word) for word in table["target"]]
    assert found["target_length"].tolist() == [5, 5, 4, 4, 5, 5, 3, 3]
    assert found["log_frequency"].tolist() == with_frequency(table)["log_frequency"].tolist()
    pd.testing.assert_frame_equal(found.drop(columns=["log_frequency", "target_length"]), table)


def test_the_length_is_that_of_the_target_in_the_text():
    rows = [{"item": 1, "condition": "a", "text": "He kicked the bucket.", "start": 3, "end": 20}]
    assert with_covariates(ds.read_stimuli(rows, paired=False), "en")["target_length"].tolist() == [17]


def test_columns_that_the_table_brings_are_kept(pairs):
    own = ds.read_stimuli(pairs.assign(target_length=1.5, log_frequency=range(8)))
    pd.testing.assert_frame_equal(with_covariates(own), own)


def test_frequencies_are_those_of_the_language(pairs, refuses):
    table = ds.read_stimuli(pairs)
    german = with_covariates(table, "de")["log_frequency"]
    assert german.tolist() == with_frequency(table, "de")["log_frequency"].tolist()
    assert (german != with_covariates(table)["log_frequency"]).any()
    with refuses("language='xx'"):
        with_covariates(table, "xx")
