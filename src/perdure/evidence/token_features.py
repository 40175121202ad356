"""Numbers per track and frame from the tokens of its crops: what they look like, and how steady they are.

What persists shows the same tokens frame after frame, also on frames that the detector missed; what flickers does not.
Numpy only and causal: a row at some age depends on this age and earlier ones.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float


def token_features(latents: Float[np.ndarray, "n l rows columns bit"]) -> Float[np.ndarray, "n l feature"]:
    """Returns one row per track and age.

    Steadiness is the share of bits that equal those of the frame before, and of the birth frame, over the whole crop
    and over its centre, each also as the mean since birth; looks are latents averaged over the centre, over the whole
    crop, their difference, and the means of these since birth.

    Args:
        latents: of the encoder before quantization; their signs are the bits (Yu et al. 2024, section 3.1).
    """
    num_rows, num_columns = latents.shape[2:4]
    rows = slice(num_rows // 4, num_rows - num_rows // 4)
    columns = slice(num_columns // 4, num_columns - num_columns // 4)
    whole, centre = latents, latents[:, :, rows, columns]
    steady, looks = [], [part.mean(axis=(2, 3)) for part in (centre, whole)]
    for part in (whole, centre):
        bits = part > 0
        before = np.concatenate([bits[:, :1], bits[:, :-1]], axis=1)
        steady += [_share(bits == before), _share(bits == bits[:, :1])]
    looks.append(looks[0] - looks[1])
    steadiness, look = np.stack(steady, axis=2), np.concatenate(looks, axis=2)
    return np.concatenate([steadiness, _since_birth(steadiness), look, _since_birth(look)], axis=2)


def _share(is_equal: Bool[np.ndarray, "n l rows columns bit"]) -> Float[np.ndarray, "n l"]:
    return is_equal.mean(axis=(2, 3, 4))


def _since_birth(values: Float[np.ndarray, "n l f"]) -> Float[np.ndarray, "n l f"]:
    return np.cumsum(values, axis=1) / np.arange(1, values.shape[1] + 1)[:, None]
