"""What can be measured of every token of a corpus, layer by layer, from its updates alone, and where the arrays are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from depthscope.arrays import Array, DepthGram, depth_gram, joined, namespace, participation
from depthscope.errors import DepthscopeError, check_choice
from depthscope.instrument.autocorrelation import lags_of, mean_cosine
from depthscope.instrument.baselines import consecutive_cosine, from_second
from depthscope.instrument.cse import cse_options, energy_of, entropy, used_scales
from depthscope.instrument.inputs import chosen_layers, signal_parts
from depthscope.instrument.transform import Transform


@dataclass(frozen=True)
class Measure:
    """A number for each token and layer.

    Attributes
    ----------
    name, about, unit : str
    of : callable
        What it is made of -> array (n, L), float64; NaN where there is none.
    needs : {"updates", "gram"}
        Updates of n tokens, float64 (n, L, d), or their Gram matrices.
    """

    name: str
    about: str
    unit: str
    of: Callable[[Any], Array]
    needs: Literal["updates", "gram"] = "updates"


def plan(name: str, depth: int, options: Mapping[str, Any] | None = None) -> Measure:
    """A measure for networks of ``depth`` layers; ``options`` are keywords of :func:`depthscope.cse`, for it alone.

    ``"cse"``, conditional scale entropy; ``"norm"``, ``|u_l|``; ``"cosine"``, of consecutive updates, NaN at layer 1;
    ``"participation"``, as a share of the width (see :func:`depthscope.baselines` for what they say);
    ``"autocorrelation"``, mean cosine with updates up to half of the depth away (:func:`depthscope.direction_autocorrelation`).

    Raises
    ------
    DepthscopeError
        No such measure, or a transform that does not fit the depth.
    """
    if name == "cse":
        return _cse(depth, **(options or {}))
    if name == "autocorrelation":
        return _autocorrelation(depth)
    if name not in _SIMPLE:
        raise DepthscopeError(f"measure {name!r}: choose among {', '.join(LAYERED)}")
    about, unit, of = _SIMPLE[name]
    return Measure(name, about, unit, of)


def together(measures: Sequence[Measure]) -> Callable[[Iterable[Array]], Array]:
    """Several measures as one function of the updates of N tokens, which come some at a time.

    Returns
    -------
    callable
        Arrays of updates, float64 (n, L, d), which are overwritten -> array (N, L x measures), side by side.
    """
    transforms = any(one.needs == "gram" for one in measures)

    def of(chunks: Iterable[Array]) -> Array:
        grams: list[DepthGram] = []
        found: dict[str, list[Array]] = {one.name: [] for one in measures}
        for updates in chunks:
            for one in measures:
                if one.needs == "updates":
                    found[one.name].append(one.of(updates))
            if transforms:
                grams.append(depth_gram(updates, overwrite=True))
        for one in measures:
            if one.needs == "gram":
                found[one.name].append(one.of(joined(grams)))
        xp = namespace(next(iter(found.values()))[0])
        return xp.concat([xp.concat(found[one.name], axis=0) for one in measures], axis=-1)

    return of


def _cse(depth: int, **options: Any) -> Measure:
    settings = cse_settings(options)
    layers = chosen_layers(depth, settings["layers"])
    signal, normalize, least, relative = (settings[name] for name in ("signal", "normalize", "min_scales", "relative"))
    if signal == "state":
        raise DepthscopeError("signal='state': a scan keeps no states; choose update, direction or norm")
    bank = Transform.of(settings).bank(len(layers))
    used = used_scales(bank, settings["mask_coi"], least)

    def of(gram: DepthGram) -> Array:
        values = entropy(energy_of(bank, signal_parts(gram, signal, layers), relative), used, normalize, least)
        if len(layers) == depth:
            return values
        # a place for every layer: the number of a column is the number of its layer
        xp = namespace(values)
        whole = xp.full((len(values), depth), xp.nan, dtype=values.dtype, device=values.device)
        whole[:, layers[0] - 1 : layers[-1]] = values
        return whole

    about = "conditional scale entropy" + (" relative to norms" if relative else "")
    return Measure("cse", about, "1" if normalize else "nats", of, "gram")


def cse_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of :func:`depthscope.cse`, with this version's defaults for those that are not given.

    Raises
    ------
    DepthscopeError
        No such option, or a value of another kind; values themselves are checked where a filter is planned.
    """
    settings = cse_options()
    for name, value in options.items():
        check_choice("option of cse", name, settings)
        problem = _problem(name, value)
        if problem:
            raise DepthscopeError(f"{name}={value!r}: {problem}")
        settings[name] = value.tolist() if hasattr(value, "tolist") else value
    return settings


def _problem(name: str, value: Any) -> str:
    if name in ("normalize", "mask_coi", "relative") and not isinstance(value, bool):
        return "give True or False"
    if name == "min_scales" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        return "give a whole number from 1 on"
    if name == "precision" and value != "double":
        return "a scan measures in double precision; leave it out"
    if name == "layers" and value is not None and not _is_pair(value):
        return "give the numbers of the first and of the last layer"
    return ""


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(one, int) for one in value)


def _autocorrelation(depth: int) -> Measure:
    lags = lags_of(None, depth)
    about = "mean cosine of updates"
    return Measure("autocorrelation", about, "1", lambda gram: mean_cosine(gram.full(), lags), "gram")


def _norm(updates: Array) -> Array:
    return namespace(updates).linalg.vector_norm(updates, axis=-1)


def _cosine(updates: Array) -> Array:
    dot = namespace(updates).sum(updates[:, 1:] * updates[:, :-1], axis=-1)
    return from_second(consecutive_cosine(dot, _norm(updates)))


def _share(updates: Array) -> Array:
    return participation(updates) / updates.shape[-1]


_SIMPLE: dict[str, tuple[str, str, Callable[[Array], Array]]] = {
    "norm": ("norm of the update", "units of the stream", _norm),
    "cosine": ("cosine of consecutive updates", "1", _cosine),
    "participation": ("participation ratio of the update", "share of the width", _share),
}
LAYERED = ("cse", *_SIMPLE, "autocorrelation")
