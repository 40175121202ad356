"""Runs on real tracks: their configuration and their stages, beside those of the synthetic world."""
