import math

import numpy as np
import pytest
from scipy import integrate

from depthscope.instrument.wavelets import DOG, Haar, Morlet, Paul, wavelet

SMOOTH = [Morlet(), Morlet(5), Paul(2), Paul(4), DOG(1), DOG(2), DOG(6)]
ALL = [*SMOOTH, Haar()]


@pytest.mark.parametrize("shape", ALL, ids=str)
def test_every_wavelet_has_unit_energy_and_no_mean(shape):
    energy = integrate.quad(lambda x: abs(shape.psi(np.array(x))) ** 2, -60, 60, limit=800, points=[-0.5, 0, 0.5])[0]
    mean = integrate.quad(lambda x: shape.psi(np.array(x)).real, -60, 60, limit=800, points=[-0.5, 0, 0.5])[0]
    assert energy == pytest.approx(1, abs=1e-5)
    assert mean == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("shape", ALL, ids=str)
def test_a_wave_has_most_power_at_the_scale_whose_fourier_period_is_its_own(shape):
    """The definition of Torrence & Compo (1998, section 3h), here by search over scales."""
    offsets = np.arange(-3000.0, 3001.0)
    wave = np.exp(2j * np.pi * offsets / (200 * shape.fourier_factor))
    scales = 200 * np.linspace(0.8, 1.2, 161)
    power = [abs((shape.taps(offsets, s, "cell").conj() * wave).sum()) ** 2 for s in scales]
    assert scales[int(np.argmax(power))] == pytest.approx(200, rel=0.006)


def test_known_fourier_factors_of_torrence_and_compo():
    assert Morlet(6).fourier_factor == pytest.approx(1.03, abs=0.005)
    assert Paul(4).fourier_factor == pytest.approx(1.396, abs=0.001)
    assert DOG(2).fourier_factor == pytest.approx(3.974, abs=0.001)
    assert DOG(6).fourier_factor == pytest.approx(2.465, abs=0.001)


def test_cone_of_influence_in_periods_is_that_of_the_literature():
    for shape, expected in ((Morlet(6), 1.37), (Paul(4), 0.51), (DOG(2), 0.36)):
        assert shape.coi_factor / shape.fourier_factor == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("shape", SMOOTH, ids=str)
def test_cell_sampling_is_the_mean_over_the_cell(shape):
    offset, scale = 1.0, 1.7
    part = {
        kind: integrate.quad(lambda x, k=kind: getattr(shape.psi(np.array(x / scale)), k), offset - 0.5, offset + 0.5)[
            0
        ]
        for kind in ("real", "imag")
    }
    expected = (part["real"] + 1j * part["imag"]) / math.sqrt(scale)
    assert complex(shape.taps(np.array([offset]), scale, "cell")[0]) == pytest.approx(expected, abs=1e-12)


def test_haar_by_cell_is_exact():
    # at scale 2 a cell is half a unit wide: the step covers two whole layers
    taps = Haar().taps(np.arange(-2.0, 3.0), 2.0, "cell") * math.sqrt(2)
    assert taps == pytest.approx([0, 0.5, 0, -0.5, 0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("morlet", Morlet(6)),
        ("Morlet(5.5)", Morlet(5.5)),
        ("paul", Paul(4)),
        ("paul6", Paul(6)),
        ("dog-6", DOG(6)),
        ("mexican-hat", DOG(2)),
        ("haar", Haar()),
        (Paul(3), Paul(3)),
    ],
)
def test_names(name, expected):
    assert wavelet(name) == expected


@pytest.mark.parametrize("name", ["db4", "paul(0)", "paul(2.5)", "morlet(0)", "dog(200)", ""])
def test_impossible_names_are_refused(name, refuses):
    with refuses():
        wavelet(name)
