"""The norms by layer."""

from typing import TYPE_CHECKING

from depthscope.drawing.alt import describe
from depthscope.drawing.style import axes, depth_axis, heading, styled
from tests.studies.tenth.results import Norms

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def draw_norms(norms: Norms, ax: "Axes | None" = None) -> "Axes":
    ax = axes(ax)
    ax.plot(norms.mean["layer"], norms.mean)
    ax.set_ylabel("mean norm of the update")
    heading(ax, "Norm of the update by layer")
    depth_axis(ax, len(norms.mean))
    describe(ax, "Norm of the update by layer", f"The last is {norms.ratio:.3g} times the first.")
    return ax
