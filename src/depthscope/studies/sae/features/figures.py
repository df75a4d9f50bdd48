"""A latent drawn: how strongly it fires, and how it lies in depth."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.drawing.alt import describe
from depthscope.drawing.reading import some
from depthscope.drawing.style import COLOURS, RULE, axes, depth_axis, heading, note, styled
from depthscope.studies.sae.features.collected import EDGES
from depthscope.words import layers_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 62.0


@styled
def draw_histogram(counts: NDArray[np.int64], title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """Activations (bins,) between consecutive edges of the histogram, on a logarithmic scale."""
    ax = axes(ax, HEIGHT)
    there = np.flatnonzero(counts)
    some_of = slice(int(there[0]), int(there[-1]) + 1)
    edges = EDGES[some_of.start : some_of.stop + 1]
    ax.bar(edges[:-1], counts[some_of], np.diff(edges), align="edge", color=COLOURS[1], linewidth=0)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel("activation")
    ax.set_ylabel("tokens")
    heading(ax, title)
    note(ax, text)
    describe(ax, title, tell_histogram(counts))
    return ax


def tell_histogram(counts: NDArray[np.int64]) -> str:
    """Where most activations are."""
    there, most = np.flatnonzero(counts), int(np.argmax(counts))
    return (
        f"Activations of {some(int(counts.sum()), 'token')}, from {EDGES[there[0]]:.3g} to {EDGES[there[-1] + 1]:.3g}; most of "
        f"them, {counts[most]:,}, between {EDGES[most]:.3g} and {EDGES[most + 1]:.3g}."
    )


@styled
def draw_separation(values: Float, layer: int, title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """How much of a latent's direction the stream has where it fires, at states 0 to L, in standard deviations."""
    ax = axes(ax, HEIGHT)
    depth_axis(ax, len(values) - 1)
    ax.set_xlim(-0.5, len(values) - 0.5)
    ax.axhline(0, color=RULE, lw=0.7, zorder=0)
    _own(ax, layer)
    ax.plot(np.arange(len(values)), values, color=COLOURS[1], marker="o", ms=2.5)
    ax.set_ylabel("standard deviations")
    heading(ax, title)
    note(
        ax,
        f"{text}. Projection of the stream on the direction, tokens it fires on less all others; dashed: its own layer",
    )
    describe(ax, title, tell_separation(values, layer))
    return ax


def tell_separation(values: Float, layer: int) -> str:
    """Where the direction is carried most."""
    if np.isnan(values).all():
        return "Nothing was measured."
    best = int(np.nanargmax(values))
    return (
        f"How much more of the direction the stream has on the tokens it fires on than on others, at states 0 to "
        f"{len(values) - 1}: most at layer {best}, {values[best]:.2g} standard deviations; {values[layer]:.2g} at its own "
        f"layer {layer}; {values[-1]:.2g} at the last."
    )


@styled
def draw_cse(own: Float, other: Float, layer: int, title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """Mean CSE of the tokens that a latent fires on, and of all others, at layers 1 to L."""
    ax = axes(ax, HEIGHT)
    layers = np.arange(1, len(own) + 1)
    depth_axis(ax, len(own))
    _own(ax, layer)
    ax.plot(layers, other, color=RULE, marker="o", ms=2, label="other tokens")
    ax.plot(layers, own, color=COLOURS[0], marker="o", ms=2.5, label="tokens it fires on")
    ax.legend()
    ax.set_ylabel("CSE")
    heading(ax, title)
    note(ax, f"{text}. Means; dashed: its own layer")
    describe(ax, title, tell_cse(own, other))
    return ax


def tell_cse(own: Float, other: Float) -> str:
    """Where the two are farthest apart."""
    gap = own - other
    known = np.flatnonzero(np.isfinite(gap))
    if not len(known):
        return "Nothing was measured."
    far = int(known[np.argmax(np.abs(gap[known]))])
    return (
        f"Mean CSE at {layers_text(known[0] + 1, known[-1] + 1)} of the tokens it fires on, {np.nanmean(own):.3f} on average, "
        f"and of all others, {np.nanmean(other):.3f}; farthest apart at layer {far + 1}, {gap[far]:+.3f}."
    )


def _own(ax: "Axes", layer: int) -> None:
    ax.axvline(layer, color=RULE, lw=0.7, ls=(0, (4, 3)), zorder=0)
