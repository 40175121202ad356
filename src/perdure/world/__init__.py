"""The synthetic world: spheres that move in space, seen by a camera, and a detector whose errors are known exactly."""
