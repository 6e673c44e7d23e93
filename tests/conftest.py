"""What every test stands on: one thread, and draws that do not change from run to run."""

import os

# Before anything imports torch: the nets here are small, and on them one thread is several times faster than
# many. The variable is for the processes that tests start, nbval's kernels among them: they inherit it.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RNNCOURSE_PROGRESS"] = "off"  # the tests' own points are nobody's progress
os.environ.pop("MPLBACKEND", None)  # inherited by a kernel, it would keep figures out of the outputs

import hypothesis
import matplotlib.pyplot
import pytest
import torch

torch.set_num_threads(1)
matplotlib.use("agg")  # here, a figure opens no window

# A first example may have to wait for torch: that is no fault. In CI the same examples run each time.
hypothesis.settings.register_profile(
    "rnncourse",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("rnncourse")


@pytest.fixture(autouse=True)
def _alone():
    """Each test draws the same numbers, and finds no figure open, whichever tests ran before it."""
    torch.manual_seed(0)
    matplotlib.pyplot.close("all")
