#!/usr/bin/env bash
# Guess:  video tokenizers built of "causal" convolutions (HunyuanVideo, CogVideoX, Wan, Cosmos) give a first latent
#         that depends on the first frames alone, so they can tokenize a live stream.
# Really: Wan and Cosmos do. In HunyuanVideo and CogVideoX changing only the LAST frame changes every latent of the
#         clip, the first as well (CogVideoX within the 8 to 15 frames it encodes at once): their group normalisation
#         takes mean and variance over height, width AND time. Their convolutions are causal, their names say Causal,
#         and latents of a prefix are not a prefix of the latents.
# Seen:   diffusers 0.42.1, models/autoencoders/autoencoder_kl_hunyuan_video.py, HunyuanVideoResnetBlockCausal3D
#         (GroupNorm on five-dimensional input), autoencoder_kl_cogvideox.py, CogVideoXResnetBlock3D; against
#         autoencoder_kl_wan.py, WanRMS_norm, and autoencoder_kl_cosmos.py, CosmosCausalGroupNorm. 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    diffusers==0.42.1 torch==2.13.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import torch
from diffusers import AutoencoderKLCogVideoX, AutoencoderKLCosmos, AutoencoderKLHunyuanVideo, AutoencoderKLWan
from diffusers import __version__ as diffusers_version

torch.manual_seed(0)
torch.set_num_threads(1)
WIDTHS = (8, 8, 8, 8)
tokenizers = {
    "HunyuanVideo": AutoencoderKLHunyuanVideo(
        block_out_channels=WIDTHS, norm_num_groups=2, layers_per_block=1, latent_channels=4
    ),
    "CogVideoX": AutoencoderKLCogVideoX(
        block_out_channels=WIDTHS, norm_num_groups=2, layers_per_block=1, latent_channels=4
    ),
    "Wan": AutoencoderKLWan(base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
    "Cosmos": AutoencoderKLCosmos(
        encoder_block_out_channels=WIDTHS, decode_block_out_channels=WIDTHS, latent_channels=4, num_layers=1,
        attention_resolutions=(),
    ),
}
print("diffusers", diffusers_version, "(random weights, small widths; only the last of the frames differs)")
first = {}
for name, tokenizer in tokenizers.items():
    tokenizer.eval()
    frames = 17 if name == "Cosmos" else 9
    clip = torch.randn(1, 3, frames, 32, 32)
    other = clip.clone()
    other[:, :, -1] = 3 * torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        change = tokenizer.encode(clip).latent_dist.mode() - tokenizer.encode(other).latent_dist.mode()
    per_latent = change.abs().amax(dim=(0, 1, 3, 4)).tolist()
    first[name] = per_latent[0]
    print(f"{name:12s} {frames:2d} frames, change per latent: " + ", ".join(f"{value:.1e}" for value in per_latent))
    assert per_latent[-1] > 1e-4, per_latent
assert first["Wan"] == first["Cosmos"] == 0.0, first
assert first["HunyuanVideo"] > 1e-4 and first["CogVideoX"] > 1e-4, first
PY
