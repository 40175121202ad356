"""Evidence of persistence: closed-form lifetime evidence, and the model that adds what pixels and motion tell."""
