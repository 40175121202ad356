"""When to stop looking at a track, with which label, and at which guaranteed error rates; no network in here."""
