"""Run a student's notebook in a sandbox and return its answers."""
