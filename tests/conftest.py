"""What every test stands on: one thread, draws that do not change within a run, and what the run took.

The environment is that of ../conftest.py.
"""

import os
import random
import time
from collections import Counter

import hypothesis
import kernels
import matplotlib.pyplot
import pytest
import torch

torch.set_num_threads(1)
matplotlib.use("agg")  # here, a figure opens no window
kernels.use_forks()

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


def pytest_itemcollected(item):
    if hasattr(item, "output_timeout"):  # a notebook's cell: nbval would give a busy machine 5 seconds
        item.output_timeout = 900


# ---- the run's number: what would be too much for each run is drawn from it, so that many runs see all of it


def pytest_addoption(parser):
    group = parser.getgroup("rnncourse")
    group.addoption("--run-number", type=int, help="draw what the run of this number drew")
    group.addoption("--seeds", type=int, default=2, help="test the exercises on this many seeds (default: 2)")


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # in a worker of xdist: the number is the run's, not its own
        config.option.run_number = config.workerinput["run_number"]
        return
    if config.option.run_number is None:
        config.option.run_number = random.randrange(10**6)
    config.pluginmanager.register(Seconds())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["run_number"] = node.config.option.run_number


def pytest_report_header(config):
    number = config.option.run_number
    return f"run number {number}, {config.option.seeds} seeds; to repeat its draws: --run-number {number}"


@pytest.fixture(scope="session")
def run_number(pytestconfig):
    return pytestconfig.option.run_number


@pytest.fixture(scope="session")
def seeds(run_number, pytestconfig):
    """The run's seeds for the exercises' cases, of as many bits as those that a class is graded with."""
    draw = random.Random(run_number)
    return [draw.getrandbits(48) for _ in range(pytestconfig.option.seeds)]


# ---- how long each part took


class Seconds:
    """Sums the seconds of each file of tests. All lessons are one part, and so are all solutions."""

    FOLDERS = ("notebooks/", "solutions/", "tests/sets/")

    def __init__(self):
        self.begin, self.first_test, self.parts = time.time(), None, Counter()

    def pytest_runtest_logreport(self, report):
        self.first_test = self.first_test or report.start
        file = report.nodeid.split("::")[0]
        self.parts[next(filter(file.startswith, self.FOLDERS), file)] += report.duration

    def pytest_terminal_summary(self, terminalreporter):
        if not self.parts:
            return
        total, small = self.parts.total(), self.parts.total() / 100
        terminalreporter.section("seconds by part")
        terminalreporter.line(f"{self.first_test - self.begin:6.1f}  before the first test")
        for part, seconds in self.parts.most_common():
            if seconds >= small:
                terminalreporter.line(f"{seconds:6.1f}  {part}")
        rest = [seconds for seconds in self.parts.values() if seconds < small]
        terminalreporter.line(f"{sum(rest):6.1f}  {len(rest)} others")
        terminalreporter.line(f"{total:6.1f}  in all, of all workers")
