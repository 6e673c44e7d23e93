"""The learner's own copy of the course, and JupyterLab's settings for `python course.py lab`."""
