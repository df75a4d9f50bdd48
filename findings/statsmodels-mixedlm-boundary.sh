#!/usr/bin/env bash
# statsmodels 0.15.0, numpy 2.4.6, scipy 1.17.1, pandas 3.1.1, patsy 1.0.3, formulaic 1.2.2; Python 3.11, CPU.
#
# A linear mixed model whose random intercept has a variance of 0 at the maximum of the likelihood is fitted with
# MixedLM's defaults (REML). A warning says that the first optimiser failed and that lbfgs is tried; of that retry
# `result.converged` is True, nothing is said of the boundary, and the variance is reported as 3 % of that of the
# residuals, at a log-likelihood that is .36 lower than the one which method="powell" reaches on the same data, with a
# variance of 0 and a warning that names the boundary. So `converged` does not mean that the maximum was found, and a
# singular fit looks like a small real variance.
#
# Seen:
#   default: converged True, variance ratio 0.03369, log-likelihood -84.0049, boundary named: False
#   powell: converged True, variance ratio 0.00000, log-likelihood -83.6411, boundary named: True
#
# Exits with 0 while this is so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
  "statsmodels==0.15.0" "numpy==2.4.6" "scipy==1.17.1" "pandas==3.1.1" "patsy==1.0.3" "formulaic==1.2.2"
"$place/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

numbers = np.random.default_rng(9).normal(size=60)
data = pd.DataFrame({"y": numbers, "x": np.tile([0.0, 1.0], 30), "g": np.repeat(np.arange(30), 2)})
found = {}
for name, options in {"default": {}, "powell": {"method": "powell"}}.items():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit = smf.mixedlm("y ~ x", data, groups="g").fit(reml=True, **options)
    ratio = float(fit.cov_re.iloc[0, 0]) / float(fit.scale)
    named = any("boundary" in str(one.message) for one in told)
    found[name] = bool(fit.converged), ratio, float(fit.llf), named
    print(
        f"{name}: converged {fit.converged}, variance ratio {ratio:.5f}, log-likelihood {fit.llf:.4f}, "
        f"boundary named: {named}"
    )
converged, ratio, reached, named = found["default"]
still = converged and not named and ratio > 0.01 and found["powell"][2] - reached > 0.1 and found["powell"][1] < 1e-6
sys.exit(0 if still else 1)
PYTHON
