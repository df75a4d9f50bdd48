"""Frames taken out of a sound: what is in them, and that nothing else changes."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from depthscope.capture.speech import Utterance
from depthscope.studies.asr.silencing.removing import (
    filling,
    frame_of,
    main_of,
    pooled,
    rehear,
    remove,
    time_axis,
    unaltered,
)
from tests.studies.asr.spoken import log_p, some_masks, utterance


@pytest.fixture(params=["spectrogram", "waveform"])
def spoken(request: pytest.FixtureRequest) -> Utterance:
    return utterance(request.param)


def test_silence_of_a_spectrogram_is_what_its_padding_is() -> None:
    spoken = utterance("spectrogram")
    main = main_of(spoken)
    # cut off 8 powers of ten below the loudest moment, and divided by 4
    assert filling(spoken).flatten().tolist() == pytest.approx([float(main.max()) - 2] * 16, abs=1e-6)
    assert (main[0, :, -1] == filling(spoken)[0, :, 0]).all()


def test_the_mean_of_a_spectrogram_is_over_its_sound_alone() -> None:
    spoken = utterance("spectrogram")
    columns = main_of(spoken)[0, :, : 2 * spoken.frames]
    torch.testing.assert_close(filling(spoken, "mean")[0, :, 0], columns.mean(-1))


def test_removed_columns_are_filled_and_no_others_change() -> None:
    spoken = utterance("spectrogram")
    masks = some_masks(spoken)
    made, main = remove(spoken, masks, "mean"), main_of(spoken)
    for row, mask in zip(made, masks, strict=True):
        gone = np.zeros(main.shape[-1], bool)
        gone[: 2 * spoken.frames] = np.repeat(mask, 2)
        assert (row[:, ~gone] == main[0][:, ~gone]).all()
        assert (row[:, gone] == filling(spoken, "mean")[0]).all()


def test_silence_of_a_waveform_is_as_loud_as_its_quietest_moments_and_not_zero() -> None:
    spoken = utterance("waveform")
    made, main = remove(spoken, np.ones((1, spoken.frames), bool)), main_of(spoken)
    levels = main[0].unfold(0, 320, 320).square().mean(-1).sqrt()
    level = float(made.square().mean().sqrt())
    assert float(levels.min()) < level < float(levels.quantile(0.1))
    assert (made != 0).all()


def test_a_recording_of_digital_silence_is_not_filled_with_zeros() -> None:
    spoken = utterance("waveform")
    cut = main_of(spoken).clone()
    cut[:, :6400] = 0
    made = filling(dataclasses.replace(spoken, features={"input_values": cut}))
    level = float((made.square().mean() / cut[:, 6400:].square().mean()).sqrt())
    assert level == pytest.approx(1e-3, rel=0.1)  # 60 dB below the speech


def test_the_mean_of_a_waveform_has_its_power_spectrum() -> None:
    spoken = utterance("waveform")
    made, main = remove(spoken, np.ones((1, spoken.frames), bool), "mean"), main_of(spoken)
    torch.testing.assert_close(torch.fft.rfft(made).abs(), torch.fft.rfft(main).abs(), atol=2e-2, rtol=1e-3)
    assert abs(float(torch.corrcoef(torch.cat([made, main]))[0, 1])) < 0.1


def test_removed_samples_are_noise_and_no_others_change() -> None:
    spoken = utterance("waveform")
    masks = some_masks(spoken)
    made, main, place = remove(spoken, masks, "mean"), main_of(spoken), frame_of(spoken)
    for row, mask in zip(made, torch.from_numpy(masks), strict=True):
        gone = mask[place]
        assert (row[~gone] == main[0, ~gone]).all()
        assert (row[gone] == filling(spoken, "mean")[0, gone]).all()


def test_columns_and_samples_belong_to_the_frame_at_their_time(spoken: Utterance) -> None:
    place, rate = frame_of(spoken).numpy(), {2: 16_000, 3: 100}[main_of(spoken).ndim]
    inner = np.arange(2, spoken.frames - 2)
    centres = np.array([np.flatnonzero(place == k).mean() / rate for k in inner])
    times = spoken.times[inner] - spoken.start
    assert np.abs(centres - times).max() <= spoken.model.times.step / 2


def test_sums_over_frames_leave_nothing_out(spoken: Utterance) -> None:
    values = torch.randn_like(main_of(spoken).expand(2, *main_of(spoken).shape[1:]).contiguous())
    inside = frame_of(spoken) < spoken.frames
    found = pooled(spoken, values)
    assert found.shape == (2, spoken.frames)
    torch.testing.assert_close(found.sum(-1), values.double()[..., inside].flatten(1).sum(-1))


def test_a_batch_is_heard_as_its_rows_are_one_by_one(spoken: Utterance) -> None:
    masks = np.concatenate([some_masks(spoken), np.zeros((1, spoken.frames), bool), some_masks(spoken)[:1]])
    together = rehear(spoken, masks, batch=4)
    alone = np.concatenate([rehear(spoken, row[None]) for row in masks])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together[-2], unaltered(spoken), atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(together, log_p(spoken)(remove(spoken, masks)).numpy(), atol=1e-5)


def test_a_spectrogram_with_time_first_is_filled_band_by_band() -> None:
    spoken = utterance("spectrogram")
    turned = dataclasses.replace(spoken, features={"input_features": main_of(spoken).transpose(1, 2)})
    masks = some_masks(spoken)
    assert (time_axis(spoken), time_axis(turned)) == (2, 1)
    for fill in ("silence", "mean"):
        torch.testing.assert_close(remove(turned, masks, fill).transpose(1, 2), remove(spoken, masks, fill))
    values = torch.randn_like(main_of(spoken))
    torch.testing.assert_close(pooled(turned, values.transpose(1, 2)), pooled(spoken, values))


def test_what_cannot_be_removed_is_refused(refuses: Any) -> None:
    spoken = utterance("spectrogram")
    with refuses("masks of shape (1, 3)", "(row, frame)"):
        remove(spoken, np.ones((1, 3), bool))
    with refuses("fill='zero'", "silence, mean"):
        remove(spoken, some_masks(spoken), "zero")
    with refuses("batch=0"):
        rehear(spoken, some_masks(spoken), batch=0)
