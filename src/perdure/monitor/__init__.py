"""A page in the browser on runs at work and on a watched camera; reads their files and nothing else."""
