"""No other user of the machine can reach a run: nothing listens, and its pipes, files and memory are closed.

A cluster's scheduler and workers do listen, but they only talk to holders of the class's certificate.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster
from distributed.security import Security
from sample_submissions import EXERCISE, LSTM_GATES, PERFECT, ROOT, with_cell

from rnncourse.cli import main
from rnncourse.grading import worker
from rnncourse.grading.sandbox.walls import missing

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

COMMAND = [sys.executable, "-c", "from rnncourse.cli import main; raise SystemExit(main())", "grade"]
NOBODY = 65534

needs_sandbox = pytest.mark.skipif(bool(missing()), reason=f"no sandbox here: {missing()}")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as another user")


def hand_in(folder, notebooks):
    for student, notebook in notebooks.items():
        path = folder / student / LSTM_GATES.name / EXERCISE.name
        path.parent.mkdir(parents=True)
        path.write_bytes(notebook)
    return folder


def as_nobody(look):
    """Return the string that `look()` returns in a process of another user."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(write, look().encode()[:60_000])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def family(process):
    own = psutil.Process(process.pid)
    return [own.pid, *(child.pid for child in own.children(recursive=True))]


def listening(pids):
    """Return the sockets on which these processes listen: (kind, address), with an @ for abstract ones."""
    inodes = set()
    for pid in pids:
        try:
            for file in Path(f"/proc/{pid}/fd").iterdir():
                target = os.readlink(file)
                if target.startswith("socket:"):
                    inodes.add(target[8:-1])
        except OSError:
            continue
    found = []
    for kind in ("tcp", "tcp6"):
        for line in Path("/proc/net", kind).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append((kind, int(fields[1].split(":")[1], 16)))
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[3], 16) & 0x10000 and fields[6] in inodes:
            found.append(("unix", fields[7] if len(fields) > 7 else ""))
    return found


def opened(pids):
    """Return what can be opened of these processes: their files and pipes, memory, environment."""
    found = []
    for pid in pids:
        try:
            files = [f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            files = []
        for path in [*files, f"/proc/{pid}/mem", f"/proc/{pid}/environ"]:
            try:
                with open(path, "rb") as file:
                    file.read(1)
                found.append(path)
            except OSError:
                continue
    return found


@needs_sandbox
@needs_root
def test_another_user_can_open_nothing(tmp_path):
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    slow = with_cell("import time\ntime.sleep(600)")
    class_ = {"ana": PERFECT, "bob": slow, "cem": slow}
    submitted, out = hand_in(tmp_path / "submitted", class_), tmp_path / "results"
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            # A sleeper that gets the sandbox before ana holds it for 3 times --seconds.
            [*COMMAND, str(submitted), "--out", str(out), "--workers", "2", "--seconds", "10"],
            cwd=ROOT,
            stderr=said,
        )
        try:
            while process.poll() is None and not list(out.rglob("ana.json")):
                time.sleep(0.05)
            pids = family(process)
            assert len(pids) >= 5, "two workers, each with a server"
            assert listening(pids) == []
            assert as_nobody(lambda: repr(opened(pids))) == "[]"
            files = [str(path) for path in (out, *out.rglob("*"))]
            readable = as_nobody(lambda: repr([path for path in files if os.access(path, os.R_OK)]))
            assert readable == "[]", "the seed, the marks"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
    assert "8787" not in (tmp_path / "said").read_text()


def test_open_sockets_are_found():
    """The listening sockets of this process are found, so an empty list means something."""
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        unix.bind(b"\0rnncourse-test")
        unix.listen()
        found = listening([os.getpid()])
        assert ("tcp", tcp.getsockname()[1]) in found
        assert ("unix", "@rnncourse-test") in found


# ---- a cluster, over TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a self-signed certificate and its key, which give access to the cluster."""
    folder = tmp_path_factory.mktemp("tls")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rnncourse -keyout class.key"
    try:
        subprocess.run([*words.split(), "-out", "class.pem"], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here")
    return folder / "class.pem", folder / "class.key"


@pytest.fixture
def tls_cluster(certificate):
    cert, key = map(str, certificate)
    security = Security(
        require_encryption=True,
        tls_ca_file=cert,
        **{f"tls_{role}_{part}": path for role in ("client", "scheduler", "worker")
           for part, path in (("cert", cert), ("key", key))},
    )  # fmt: skip
    with LocalCluster(
        n_workers=1, processes=False, security=security, protocol="tls", dashboard_address=None
    ) as cluster:
        yield cluster


def on_cluster(folder, cluster, certificate, *more):
    submitted = hand_in(folder / "submitted", {"ana": PERFECT})
    words = ["grade", str(submitted), "--out", str(folder / "out"), "--scheduler", cluster.scheduler_address]
    cert, key = map(str, certificate)
    return main([*words, "--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key, *more])


@needs_sandbox
def test_a_class_on_a_cluster_over_tls(tmp_path, monkeypatch, tls_cluster, certificate):
    monkeypatch.chdir(ROOT)
    assert on_cluster(tmp_path, tls_cluster, certificate) == 0
    assert '"points": 17' in (tmp_path / "out" / "results" / LSTM_GATES.name / "ana.json").read_text()


def test_cluster_refuses_strangers(tls_cluster, certificate, tmp_path):
    """It refuses a client without a certificate, and one with somebody else's."""
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rnncourse -keyout key -out cert"
    subprocess.run(words.split(), cwd=tmp_path, check=True, capture_output=True)
    cert, key = str(tmp_path / "cert"), str(tmp_path / "key")
    own = Security(
        require_encryption=True, tls_ca_file=str(certificate[0]), tls_client_cert=cert, tls_client_key=key
    )
    plain = tls_cluster.scheduler_address.replace("tls://", "tcp://")
    for address, security in ((plain, None), (tls_cluster.scheduler_address, own)):
        with pytest.raises(OSError):  # noqa: PT011 - several kinds with different messages
            Client(address, security=security, timeout=2)


def test_a_worker_without_a_sandbox_is_refused(tmp_path, monkeypatch, capsys, tls_cluster, certificate):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(worker, "missing", lambda: ["Landlock"])
    assert on_cluster(tmp_path, tls_cluster, certificate) == 2
    assert "has no sandbox: Landlock. Every worker needs Linux" in capsys.readouterr().err
