"""Proof that the tests of the evaluation pass on this machine (GREEN) and that each of them can fail (RED)."""
