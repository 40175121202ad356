"""The streaming engine: the model as a whole, slots, and the gate that decides."""
