#!/usr/bin/env bash
# Guess:  arrays(np.float64, (32, 32), elements=floats(0, 1)) draws every element, so that a property test of an image
#         function sees noise, edges and textures.
# Really: each array is one fill value with a few other elements. Of 200 arrays the median has 99 % equal pixels and not
#         one has less than about 85 % (97 % for a 64 x 64 colour image): the share of drawn elements falls with the
#         size, since about the square root of it is drawn. Code that is wrong only where neighbours differ passes.
#         fill=nothing() draws all, as long as the budget of an example lasts; for pictures, draw a seed and make noise
#         from it.
# Seen:   hypothesis 6.170.17, hypothesis/extra/numpy.py, ArrayStrategy.do_draw (the branch with a fill strategy, which
#         arrays() chooses by itself); told in the documentation of the argument fill. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hypothesis==6.170.17 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import hypothesis
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays


def shares_of_commonest(shape, **more):
    """Share of elements that are equal to the commonest one, for each of 200 arrays."""
    shares = []

    @settings(
        max_examples=200, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(arrays(np.float64, shape, elements=st.floats(0, 1), **more))
    def look(array):
        shares.append(np.unique(array, return_counts=True)[1].max() / array.size)

    look()
    return np.array(shares)


print("hypothesis", hypothesis.__version__)
for shape in ((32, 32), (3, 64, 64)):
    shares = shares_of_commonest(shape)
    print(f"{str(shape):11s} equal in 200 arrays: at least {shares.min():.0%}, median {np.median(shares):.0%}")
    assert shares.min() > 0.6 and np.median(shares) > 0.95, shares
shares = shares_of_commonest((10, 10), fill=st.nothing())
print(f"(10, 10), fill=nothing(): at least {shares.min():.0%}")
assert shares.min() < 0.2, shares.min()
PY
