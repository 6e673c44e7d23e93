"""What `python course.py lab` opens: the learner's own copy of the course, and JupyterLab set up for it."""
