"""Many submissions on many workers, by Dask: on this machine, or on a cluster that is already there."""

from __future__ import annotations

import itertools
import logging
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from dask.distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, as_completed, get_worker

from rnncourse.grading.grade import Assignment, grade, ungraded
from rnncourse.grading.host import Host
from rnncourse.grading.result import Result
from rnncourse.grading.sandbox import Limits, missing

NAME = "rnncourse-grading"
QUIET = {"dashboard_address": None, "memory_limit": 0, "silence_logs": logging.CRITICAL}
THREADS = 2  # of a worker: while its server runs one notebook, it judges another
IN_FLIGHT = 4  # submissions for each worker, so that none waits and few are held in memory


class Grading(WorkerPlugin):
    """A worker's warm server, and what it grades with.

    Dask's workers have threads, and a process with threads must not fork: the server is another process.
    """

    name = NAME

    def __init__(self, assignments: dict[str, Assignment], hidden: list[Path], limits: Limits) -> None:
        self.assignments, self.hidden, self.limits = assignments, hidden, limits

    def setup(self, worker) -> None:
        lacks = missing() if self.limits.walls else []
        if lacks:
            raise RuntimeError(f"a worker on {worker.address} has no sandbox: {'; '.join(lacks)}")
        torch.set_num_threads(1)
        self.host = Host(self.hidden)
        self.host.start()

    def teardown(self, worker) -> None:
        self.host.stop()

    def grade(self, student: str, assignment: str, notebook: bytes) -> Result:
        return grade(student, self.assignments[assignment], notebook, self.host, self.limits)


def _grade(student: str, assignment: str, notebook: bytes) -> Result:
    return get_worker().plugins[NAME].grade(student, assignment, notebook)


@contextmanager
def workers(count: int, scheduler: str | None, plugin: Grading) -> Iterator[Client]:
    """A client of `count` workers on this machine, or of the cluster whose scheduler has that address."""
    if scheduler:
        with Client(scheduler) as client:
            client.register_plugin(plugin)
            yield client
        return
    with _local(count) as cluster, Client(cluster) as client:
        client.register_plugin(plugin)
        yield client


def _local(count: int) -> LocalCluster:
    """Workers who leave Ctrl-C to this process, which then ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is started now has that for good
    try:
        return LocalCluster(n_workers=count, threads_per_worker=THREADS, **QUIET)
    finally:
        signal.signal(signal.SIGINT, before)


def results(
    client: Client, plugin: Grading, submissions: Iterable[tuple[str, str, bytes]]
) -> Iterator[Result]:
    """The result of each (student, assignment, notebook), as they come. A worker's death costs none."""
    waiting = iter(submissions)
    running, asked = as_completed(), {}

    def submit(some: Iterable[tuple[str, str, bytes]]) -> None:
        for student, assignment, notebook in some:
            future = client.submit(_grade, student, assignment, notebook, pure=False)
            asked[future.key] = (student, assignment, notebook)
            running.add(future)

    submit(itertools.islice(waiting, IN_FLIGHT * max(1, len(client.scheduler_info()["workers"]))))
    for future in running:
        student, assignment, notebook = asked.pop(future.key)
        try:
            result = future.result()
        except KilledWorker:  # by Dask's count, one after the other
            why = "worker after worker ended while this was graded."
            result = ungraded(student, plugin.assignments[assignment], "crashed", why, notebook)
        submit(itertools.islice(waiting, 1))
        yield result
