"""Named configurations of runs, and the stages that each kind of run goes through."""
