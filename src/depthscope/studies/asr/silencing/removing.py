"""What it means to take frames out of a sound: they become as quiet as the sound ever is, or its mean."""

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError, check_choice, check_count
from depthscope.model.speech import hearing
from depthscope.studies.asr.silencing.degrade import floor

Fill = Literal["silence", "mean"]
FILLS: tuple[str, ...] = get_args(Fill)

Masks = NDArray[np.bool_]


def main_of(utterance: Utterance) -> torch.Tensor:
    """What enters the network of the sound, (1, ...)."""
    return next(iter(utterance.features.values()))


def time_axis(utterance: Utterance) -> int:
    """Which axis of what enters the network is time: of a spectrogram (1, mel, column) or (1, column, mel), or a waveform."""
    main = main_of(utterance)
    bands = getattr(utterance.model.extractor, "feature_size", None)
    return 1 if main.ndim == 3 and main.shape[1] != bands and main.shape[2] == bands else main.ndim - 1


def frame_of(utterance: Utterance) -> torch.Tensor:
    """To which frame each column, or each sample, belongs: (time,); those of padding to ``utterance.frames``, which is none.

    Columns go to frames by the stride of the encoder (two of Whisper's make a frame). Samples go to the frame whose centre
    is nearest, those at both ends of a sound that no frame is centred on to its first and last.
    """
    main, frames = main_of(utterance), utterance.frames
    length = main.shape[time_axis(utterance)]
    if main.ndim == 3:
        stride = max(1, round(length / utterance.states.shape[1]))
        return torch.clamp(torch.arange(length, device=main.device) // stride, max=frames)
    model = utterance.model
    seconds = np.arange(length) / model.rate
    nearest = np.floor((seconds - model.times.first) / model.times.step + 0.5).astype(np.int64).clip(0, frames - 1)
    nearest[len(utterance.samples) :] = frames
    return torch.from_numpy(nearest).to(main.device)


def covered(utterance: Utterance, masks: Masks) -> torch.Tensor:
    """Masks (row, frame) as they lie over what enters the network: bool (row, ...), to be broadcast."""
    frames = utterance.frames
    if masks.ndim != 2 or masks.shape[1] != frames:
        raise DepthscopeError(
            f"masks of shape {masks.shape}: give (row, frame), with {frames} frames, those that lie within the sound"
        )
    place = frame_of(utterance)
    wide = torch.zeros(len(masks), frames + 1, dtype=torch.bool, device=place.device)
    wide[:, :frames] = torch.from_numpy(np.ascontiguousarray(masks, bool)).to(place.device)
    over = wide[:, place]
    if main_of(utterance).ndim == 2:
        return over
    return over[:, :, None] if time_axis(utterance) == 1 else over[:, None]


def pooled(utterance: Utterance, values: torch.Tensor) -> torch.Tensor:
    """Sums over all that belongs to a frame of values (row, ...) shaped as what enters the network: float64 (row, frame)."""
    axis = time_axis(utterance)
    summed = values.sum(3 - axis, dtype=torch.float64) if values.ndim == 3 else values.double()
    found = torch.zeros(len(values), utterance.frames + 1, dtype=torch.float64, device=values.device)
    return found.index_add_(1, frame_of(utterance), summed)[:, :-1]


def filling(utterance: Utterance, fill: Fill = "silence", seed: int = 0) -> torch.Tensor:
    """What stands in the place of frames that are removed, (1, ...), to be broadcast over what enters the network.

    Parameters
    ----------
    fill : {"silence", "mean"}
        Of a spectrogram, band by band: its smallest value (Whisper's spectrograms are cut off 8 powers of ten below their
        loudest moment, and padding has just that value), or its mean over the frames within the sound. Of a waveform: noise
        at the level of its quietest moments, since zero is no silence that a microphone gives, or noise with its own
        spectrum of power and its own level.
    seed : int
        Of the noise.

    Notes
    -----
    Removal happens in what enters the network and not in the sound before it: Whisper scales a spectrogram by its loudest
    moment, so that a second that is muted in the sound moves all others.
    """
    check_choice("fill", fill, FILLS)
    main, inside = main_of(utterance), frame_of(utterance) < utterance.frames
    if main.ndim == 3:
        axis = time_axis(utterance)
        if fill == "silence":
            return main.amin(axis, keepdim=True)
        return main.index_select(axis, inside.nonzero()[:, 0]).mean(axis, keepdim=True)
    sound = main[0, inside].double().cpu().numpy()
    generator = np.random.default_rng(seed)
    if fill == "silence":
        noise = generator.normal(0, floor(sound.astype(np.float32), utterance.model.rate), len(sound))
    else:
        noise = _alike(sound, generator)
    made = torch.zeros_like(main)
    made[0, inside] = torch.from_numpy(noise).to(main)
    return made


def _alike(sound: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Stationary noise with the power spectrum of a sound: its phases drawn anew."""
    spectrum = np.fft.rfft(sound)
    phases = np.exp(2j * np.pi * generator.random(len(spectrum)))
    phases[0] = 1.0
    if len(sound) % 2 == 0:
        phases[-1] = 1.0
    made: NDArray[np.float64] = np.fft.irfft(spectrum * phases, len(sound))
    return made


def remove(utterance: Utterance, masks: Masks, fill: Fill = "silence", seed: int = 0) -> torch.Tensor:
    """What enters the network when frames are taken out of a sound.

    Parameters
    ----------
    masks : bool array (row, frame)
        True where a frame goes; over the frames within the sound. Padding stays as it is.
    fill : {"silence", "mean"}
        What comes in their place; see :func:`filling`.
    seed : int
        Of noise, of which there is one for all rows.

    Returns
    -------
    tensor (row, ...)
        To be given to ``utterance.encode``.

    Raises
    ------
    DepthscopeError
        Masks over another number of frames, or another fill.
    """
    return torch.where(covered(utterance, masks), filling(utterance, fill, seed), main_of(utterance))


def rehear(
    utterance: Utterance, masks: Masks, fill: Fill = "silence", *, batch: int = 8, seed: int = 0
) -> NDArray[np.float64]:
    """Log p of every token when frames are taken out of the sound: (row, token), one encoder and decoder pass a row.

    Rows that are the same are heard once. ``batch``: rows at a time, which bounds memory.
    """
    check_count("batch", batch)
    unique, where = np.unique(np.ascontiguousarray(masks, bool), axis=0, return_inverse=True)
    found = [np.zeros((0, len(utterance.positions)))]
    with hearing(utterance.model.network):
        for k in range(0, len(unique), batch):
            states = utterance.encode(remove(utterance, unique[k : k + batch], fill, seed))
            found.append(utterance.log_p(utterance.decode(states)).double().cpu().numpy())
    heard: NDArray[np.float64] = np.concatenate(found)[where.reshape(-1)]
    return heard


def unaltered(utterance: Utterance) -> NDArray[np.float64]:
    """Log p of every token in the sound as it is, (token,): one decoder pass."""
    with hearing(utterance.model.network):
        found: NDArray[np.float64] = utterance.log_p(utterance.decode())[0].double().cpu().numpy()
    return found
