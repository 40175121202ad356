"""Data sets of synthetic clips on disk: made in parallel, resumed after an interruption, read at random."""
