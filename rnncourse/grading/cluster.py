"""Grade many submissions on the workers of an existing Dask cluster, over TLS."""

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
IN_FLIGHT = 4  # submissions per worker: no worker waits, and few submissions are held in memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scheduler:
    """The address of a cluster's scheduler, and the files with which both sides identify themselves.

    ca, cert, key: Dask's --tls-ca-file, --tls-cert and --tls-key; None to use Dask's own configuration.
    insecure: connect without TLS. Anyone who reaches the scheduler's port can then run code on all machines.
    """

    address: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: bool = False

    def security(self) -> Security | None:
        """Return the TLS settings; None if `insecure`. Raise UserError if a certificate is missing."""
        if self.insecure:
            return None
        if not self.address.startswith("tls://"):
            raise UserError(
                f"the scheduler's address {self.address} does not begin with tls://. Without TLS, anyone who"
                " reaches its port can run code on every worker and read the solutions and the marks."
                " Start the cluster with certificates (docs/grading.md says how), or pass --insecure on a"
                " network that only you can reach."
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
                " files that you started the cluster with."
            )
        return security


class Grading(WorkerPlugin):
    """Keeps a grader on each worker. Dask sends the plugin to all workers, so it holds only plain data."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.to_bytes()

    def setup(self, worker) -> None:
        self.grader = Grader(Settings.from_bytes(self.settings))
        try:
            self.grader.start()
        except RuntimeError as error:
            raise RuntimeError(f"the worker at {worker.address} cannot grade: {error}") from None
        except GraderError as error:  # Dask may pass on only the message, so the message names the kind
            raise RuntimeError(f"{FAULT}{error} (the worker at {worker.address})") from None

    def teardown(self, worker) -> None:
        self.grader.stop()


def _grade(header: dict, notebook: bytes) -> str:
    """Grade on this worker. Dask sends only the names of the function and its module."""
    plugin = get_worker().plugins[NAME]
    assert isinstance(plugin, Grading)
    return plugin.grader.grade(GradeRequest.of(header, notebook)).to_json()


@contextmanager
def connected(scheduler: Scheduler, settings: Settings) -> Iterator[Client]:
    """Yield a client of the cluster. All workers are ready; a worker that joins later is prepared too."""
    with _client(scheduler) as client:
        if not client.scheduler_info()["workers"]:
            log.warning("The scheduler at %s has no workers yet: waiting for the first.", scheduler.address)
            client.wait_for_workers(1)
        try:
            client.register_plugin(Grading(settings))
        except Exception as error:  # any error of a worker; Dask passes some of them on as text
            words = " ".join(str(error).split()) or type(error).__name__
            if FAULT in words:
                raise GraderError(words.partition(FAULT)[2]) from None
            raise UserError(
                f"{words}. Every worker needs Linux with the sandbox, and the same version of"
                ' pip install "rnncourse[grading]".'
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
            " tls://10.0.0.1:8786. Is the scheduler running, with these certificates? Is this the port of"
            " its dashboard?"
        ) from None


def results(
    scheduler: Scheduler,
    settings: Settings,
    assignments: dict[str, Assignment],
    submissions: Iterable[GradeRequest],
) -> Generator[Result, None, None]:
    """Yield the result of each submission as it arrives. If a worker dies, no result is lost."""
    waiting = iter(submissions)
    with connected(scheduler, settings) as client:
        running, requests = as_completed(), {}

        def submit(some: Iterable[GradeRequest]) -> None:
            for request in some:
                future = client.submit(_grade, request.header(), request.notebook, pure=False)
                requests[future.key] = request
                running.add(future)

        submit(itertools.islice(waiting, IN_FLIGHT * max(1, len(client.scheduler_info()["workers"]))))
        for future in running:
            request = requests.pop(future.key)
            try:
                result = Result.from_json(future.result())
            except KilledWorker:  # Dask gives up after several workers have died
                why = "Several workers ended, one after another, while they graded this submission."
                assignment = assignments[request.assignment]
                result = ungraded(request.student, assignment, "fault", why, request.notebook)
            submit(itertools.islice(waiting, 1))
            yield result
