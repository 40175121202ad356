#!/usr/bin/env bash
# Guess:  LFQ(...)(x, mask=mask) leaves padded tokens out of its entropy loss and changes nothing else; a mask that is
#         true everywhere gives the loss without a mask.
# Really: with any mask the batch entropy, the part that makes the tokenizer use its whole codebook, becomes equal to
#         the entropy per token. The loss is exactly 0 with diversity_gamma 1, whether every token has a code of its own
#         or all share one, and its gradient is 0. Selecting by the mask takes away the batch axis, the next line then
#         folds tokens into the axis of codebooks, and the mean over tokens runs over nothing.
# Seen:   vector-quantize-pytorch 1.32.0, vector_quantize_pytorch/lookup_free_quantization.py, LFQ.forward:
#         original_input[mask], then rearrange "b n ... -> (b n) ...", then reduce "... c d -> c d". 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check vector-quantize-pytorch==1.32.0 torch==2.13.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import torch
from vector_quantize_pytorch import LFQ

torch.manual_seed(0)
quantizer = LFQ(codebook_size=256, dim=8).train()
spread = torch.randn(4, 64, 8)
collapsed = spread.abs()  # every token gets the same code
everything = torch.ones(4, 64, dtype=torch.bool)


def measured(tokens, mask):
    """Loss, entropy per token, entropy over the batch and the largest gradient of the loss."""
    tokens = tokens.clone().requires_grad_()
    (_, indices, loss), parts = quantizer(tokens, mask=mask, return_loss_breakdown=True)
    loss.backward()
    numbers = loss, parts.per_sample_entropy, parts.batch_entropy, tokens.grad.abs().max()
    return indices.unique().numel(), [number.item() for number in numbers]


print("vector-quantize-pytorch", version("vector-quantize-pytorch"))
seen = {}
for name, tokens in (("spread", spread), ("collapsed", collapsed)):
    for kind, mask in (("no mask", None), ("mask all true", everything)):
        codes, seen[name, kind] = measured(tokens, mask)
        line = "{:9s} {:13s} {:3d} codes: loss {:7.4f}, entropy per token {:.4f}, batch {:.4f}, gradient {:.1e}"
        print(line.format(name, kind, codes, *seen[name, kind]))
assert seen["spread", "no mask"][0] < -0.3 and seen["collapsed", "no mask"][0] > -0.1, seen
for name in ("spread", "collapsed"):
    loss, per_token, batch, gradient = seen[name, "mask all true"]
    assert abs(loss) < 1e-6 and abs(per_token - batch) < 1e-6 and gradient < 1e-6, seen
    assert seen[name, "no mask"][3] > 1e-5, seen
PY
