"""Run a student's notebook behind walls and bring its answers back."""
