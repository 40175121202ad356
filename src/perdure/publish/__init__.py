"""Results of a run on a branch of their own, committed and pushed beside the user's work."""
