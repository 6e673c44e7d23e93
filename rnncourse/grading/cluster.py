"""Many submissions on many workers, by Dask: on this machine, or on a cluster that is already there."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, as_completed, get_worker

from rnncourse.grading.files import Refused
from rnncourse.grading.grade import Assignment, grade, ungraded
from rnncourse.grading.host import Host
from rnncourse.grading.result import Result
from rnncourse.grading.sandbox import Limits, missing

NAME = "rnncourse-grading"
QUIET = {"dashboard_address": None, "memory_limit": 0, "silence_logs": logging.CRITICAL}
THREADS = 2  # of a worker: while its server runs one notebook, it judges another
IN_FLIGHT = 4  # submissions for each worker, so that none waits and few are held in memory

log = logging.getLogger(__name__)


class Grading(WorkerPlugin):
    """A worker's warm server, and what it grades with.

    Dask's workers have threads, and a process with threads must not fork: the server is another process.
    The plugin is sent to each worker, so it holds plain data; each worker makes its objects from them.
    """

    name = NAME

    def __init__(self, assignments: Iterable[Assignment], hidden: Iterable[Path], limits: Limits) -> None:
        self.exercises = [(each.name, each.stem, each.notebook, each.seed) for each in assignments]
        self.hidden = [str(path) for path in hidden]
        self.limits = dataclasses.asdict(limits)

    def setup(self, worker) -> None:
        limits = Limits(**self.limits)
        lacks = missing() if limits.walls else []
        if lacks:
            raise RuntimeError(f"a worker on {worker.address} has no sandbox: {'; '.join(lacks)}")
        torch.set_num_threads(1)
        self.assignments = {
            name: Assignment(name, stem, notebook, seed) for name, stem, notebook, seed in self.exercises
        }
        self.host = Host([Path(path) for path in self.hidden])
        self.host.start()

    def teardown(self, worker) -> None:
        self.host.stop()

    def grade(self, student: str, assignment: str, notebook: bytes) -> Result:
        return grade(student, self.assignments[assignment], notebook, self.host, Limits(**self.limits))


def _grade(student: str, assignment: str, notebook: bytes) -> str:
    """Grade on this worker. Dask sends a function by its module's and its own name."""
    plugin = get_worker().plugins[NAME]
    assert isinstance(plugin, Grading)
    return plugin.grade(student, assignment, notebook).to_json()


@contextmanager
def workers(count: int, scheduler: str | None, plugin: Grading) -> Iterator[Client]:
    """A client of `count` workers on this machine, or of the cluster whose scheduler has that address."""
    if scheduler:
        with _connected(scheduler) as client:
            if not client.scheduler_info()["workers"]:
                log.warning("The scheduler at %s has no workers yet: waiting for the first.", scheduler)
                client.wait_for_workers(1)
            _prepare(client, plugin)
            yield client
        return
    with _local(count) as cluster, Client(cluster) as client:
        _prepare(client, plugin)
        yield client


def _prepare(client: Client, plugin: Grading) -> None:
    """Every worker starts its server now, and each that joins later when it does."""
    try:
        client.register_plugin(plugin)
    except Exception as error:  # a worker's own, of any kind; Dask hands some on as their text alone
        words = " ".join(str(error).split()) or type(error).__name__
        raise Refused(
            f"a worker can't grade ({words}): expected on each are Linux with its sandbox, and"
            ' pip install "rnncourse[grading]" in this version.'
        ) from None


def _connected(scheduler: str) -> Client:
    try:
        return Client(scheduler)
    except (OSError, ValueError, MemoryError) as error:  # MemoryError: another service's bytes read as Dask's
        words = "something else does" if isinstance(error, MemoryError) else error
        raise Refused(
            f"no Dask scheduler answers at {scheduler} ({words}): expected an address such as"
            " tcp://10.0.0.1:8786. Is it running, and is that not its dashboard's port?"
        ) from None


def _local(count: int) -> LocalCluster:
    """Workers who leave Ctrl-C to this process, which then ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is started now has that for good
    try:
        return LocalCluster(n_workers=count, threads_per_worker=THREADS, **QUIET)
    finally:
        signal.signal(signal.SIGINT, before)


def results(
    client: Client, assignments: dict[str, Assignment], submissions: Iterable[tuple[str, str, bytes]]
) -> Iterator[Result]:
    """Yield the result of each (student, assignment, notebook), as they come. A worker's death costs none."""
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
            result = Result.from_json(future.result())
        except KilledWorker:  # by Dask's count, one after the other
            why = "worker after worker ended while this was graded."
            result = ungraded(student, assignments[assignment], "crashed", why, notebook)
        submit(itertools.islice(waiting, 1))
        yield result
