"""Why tracks were decided as they were, in words that follow from stored facts and from runs of the gate again."""
