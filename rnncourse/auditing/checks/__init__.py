"""The checks, one per module: `KINDS` names the findings that `run` may yield."""
