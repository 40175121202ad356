"""Proof that the checks of the evaluation pass on this machine (GREEN) and that every one of them can fail (RED)."""
