"""The environment of every test, of a lesson or solution that is run alone as well: kernels inherit it."""

import os

# Before anything imports torch: the nets here are small, and on them one thread is several times faster than
# many.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RNNCOURSE_PROGRESS"] = "off"  # the tests' own points are nobody's progress
os.environ.pop("MPLBACKEND", None)  # inherited by a kernel, it would keep figures out of the outputs
