"""Grading a class: collect the submissions, run them in a sandbox, judge them, report."""

import sys

from rnncourse.extras import require

require(
    "grading needs",
    "IPython",
    "distributed",
    "jinja2",
    "markupsafe",
    "matplotlib",
    "nbformat",
    "nbgrader",
    "sqlalchemy",
    "tqdm",
    "traitlets",
    extra="grading",
)
if sys.platform == "linux":
    require("grading needs", "pyseccomp", extra="grading")
