"""From a recipe to a finished run folder: stages that run only when something they depend on has changed."""
