"""Sounds of every kind become one channel at one rate, at the same seconds; what is no sound is refused in a sentence."""

import os

import numpy as np
import pytest

from depthscope.errors import DepthscopeError
from depthscope.stimuli import resampling
from depthscope.stimuli.resampling import resampled
from depthscope.stimuli.sound import Sound, read_sound, sound_files

soundfile = pytest.importorskip("soundfile")

RATES = (8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 44_099)


def tone(hertz, rate, seconds=1.0, level=0.5):
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def click(rate, at, seconds=1.0):
    samples = np.zeros(round(seconds * rate), np.float32)
    samples[round(at * rate)] = 0.9
    return samples


def level(samples, rate, hertz):
    """Amplitude of a sine within the sound, away from its ends."""
    middle = np.asarray(samples, float)[rate // 10 : -rate // 10]
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / rate)
    window = np.hanning(len(middle))
    return 2 * abs((window * middle * turns).sum()) / window.sum()


def refused(source, *words, **options):
    with pytest.raises(DepthscopeError) as caught:
        read_sound(source, **options)
    said = str(caught.value)
    for word in words:
        assert word in said, said
    assert "\n" not in said
    return said


# resampling


@pytest.mark.parametrize("rate", RATES)
def test_a_click_keeps_its_time(rate):
    sound = read_sound(click(rate, 0.3), rate=rate)
    assert len(sound.samples) == 16_000 + (rate == 44_099)
    assert abs(np.abs(sound.samples).argmax() / 16_000 - round(0.3 * rate) / rate) <= 0.5 / 16_000


@pytest.mark.parametrize("rate", RATES)
def test_a_sine_that_both_rates_know_stays_what_it_is(rate):
    hertz = 0.4 * min(rate, 16_000)
    sound = read_sound(tone(hertz, rate), rate=rate)
    wanted = tone(hertz, 16_000, 1.1)
    middle = slice(1600, -1600)
    # the ratio of 44,099 Hz is an approximation, within 1e-8
    assert np.abs(sound.samples - wanted[: len(sound.samples)])[middle].max() < 2e-3


@pytest.mark.parametrize("hertz", [8_100, 9_000, 12_000, 15_900, 20_000])
def test_nothing_is_folded_back_below_the_new_nyquist_frequency(hertz):
    loud = read_sound(tone(hertz, 48_000), rate=48_000).samples[1600:-1600]
    assert np.abs(loud).max() < 0.5 * 10 ** (-70 / 20)


def test_what_is_heard_as_speech_passes_whole():
    for hertz in (80, 1_000, 5_000, 7_300):
        assert level(read_sound(tone(hertz, 44_100), rate=44_100).samples, 16_000, hertz) == pytest.approx(
            0.5, rel=1e-3
        )


def test_no_image_appears_above_the_old_nyquist_frequency():
    samples = read_sound(tone(3_000, 8_000), rate=8_000).samples
    assert level(samples, 16_000, 5_000) < 0.5 * 1e-3


@pytest.mark.parametrize("rate", [8_000, 44_100, 44_099, 48_000])
def test_blocks_show_nowhere(rate, monkeypatch):
    samples = np.random.default_rng(0).normal(0, 0.1, 3 * rate + 17).astype(np.float32)
    whole = np.concatenate(list(resampled(iter([samples]), rate, 16_000)))
    monkeypatch.setattr(resampling, "BLOCK", 5_000)
    pieces = np.split(samples, [1, 500, rate, rate + 3, 2 * rate])
    parts = list(resampled(iter(pieces), rate, 16_000))
    assert len(parts) > 2 or rate == 44_099
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)
    assert abs(len(whole) - len(samples) * 16_000 / rate) <= 1


def test_a_long_recording_does_not_drift_at_an_odd_rate():
    rate, seconds = 44_099, 40
    samples = np.zeros(rate * seconds, np.float32)
    samples[39 * rate] = 0.9
    assert np.abs(read_sound(samples, rate=rate).samples).argmax() == 39 * 16_000


# files


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_files_of_every_kind_are_read_at_the_same_time(tmp_path, suffix, channels):
    rate = 44_100
    mono = click(rate, 0.5) + tone(440, rate, level=0.01)
    path = tmp_path / f"a b.{suffix}"
    soundfile.write(path, np.stack([mono] * channels, axis=1), rate)
    sound = read_sound(path)
    assert (sound.rate, sound.name, sound.path) == (16_000, path.name, path)
    assert sound.samples.dtype == np.float32
    assert sound.seconds == pytest.approx(1, abs=0.05)
    assert abs(int(np.abs(sound.samples).argmax()) - 8_000) <= 1
    wanted = ["2 channels mixed into one"] * (channels - 1) + ["resampled from 44,100 Hz"]
    assert list(sound.notes) == wanted


def test_a_file_and_its_samples_give_the_same_sound(tmp_path):
    samples = (np.random.default_rng(1).normal(0, 3000, 22_050)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 22_050)
    assert read_sound(tmp_path / "a.wav").digest == read_sound(samples, rate=22_050).digest


def test_the_mixture_is_the_mean_of_the_channels(tmp_path):
    left, right = tone(300, 16_000), tone(500, 16_000, level=0.3)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav").samples, (left + right) / 2, atol=1e-6)


def test_a_large_file_is_read_in_blocks(tmp_path, monkeypatch):
    import depthscope.stimuli.sound as module

    samples = np.random.default_rng(2).normal(0, 0.1, (30_000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    monkeypatch.setattr(module, "BLOCK", 1000)
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav").samples, samples.mean(axis=1), atol=1e-7)


def test_memory_is_that_of_the_result_and_a_block(tmp_path):
    import tracemalloc

    with soundfile.SoundFile(tmp_path / "a.wav", "w", 48_000, 2) as file:
        block = np.random.default_rng(0).normal(0, 0.1, (480_000, 2))
        for _ in range(18):
            file.write(block)
    read_sound(block[:48_000], rate=48_000)  # what libraries keep is not counted
    tracemalloc.start()
    sound = read_sound(tmp_path / "a.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sound.seconds == 180
    # 69 MB as floats; the result has 11.5 MB, its parts as much again
    assert peak < 2 * sound.samples.nbytes + 40e6


def test_a_file_that_ends_early_says_so(tmp_path):
    soundfile.write(tmp_path / "a.mp3", tone(440, 16_000, 4), 16_000)
    whole = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(whole[: len(whole) // 2])
    sound = read_sound(tmp_path / "a.mp3")
    assert sound.seconds < 3
    assert any(note.startswith("cut off: ") and note.endswith("of 4.0 seconds could be read") for note in sound.notes)


# arrays


def test_whole_numbers_are_scaled_by_their_type():
    wave = tone(200, 16_000, 0.2)
    wanted = read_sound(wave, rate=16_000).samples
    for kind, half in ((np.int16, 2**15), (np.int32, 2**31)):
        np.testing.assert_allclose(read_sound((wave * half).astype(kind), rate=16_000).samples, wanted, atol=1 / 2**14)
    octets = np.round(wave * 128 + 128).astype(np.uint8)
    np.testing.assert_allclose(read_sound(octets, rate=16_000).samples, wanted, atol=1 / 128)
    assert "64 bits" in refused((wave * 2**15).astype(np.int64), rate=16_000)


def test_channels_first_and_last_a_pair_a_mapping_a_list_and_a_tensor_are_one_sound():
    torch = pytest.importorskip("torch")
    both = np.stack([tone(200, 16_000, 0.5), tone(300, 16_000, 0.5)]).astype(np.float32)
    digests = {
        read_sound(both, rate=16_000).digest,
        read_sound(both.T, rate=16_000.0).digest,
        read_sound((both, 16_000)).digest,
        read_sound(both.tolist(), rate=16_000).digest,
        read_sound({"array": both, "sampling_rate": 16_000}).digest,
        read_sound(torch.tensor(both, requires_grad=True), rate=16_000).digest,
        read_sound((torch.tensor(both), np.int64(16_000))).digest,
    }
    assert len(digests) == 1
    assert read_sound(torch.tensor(both[0]).bfloat16(), rate=16_000).seconds == 0.5
    assert read_sound(both, rate=16_000).notes == ("2 channels mixed into one",)


def test_the_array_of_the_user_is_neither_changed_nor_kept():
    mine = tone(200, 16_000, 0.5).astype(np.float32)
    sound = read_sound(mine, rate=16_000, name="mine")
    mine[:] = 0
    assert sound.samples.max() > 0.4
    assert sound.name == "mine"
    with pytest.raises(ValueError, match="read-only"):
        sound.samples[0] = 1


def test_a_sound_is_itself_at_its_own_rate_and_another_at_another():
    sound = read_sound(tone(200, 16_000, 0.5), rate=16_000, name="a")
    assert read_sound(sound) is sound
    slower = read_sound(sound, to=8_000)
    assert (slower.rate, slower.seconds, slower.name) == (8_000, 0.5, "a")
    assert slower.notes == ("resampled from 16,000 Hz",)
    assert slower.digest != sound.digest
    assert Sound(sound.samples, 8_000).digest != sound.digest
    assert Sound(sound.samples.copy(), 16_000, "other").digest == sound.digest


def test_clipped_is_a_note_and_a_full_wave_is_not_clipped():
    rate = 16_000
    assert read_sound(tone(120, rate, level=1.0), rate=rate).notes == ()
    loud = (np.clip(tone(120, rate, level=1.2), -1, 1) * 32_767).astype(np.int16)
    share = 100 * np.mean(np.abs(loud) >= 32_767)
    (note,) = read_sound(loud, rate=rate).notes
    assert note == f"clipped: {share:.1f} % of its samples stand at full scale"


def test_floats_beyond_full_scale_are_scaled_down_and_told():
    sound = read_sound(tone(120, 16_000, level=1.5), rate=16_000)
    assert np.abs(sound.samples).max() == pytest.approx(1, abs=1e-6)
    assert any("beyond full scale: divided by 1.50" in note for note in sound.notes)
    refused(tone(120, 16_000, level=9_000), "reach 9,000", "int16", rate=16_000)


# what is no sound


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (np.zeros(16_000), {"rate": 16_000}, "silent"),
        (np.full(16_000, 0.2), {"rate": 16_000}, "silent"),
        (np.stack([tone(9, 16_000), -tone(9, 16_000)]), {"rate": 16_000}, "cancel each other out"),
        ([], {"rate": 16_000}, "empty"),
        (tone(200, 16_000, 0.09), {"rate": 16_000}, "90 ms are too short: give at least 0.1 s"),
        (tone(200, 16_000), {}, "give rate= in Hz"),
        (tone(200, 16_000), {"rate": 999}, "rate=999: no rate"),
        (tone(200, 16_000), {"rate": 768_001}, "rate=768,001: no rate"),
        (tone(200, 16_000), {"rate": 16_000.5}, "give a whole number"),
        (tone(200, 16_000), {"rate": float("nan")}, "give a whole number"),
        (tone(200, 16_000), {"rate": "16k"}, "give a whole number"),
        (tone(200, 16_000), {"rate": 16_000, "to": 0}, "to=0"),
        ((tone(200, 16_000), 16_000), {"rate": 8_000}, "a rate of their own"),
        (np.zeros((9, 9)), {"rate": 16_000}, "at most 8 channels"),
        (np.zeros((2, 2, 2)), {"rate": 16_000}, "shape (2, 2, 2)"),
        (np.array(0.5), {"rate": 16_000}, "shape ()"),
        (None, {"rate": 16_000}, "NoneType"),
        (["a", "b"], {"rate": 16_000}, "neither a path nor samples"),
        ([[1.0], [1.0, 2.0]], {"rate": 16_000}, "neither a path nor samples"),
        (np.array([True, False] * 9000), {"rate": 16_000}, "neither a path nor samples"),
        (np.array([1j] * 9000), {"rate": 16_000}, "neither a path nor samples"),
    ],
)
def test_what_is_no_sound_is_told_in_one_sentence(source, options, words):
    refused(source, words, **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_a_sample_that_is_no_number_is_named_by_its_second(bad):
    samples = tone(200, 16_000)
    samples[8_000] = bad
    refused(samples, "no finite number (at 0.500 s)", rate=16_000)


def test_files_that_are_none(tmp_path):
    refused(tmp_path / "none.wav", "none.wav: no such file")
    refused(str(tmp_path / "a\0b.wav"), "no name that a file can have")
    refused(tmp_path, "a folder")
    (tmp_path / "zero.wav").touch()
    refused(tmp_path / "zero.wav", "empty file (0 bytes)")
    soundfile.write(tmp_path / "head.wav", np.zeros(0), 16_000)
    refused(tmp_path / "head.wav", "empty")
    (tmp_path / "text.wav").write_text("this is no sound" * 100)
    refused(tmp_path / "text.wav", "no sound that can be read (Format not recognised)", "give .wav")
    os.mkfifo(tmp_path / "pipe.wav")
    refused(tmp_path / "pipe.wav", "no file, but a device or a pipe")
    soundfile.write(tmp_path / "slow.wav", tone(9, 500), 500)
    refused(tmp_path / "slow.wav", "rate=500: no rate")
    soundfile.write(tmp_path / "a.wav", tone(200, 16_000), 16_000)
    refused(tmp_path / "a.wav", "a file tells its own rate", rate=16_000)


def test_a_file_that_holds_what_is_no_number(tmp_path):
    samples = tone(200, 16_000)
    samples[4_000] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    refused(tmp_path / "a.wav", "a.wav", "no finite number (at 0.250 s)")


def test_a_damaged_file_is_told_with_the_reason(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 64_000), 16_000)
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "a.flac", "a.flac: damaged after", "lost sync", "take a whole copy")


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("film.mp4", b"anything at all"),
        ("film.MKV", b"anything at all"),
        ("talk.m4a", b"anything at all"),
        ("talk.aac", b"anything at all"),
        ("talk.wav", b"\0\0\0\x18ftypmp42"),
        ("talk.mp3", b"\x1a\x45\xdf\xa3webm"),
        ("talk.mp3", b"\xff\xf1\x50\x80"),
        ("talk.wav", b"RIFF\0\0\0\0AVI LIST"),
    ],
)
def test_a_video_is_told_how_to_take_the_sound_out(tmp_path, name, head):
    (tmp_path / name).write_bytes(head + bytes(1000))
    stem = name.split(".")[0]
    stem = f"{stem}-sound" if name.endswith(".wav") else stem  # what is read is not written over
    refused(tmp_path / name, f"take the sound out first, e.g. ffmpeg -i {name} -vn -ac 1 -ar 16000 {stem}.wav")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(200, 16_000), 16_000)
    (tmp_path / "a.wav").chmod(0)
    refused(tmp_path / "a.wav", "no permission")


# folders


def test_a_folder_gives_its_sounds_in_order(tmp_path):
    for name in ("b.wav", "a.FLAC", "c/d.mp3", "c.ogg", ".hidden.wav", ".cache/e.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in sound_files(tmp_path)]
    assert names == ["a.FLAC", "b.wav", "c/d.mp3", "c.ogg"]
    assert sound_files(str(tmp_path / "notes.txt")) == [tmp_path / "notes.txt"]


def test_a_folder_without_sounds_says_what_is_there(tmp_path):
    with pytest.raises(DepthscopeError, match="no such file or folder"):
        sound_files(tmp_path / "none")
    with pytest.raises(DepthscopeError, match="only no files"):
        sound_files(tmp_path)
    (tmp_path / ".a.wav").touch()
    (tmp_path / "b.txt").touch()
    (tmp_path / "README").touch()
    with pytest.raises(
        DepthscopeError, match=r"only 2 files of other kinds \(.txt, no suffix\) and 1 hidden file; give"
    ):
        sound_files(tmp_path)
    (tmp_path / "film.mkv").touch()
    with pytest.raises(DepthscopeError, match=r"ffmpeg -i NAME.mkv .* NAME.wav"):
        sound_files(tmp_path)
