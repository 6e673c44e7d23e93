"""examples/train_ddp.py has one result on one process, on two, on two hosts, and after a rank was killed.

Two hosts are two network namespaces with an address each, joined by a virtual cable. They need Linux and the
right to make namespaces.
"""

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed

SCRIPT = Path(__file__).parents[1] / "examples" / "train_ddp.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are killed and joined as on Linux"),
    pytest.mark.skipif(not torch.distributed.is_available(), reason="torch is built without distributed"),
    pytest.mark.timeout(300),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def execute(command, folder):
    """Run a command to its end in an empty folder, and return what it wrote with --out."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    with (folder / "stderr").open("w+") as stderr:
        process = subprocess.Popen(command, cwd=folder, env=env, stderr=stderr, start_new_session=True)
        try:
            code = process.wait(timeout=240)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)  # torchrun passes it on to the ranks
            process.wait()
            raise
        stderr.seek(0)
        assert code == 0, stderr.read()[-4000:]
    return torch.load(folder / "out.pt", weights_only=True)


def on_one(folder, *words):
    return execute([sys.executable, SCRIPT, "--out", "out.pt", *words], folder)


def on_two(folder, *words, restarts=0):
    address = ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    torchrun = [*TORCHRUN, "--nproc-per-node", "2", "--max-restarts", str(restarts), *address]
    return execute([*torchrun, SCRIPT, "--out", "out.pt", *words], folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process computes on the joined batch."""
    return on_one(tmp_path_factory.mktemp("alone"))


def largest_difference(found, expected):
    assert found.keys() == expected.keys()
    return max((found[name] - expected[name]).abs().max().item() for name in expected)


def check_same(found, expected):
    assert largest_difference(found["gradients"], expected["gradients"]) < 1e-6
    assert largest_difference(found["weights"], expected["weights"]) < 1e-4  # Adam divides by small numbers


def test_the_training_does_something(alone):
    assert all(g.abs().max() > 1e-4 for g in alone["gradients"].values())
    assert alone["begin"] == 0


def test_two_processes_have_the_gradients_of_one_on_the_joined_batch(alone, tmp_path):
    """Also where the lengths differ between the ranks: the longest sequences are on one of them."""
    check_same(on_two(tmp_path), alone)


def test_a_killed_rank_resumes_from_the_checkpoint(alone, tmp_path):
    found = on_two(tmp_path, "--checkpoint", "run.pt", "--kill-at", "13", restarts=1)
    assert found["begin"] == 10  # the last checkpoint before step 13
    assert largest_difference(found["weights"], alone["weights"]) < 1e-4


# ---- two hosts

# Run by `unshare`, in a network namespace of its own: make a second one, and join them by a virtual cable.
# Both end with the process that holds them, so nothing is left behind.
HOSTS = """
set -e
unshare --net sleep 600 &
other=$!
trap 'kill $other' EXIT
while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
in_other="nsenter --target $other --net"
ip link set lo up
$in_other ip link set lo up
ip link add cable0 type veth peer name cable1
ip link set cable1 netns $other
ip address add 10.77.23.1/24 dev cable0
$in_other ip address add 10.77.23.2/24 dev cable1
ip link set cable0 up
$in_other ip link set cable1 up
"""
TWO_HOSTS = (
    HOSTS
    + """
run="$1 -m torch.distributed.run --nnodes 2 --nproc-per-node 1 --master-addr 10.77.23.1 --master-port 29500"
GLOO_SOCKET_IFNAME=cable1 $in_other $run --node-rank 1 "$2" &
second=$!
GLOO_SOCKET_IFNAME=cable0 $run --node-rank 0 "$2" --out out.pt
wait $second
"""
)


ROOT = hasattr(os, "geteuid") and os.geteuid() == 0  # anyone else becomes root in a user namespace
UNSHARE = ["unshare", "--net"] if ROOT else ["unshare", "--user", "--map-root-user", "--net"]


@functools.cache
def why_no_hosts():
    """Return why namespaces can't be made here, or an empty string."""
    for command in ("unshare", "nsenter", "ip"):
        if shutil.which(command) is None:
            return f"no command {command}"
    tried = subprocess.run([*UNSHARE, "sh", "-c", HOSTS], capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else ""


def test_two_hosts_have_the_gradients_of_one_process(alone, tmp_path):
    if why_no_hosts():
        pytest.skip(f"network namespaces: {why_no_hosts()}")
    check_same(execute([*UNSHARE, "sh", "-c", TWO_HOSTS, "sh", sys.executable, SCRIPT], tmp_path), alone)
