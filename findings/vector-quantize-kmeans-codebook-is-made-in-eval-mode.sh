#!/usr/bin/env bash
# Guess:  in eval() mode and under no_grad, VectorQuantize(kmeans_init=True) reads its codebook and leaves it as it is;
#         the codebook is fitted to the first training batch.
# Really: the first batch of any kind makes the codebook, for good. A sanity check on four validation frames before
#         training, or a dry run to print shapes, fits all codes to these frames and marks the codebook as initialised,
#         so training never does it. Here 64 codes made of a dark frame leave 7 codes to the training frames. Weights
#         that were never trained look perfect in a test, too, since the codebook is fitted to the test.
# Seen:   vector-quantize-pytorch 1.32.0, vector_quantize_pytorch/vector_quantize_pytorch.py, Codebook.forward
#         calls init_embed_ without asking self.training. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    vector-quantize-pytorch==1.32.0 torch==2.13.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import torch
from vector_quantize_pytorch import VectorQuantize

torch.manual_seed(0)
dark = 0.01 * torch.randn(1, 256, 8) - 3.0
training = torch.randn(1, 256, 8) + 3.0


def fitted(first):
    """Whether an eval pass over `first` changed the codebook, and how many codes one training pass uses."""
    quantizer = VectorQuantize(dim=8, codebook_size=64, kmeans_init=True)
    before = quantizer.codebook.clone()
    quantizer.eval()
    with torch.no_grad():
        if first is not None:
            quantizer(first)
    changed = not torch.equal(before, quantizer.codebook)
    _, indices, _ = quantizer.train()(training)
    return changed, indices.unique().numel()


print("vector-quantize-pytorch", version("vector-quantize-pytorch"))
plain, dry = fitted(None), fitted(dark)
print(f"trained at once: {plain[1]} codes of 64 in use for the first training batch")
print(f"after one eval pass over another frame: codebook changed by it: {dry[0]}, {dry[1]} codes in use")
assert dry[0] and dry[1] <= 16 and plain[1] >= 48, (plain, dry)
PY
