"""The tables of ``run quantization``."""

from collections.abc import Mapping

from depthscope.report.codebook.meaning import ANY, BOTH, DZ, LAYER, Meaning, cluster_lines, of_cse, p_of, share

SCHEME = Meaning("scheme of quantisation; none: the original")
TIMES, SPEED = "0 or more", "tokens a second"
MOVED = "shares of the effect in the original"

TABLES: Mapping[str, Mapping[str, Meaning]] = {
    "schemes.csv": {
        "scheme": SCHEME,
        "weights": Meaning("how the network says it holds its weights"),
        "failed": Meaning("why there are no numbers; empty: there are"),
        "weight_bytes": Meaning("all parameters and buffers, what is shared counted once", "bytes", TIMES),
        "peak_bytes": Meaning("largest memory over what the process held before loading", "bytes", TIMES),
        "load_seconds": Meaning("time to load", "seconds", TIMES),
        "prefill": Meaning("speed of reading, batch of one", SPEED, TIMES),
        "decode": Meaning("speed of writing, batch of one", SPEED, TIMES),
        "perplexity": Meaning("perplexity of the passage", "", "1 or more"),
        "agreement": share("tokens of the passage for which the likeliest one is that of the original"),
        "state_error": Meaning("relative error of the states, median over texts and layers", "", TIMES),
        "state_cosine": Meaning("cosine of the states with those of the original, median", "", BOTH),
        "cse_drift": Meaning("change of CSE / its spread between items, mean over layers", "", TIMES),
        "effect": Meaning("dz of the contrast at the layers of the original's strongest cluster", DZ, ANY),
        "effect_low": Meaning("lower end of the 95 % interval of effect", DZ, ANY),
        "effect_high": Meaning("upper end of this interval", DZ, ANY),
        "moved": Meaning("change of the difference in CSE there, item by item", MOVED, ANY),
        "moved_low": Meaning("lower end of the 95 % interval of moved", MOVED, ANY),
        "moved_high": Meaning("upper end of this interval", MOVED, ANY),
        "share": Meaning("far end of that interval: the effect may have moved by so much", MOVED, TIMES),
        "cluster": Meaning("layers of the cluster that answers to the original's strongest; empty: none"),
        "p": p_of("family-wise p of that cluster"),
        "clusters": Meaning("all clusters with p <= .05: layers and direction"),
    },
    "layers.csv": {
        "layer": LAYER,
        "drift": Meaning("root mean square change of CSE, over texts", "CSE", TIMES),
        "spread": Meaning("standard deviation of CSE between items, within conditions, of the original", "CSE", TIMES),
        "ratio": Meaning("drift / spread", "", TIMES),
        "state_error": Meaning("relative error of the states after this layer, median over texts", "", TIMES),
        "state_cosine": Meaning("cosine of these states with those of the original, median over texts", "", BOTH),
        "scheme": SCHEME,
        "difference": of_cse("mean difference of the contrast at this layer"),
    },
    "clusters.csv": {**cluster_lines(), "scheme": SCHEME},
}
