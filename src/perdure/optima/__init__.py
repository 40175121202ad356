"""What no rule can beat where the law of tracks is known, and the rule that comes closest."""
