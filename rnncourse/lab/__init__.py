"""The learner's own copy of the course, and the JupyterLab settings with which `python course.py lab` opens it."""
