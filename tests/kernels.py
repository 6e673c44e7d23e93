"""On Linux the kernels of the tests are forks of one process that has imported torch. Each saves two seconds.

That process has imported nothing of rnncourse and has run no cell. Elsewhere kernels start as they always do.
"""

import functools
import json
import os
import select
import signal
import subprocess
import sys

from jupyter_client.provisioning import local_provisioner

SERVER = """
import json, os, signal, sys
del sys.path[0]  # the current folder: as in ipykernel_launcher
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as in ipykernel
import ipykernel.ipkernel, ipykernel.kernelapp, ipywidgets, matplotlib.pyplot, torch

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        break
    os.setpgid(pid, pid)  # a kernel is ended by its group
    print(pid, flush=True)
else:
    sys.exit()

order = json.loads(line)
null = os.open(os.devnull, os.O_RDWR)
for file in (0, 1, 2):
    os.dup2(null, file)
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.clear()
os.environ.update(order["env"], JPY_PARENT_PID=str(os.getppid()))  # it ends when that ends
os.chdir(order["cwd"])
ipykernel.kernelapp.launch_new_instance(argv=["-f", order["file"]])
"""


@functools.cache
def server():
    """It ends when this process does: it reads to the end of its input."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", SERVER], cwd=os.sep, start_new_session=True, **streams)


class Kernel:
    """A forked kernel, with what is used of subprocess.Popen. Its exit code is not known."""

    stdin = stdout = stderr = None

    def __init__(self, **order):
        print(json.dumps(order), file=server().stdin, flush=True)
        self.pid = int(server().stdout.readline())
        self._file = os.pidfd_open(self.pid)  # there even if it ended: the server waits for no child

    def poll(self, seconds=0):
        ended, _, _ = select.select([self._file], [], [], seconds)
        return 0 if ended else None

    def wait(self):
        return self.poll(None)

    def send_signal(self, number):
        signal.pidfd_send_signal(self._file, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


ordinary = local_provisioner.launch_kernel


def launch_kernel(command, cwd=None, env=None, **more):
    if command[0] != sys.executable or "ipykernel_launcher" not in command:
        return ordinary(command, cwd=cwd, env=env, **more)
    file = command[command.index("-f") + 1]
    return Kernel(file=file, cwd=cwd or os.getcwd(), env=dict(env or os.environ))


def use_forks():
    if sys.platform == "linux":
        local_provisioner.launch_kernel = launch_kernel
