"""The checks, a module each: `KINDS`, the findings it may yield, and `run`, which yields them."""
