"""Runs on machines that ssh reaches: start, leave, come back, fetch; and machines hired for one run."""
