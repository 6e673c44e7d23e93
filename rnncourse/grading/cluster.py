"""Many submissions on the workers of a Dask cluster that is already there, over TLS."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from distributed import Client, KilledWorker, WorkerPlugin, as_completed, get_worker
from distributed.security import Security

from rnncourse.grading.errors import GraderError, UserError
from rnncourse.grading.intake.assignment import Assignment
from rnncourse.grading.report.result import Result
from rnncourse.grading.submission import ungraded
from rnncourse.grading.worker import Grader, GradeRequest, Settings

NAME = "rnncourse-grading"
FAULT = "the grader's fault: "
IN_FLIGHT = 4  # submissions for each worker, so that none waits and few are held in memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scheduler:
    """Where a cluster's scheduler listens, and the files by which both sides know each other.

    ca, cert, key: as Dask's --tls-ca-file, --tls-cert and --tls-key; None where Dask's own configuration
    names them. insecure: anyone who reaches the scheduler's port may run code on all of its machines.
    """

    address: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: bool = False

    def security(self) -> Security | None:
        """Raise UserError, in a sentence, unless both sides show certificates."""
        if self.insecure:
            return None
        if not self.address.startswith("tls://"):
            raise UserError(
                f"the scheduler's address {self.address} does not begin with tls://. Without TLS, anyone who"
                " reaches its port can run code on every worker and read the solutions and the marks."
                " Start the cluster with certificates (docs/grading.md says how), or pass --insecure on a"
                " network that is yours alone."
            )
        named = {"tls_ca_file": self.ca, "tls_client_cert": self.cert, "tls_client_key": self.key}
        security = Security(
            require_encryption=True, **{name: path for name, path in named.items() if path is not None}
        )
        lacking = [
            option
            for option, name in (
                ("--tls-ca-file", "tls_ca_file"),
                ("--tls-cert", "tls_client_cert"),
                ("--tls-key", "tls_client_key"),
            )
            if not getattr(security, name)
        ]
        if lacking:
            raise UserError(
                f"the scheduler at {self.address} needs certificates: pass {', '.join(lacking)}, with the"
                " same files that the cluster was started with."
            )
        return security


class Grading(WorkerPlugin):
    """A grader on each worker. Dask sends the plugin to all of them, so it holds plain data."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.to_bytes()

    def setup(self, worker) -> None:
        self.grader = Grader(Settings.from_bytes(self.settings))
        try:
            self.grader.start()
        except RuntimeError as error:
            raise RuntimeError(f"the worker at {worker.address} can't grade: {error}") from None
        except GraderError as error:  # Dask may pass on the words alone
            raise RuntimeError(f"{FAULT}{error} (the worker at {worker.address})") from None

    def teardown(self, worker) -> None:
        self.grader.stop()


def _grade(header: dict, notebook: bytes) -> str:
    """Grade on this worker. Dask sends a function by its module's and its own name."""
    plugin = get_worker().plugins[NAME]
    assert isinstance(plugin, Grading)
    return plugin.grader.grade(GradeRequest.of(header, notebook)).to_json()


@contextmanager
def connected(scheduler: Scheduler, settings: Settings) -> Iterator[Client]:
    """Yield a client of the cluster. All of its workers are ready, and each that joins later gets ready."""
    with _client(scheduler) as client:
        if not client.scheduler_info()["workers"]:
            log.warning("The scheduler at %s has no workers yet: waiting for the first.", scheduler.address)
            client.wait_for_workers(1)
        try:
            client.register_plugin(Grading(settings))
        except Exception as error:  # a worker's own, of any kind; Dask passes some on as their text alone
            words = " ".join(str(error).split()) or type(error).__name__
            if FAULT in words:
                raise GraderError(words.partition(FAULT)[2]) from None
            raise UserError(
                f"{words}. Every worker needs Linux with its sandbox, and"
                ' pip install "rnncourse[grading]" in this version.'
            ) from None
        yield client


def _client(scheduler: Scheduler) -> Client:
    security = scheduler.security()
    try:
        return Client(scheduler.address, security=security)
    except (OSError, ValueError, MemoryError) as error:  # MemoryError: another service's bytes read as Dask's
        words = "something else does" if isinstance(error, MemoryError) else error
        raise UserError(
            f"no Dask scheduler answers at {scheduler.address} ({words}): expected an address such as"
            " tls://10.0.0.1:8786. Is it running, with these certificates? Is that its dashboard's port?"
        ) from None


def results(
    scheduler: Scheduler,
    settings: Settings,
    assignments: dict[str, Assignment],
    submissions: Iterable[GradeRequest],
) -> Generator[Result, None, None]:
    """Yield the result of each submission as it comes. A worker's death costs none."""
    waiting = iter(submissions)
    with connected(scheduler, settings) as client:
        running, asked = as_completed(), {}

        def submit(some: Iterable[GradeRequest]) -> None:
            for handed_in in some:
                future = client.submit(_grade, handed_in.header(), handed_in.notebook, pure=False)
                asked[future.key] = handed_in
                running.add(future)

        submit(itertools.islice(waiting, IN_FLIGHT * max(1, len(client.scheduler_info()["workers"]))))
        for future in running:
            lost = asked.pop(future.key)
            try:
                result = Result.from_json(future.result())
            except KilledWorker:  # by Dask's count, one after the other
                why = "Worker after worker ended while this was graded."
                result = ungraded(lost.student, assignments[lost.assignment], "fault", why, lost.notebook)
            submit(itertools.islice(waiting, 1))
            yield result
