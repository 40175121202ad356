"""Bounds that keep error rates: exact, by learning then testing, and those of a site."""
