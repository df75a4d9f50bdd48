"""What would be left if covariates had errors."""

import numpy as np

from depthscope.studies.contrast.draw_reliability import draw_reliability

LEFT = {1.0: (0.6, 0.4, 0.8), 0.8: (0.5, 0.2, 0.8), 0.5: (0.1, -np.inf, np.inf)}


def test_shares_stand_at_their_reliability_the_best_first_and_an_open_end_hides_nothing():
    ax = draw_reliability(LEFT, (0.2, 0.8), "title", "note")
    line = ax.get_lines()[-1]
    assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == {one: left[0] for one, left in LEFT.items()}
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert np.isfinite(ax.get_ylim()).all()
    assert ax.get_ylim()[1] <= 2.5
    assert [float(limit.get_ydata()[0]) for limit in ax.get_lines()[:-1]] == [0.0, 1.0, 0.2, 0.8]
