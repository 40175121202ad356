"""MagVIT: a MAGVIT-v2 video tokenizer that streams frame by frame (causal convolutions, lookup-free quantization)."""
