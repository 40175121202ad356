"""Benchmarks: every rule and method on the same tracks, as rows of a table."""
