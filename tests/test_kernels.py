"""A forked kernel is what a started one is: fresh, in its own folder, and it ends when it is told to."""

import json
import sys

import kernels
import pytest
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, RunningKernel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels are not forked")

FACTS = """
import json, os, signal, sys
ours = [name for name in sys.modules if name.startswith("rnncourse")]
import matplotlib.pyplot as plt
plt.figure()
environment = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
print(json.dumps([os.getcwd(), sys.path, ours, sorted(globals()), plt.get_backend(), environment,
                  __name__, str(signal.getsignal(signal.SIGINT)), signal.getsignal(signal.SIGCHLD),
                  sys.flags.dev_mode, os.getpid() == os.getpgid(0)]))
"""


@pytest.fixture
def start(tmp_path):
    """A function that starts a kernel; all are stopped afterwards."""
    running = []

    def start():
        running.append(RunningKernel(CURRENT_ENV_KERNEL_NAME, cwd=str(tmp_path)))
        return running[-1]

    yield start
    for kernel in running:
        if kernel.is_alive():
            kernel.stop()


def next_output(kernel):
    """What it prints next, or the name of its error."""
    while True:
        message = kernel.get_message("iopub", 900)
        if message["msg_type"] in ("stream", "error"):
            content = message["content"]
            return content.get("text") or content["ename"]


def printed(kernel, source):
    kernel.execute_cell_input(source, allow_stdin=False)
    return next_output(kernel)


def test_a_fork_is_like_a_kernel_of_its_own(start, monkeypatch):
    fork = start()
    with monkeypatch.context() as patch:
        patch.setattr(kernels.local_provisioner, "launch_kernel", kernels.ordinary)
        other = start()
    assert isinstance(fork.km.provisioner.process, kernels.Kernel)
    assert not isinstance(other.km.provisioner.process, kernels.Kernel)
    of_fork, of_other = (json.loads(printed(kernel, FACTS)) for kernel in (fork, other))
    assert of_fork == of_other


def test_what_one_fork_does_the_next_does_not_see(start):
    printed(start(), "import torch; torch.set_default_dtype(torch.float64); torch.here = 1; print('done')")
    assert printed(start(), "import torch; print(torch.get_default_dtype(), hasattr(torch, 'here'))") == (
        "torch.float32 False\n"
    )


def test_it_is_interrupted_and_ended(start):
    kernel = start()
    process = kernel.km.provisioner.process
    assert process.poll() is None
    kernel.execute_cell_input("print('begun')\nwhile True: pass", allow_stdin=False)
    assert next_output(kernel) == "begun\n"
    kernel.interrupt()
    assert next_output(kernel) == "KeyboardInterrupt"
    assert process.poll() is None
    kernel.stop()
    assert process.poll() is not None
