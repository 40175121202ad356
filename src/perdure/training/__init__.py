"""Joint training of tokenizer and evidence model."""
