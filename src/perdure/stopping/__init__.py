"""When to stop looking at a track, and with which label; no network in here."""
