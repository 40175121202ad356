"""Fitting: tokenizer and evidence model together, forests on tracks, and the folds that are left out."""
