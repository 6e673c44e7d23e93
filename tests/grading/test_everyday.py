"""Everyday lines above an answer in its cell, and answers in odd places, cost no honest point.

A line that this sandbox or this machine cannot run is skipped, and the cell continues. If a task needs a name
that such a line would have defined, a person is asked to look.
"""

# ruff: noqa: E501 - learners' code, one piece a line

import json
import sys

import pytest
from sample_submissions import EXERCISE, LSTM_GATES, PERFECT, ROOT, answered, code, marks, solved, written

from rnncourse.grading.report.feedback import feedback
from rnncourse.grading.sandbox.client import SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.walls import missing
from rnncourse.grading.submission import grade

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

GATES = """
def gates(a):
    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
    return torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)
"""

LINES = """
!pip install torchinfo
%pip install -q torchinfo
%conda install -y numpy
!nvidia-smi
files = !ls
!wget https://example.org/data.zip
!unzip -q data.zip -d data
!mkdir -p figures && cd figures
%cd /content
%matplotlib inline
%matplotlib widget
%config InlineBackend.figure_format = 'retina'
%load_ext autoreload
%load_ext tensorboard
%autoreload 2
%tensorboard --logdir runs
%env CUDA_VISIBLE_DEVICES=0
%who
%time x = sum(range(9))
%timeit -n 1 -r 1 sum(range(9))
%pwd
torch.nn.LSTM?
import os; os.system('ls')
import subprocess; subprocess.check_output(['ls'])
import subprocess; print(subprocess.run(['ls'], capture_output=True, text=True).stdout)
import subprocess; subprocess.Popen('ls', shell=True).wait()
import os; print(os.popen('ls').read())
from torch.utils.data import DataLoader, TensorDataset; list(DataLoader(TensorDataset(torch.zeros(4, 2)), batch_size=2, num_workers=2))
from torch.utils.data import DataLoader; loader = DataLoader(torch.zeros(4, 2), num_workers=2, persistent_workers=True, prefetch_factor=2)
import cProfile; cProfile.run('sum(range(9))')
%prun sum(range(9))
import ctypes; libc = ctypes.CDLL(None)
import gc; print(len(gc.get_objects())); gc.collect()
import platform; print(platform.platform(), platform.processor())
import getpass; user = getpass.getuser()
import getpass; token = getpass.getpass('token: ')
import os; print(os.getlogin(), os.path.expanduser('~'), os.environ.get('HOME'))
import socket; print(socket.gethostname())
import socket; socket.create_connection(('example.org', 80))
import urllib.request; urllib.request.urlretrieve('https://example.org/a.csv', 'a.csv')
compiled = torch.compile(nn.Linear(2, 2)); compiled(torch.zeros(1, 2))
traced = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)); traced(torch.zeros(1, 2))
traced = torch.jit.trace(nn.LSTMCell(2, 2), torch.zeros(1, 2))
scripted = torch.jit.script(nn.Linear(2, 2))
name = input('Your name: ')
n = int(input('How many? ') or 3)
from google.colab import drive; drive.mount('/content/drive')
from google.colab import files; uploaded = files.upload()
assert check.cell_state(cell_state) == 2
print(check.cell_state(cell_state) / 2)
import pandas as pd
import pandas as pd; df = pd.DataFrame({'a': [1]}); print(df.head())
import seaborn as sns; sns.set_theme()
from torchinfo import summary
import wandb; wandb.init(project='lstm')
from torch.utils.tensorboard import SummaryWriter; writer = SummaryWriter()
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
x = torch.zeros(3).cuda()
net = nn.LSTM(2, 3).to('cuda')
torch.set_num_threads(4); torch.set_num_interop_threads(2)
torch.manual_seed(0); import random; random.seed(0); import numpy as np; np.random.seed(0)
torch.use_deterministic_algorithms(True)
torch.autograd.set_detect_anomaly(True)
import warnings; warnings.filterwarnings('ignore')
import logging; logging.basicConfig(level=logging.INFO); logging.info('hello')
from tqdm.notebook import tqdm; [k for k in tqdm(range(3))]
import multiprocessing as mp; print(mp.cpu_count()); pool = mp.Pool(2)
from concurrent.futures import ProcessPoolExecutor; list(ProcessPoolExecutor(2).map(abs, [1]))
import matplotlib.pyplot as plt; plt.style.use('seaborn-v0_8'); plt.plot([1, 2]); plt.savefig('/content/plot.png'); plt.show()
import webbrowser; webbrowser.open('https://pytorch.org')
data = open('/content/drive/MyDrive/data.txt').read()
import torch.multiprocessing as mp; mp.set_start_method('spawn', force=True); p = mp.Process(target=print); p.start(); p.join()
from IPython.display import Image, display; display(Image(url='https://example.org/a.png'))
import IPython; IPython.display.clear_output(); shell = get_ipython(); shell.run_line_magic('pip', 'install x')
import sys; sys.path.append('/content/drive'); sys.setrecursionlimit(5000)
import faulthandler; faulthandler.enable()
import signal; signal.signal(signal.SIGALRM, lambda *a: None); signal.alarm(0)
import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
import shutil; shutil.copy('/etc/hostname', 'h'); shutil.rmtree('/content', ignore_errors=True)
""".strip().splitlines()


@pytest.fixture(scope="module")
def sandbox():
    if lacks := missing():
        pytest.skip("; ".join(lacks))
    with SandboxClient([ROOT / "solutions"]) as sandbox:
        yield sandbox


def graded(sandbox, notebook):
    return grade("ada", LSTM_GATES, notebook, sandbox, Limits())


def test_enough_lines_are_tried():
    assert len(LINES) >= 69


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:40])
def test_line_above_an_answer_costs_nothing(sandbox, line):
    result = graded(sandbox, answered(gates=line + "\n" + GATES))
    assert (result.state, result.points) == ("graded", 17), (result.stopped, result)


NEEDED = {
    "a module": ("import somebodys_math as m", "torch.sigmoid", "m.sigmoid", "`m` was not defined"),
    "a file": (
        "one = float(open('/content/one.txt').read())",
        "torch.sigmoid(a_i)",
        "torch.sigmoid(one * a_i)",
        "`one` was not defined",
    ),
    "an error of its own": ("1 / 0\nk = 4", "a.chunk(4", "a.chunk(k", "`gates`, `k` were not defined"),
}


@pytest.mark.parametrize("name", NEEDED)
def test_task_that_needs_a_stopped_line_is_marked(sandbox, name):
    """The other tasks keep their points, a person is asked to look, and the feedback names the cause."""
    line, old, new, words = NEEDED[name]
    result = graded(sandbox, answered(gates=line + "\n" + GATES.replace(old, new)))
    assert result.state == "stopped", result
    assert result.points == 5  # cell_state and from_cs231n: all others call gates
    assert {task.task for task in result.tasks if task.state == "stopped"} == {
        "gates",
        "lstm_step",
        "MyLSTMCell",
    }
    first = line.split("\n")[0]
    assert f"The line `{first}` in your notebook stopped with" in result.reason
    assert words in result.reason
    shown = json.dumps(feedback(result))
    assert words in shown
    assert result.stopped[0].line == first
    assert result.stopped[0].went_on == (name != "an error of its own")


def test_wrong_answer_beside_a_stopped_cell_is_only_wrong(sandbox):
    wrong = "import nothing_like_it\n" + GATES.replace("torch.tanh", "torch.sigmoid")
    result = graded(sandbox, answered(gates=wrong))
    assert (result.state, result.stopped[0].names) == ("graded", ("nothing_like_it",))


# ---- answers elsewhere


def moved(change):
    notebook = solved()
    notebook.cells = change(notebook.cells)
    return written(notebook)


STUBS = {
    marks(cell)["grade_id"]: "".join(cell["source"])
    for cell in (dict(cell, metadata=cell["metadata"]) for cell in json.loads(EXERCISE.read_bytes())["cells"])
    if cell["metadata"].get("nbgrader", {}).get("solution")
    for marks in (lambda cell: cell["metadata"].get("nbgrader", {}),)
}


def stub_left_above(cells):
    """Put the answer into a new cell below its check; leave the exercise's cell as it was."""
    found = []
    for cell in cells:
        name = marks(cell).get("grade_id", "")
        if name in STUBS:
            answer, cell.source = cell.source, STUBS[name]
        found.append(cell)
        if name.endswith("_check"):
            found.append(code(answer))
    return found


def stub_left_below(cells):
    """Put the answer into a new cell above; leave the exercise's cell as it was."""
    found = []
    for cell in cells:
        if marks(cell).get("grade_id") in STUBS:
            found.append(code(cell.source))
            cell.source = STUBS[marks(cell)["grade_id"]]
        found.append(cell)
    return found


def answers_at_the_end(cells):
    answers = [code(cell.source) for cell in cells if marks(cell).get("grade_id") in STUBS]
    for cell in cells:
        cell.source = STUBS.get(marks(cell).get("grade_id"), cell.source)
    return [*cells, code("torch.manual_seed(0)"), *answers]


def backwards(cells):
    """Reverse the order of the tasks, but not of the cells of a task."""
    tasks = [[]]
    for cell in cells[2:]:
        tasks[-1].append(cell)
        if marks(cell).get("grade"):
            tasks.append([])
    return [*cells[:2], *[cell for task in tasks[::-1] for cell in task]]


def used_above(cells):
    """Put a cell that needs a helper above the helper's cell."""
    for cell in cells:
        if marks(cell).get("grade_id") == "gates":
            use = "s = sigma\n" + cell.source.replace("torch.sigmoid", "s")
            cell.source = use
    return [*cells, code("sigma = torch.sigmoid")]


def without_marks_and_checks(cells):
    found = [cell for cell in cells if not marks(cell).get("grade")]
    for cell in found:
        cell.metadata.clear()
    found.insert(2, code("torch.manual_seed(0)"))
    return found


@pytest.mark.parametrize(
    "change",
    [stub_left_above, stub_left_below, answers_at_the_end, backwards, used_above, without_marks_and_checks],
    ids=lambda change: change.__name__,
)
def test_answer_in_another_place_gets_full_points(sandbox, change):
    result = graded(sandbox, moved(change))
    points = {task.task: (task.points, task.text) for task in result.tasks if task.points != task.total}
    assert (result.state, points) == ("graded", {})


def test_feedback_says_what_was_judged_at_the_end(sandbox):
    said = json.dumps(feedback(graded(sandbox, moved(stub_left_above))))
    assert "judged at the end of the notebook" in said
    assert "not written yet" not in said
    assert "judged at the end" not in json.dumps(feedback(graded(sandbox, PERFECT)))


def test_an_empty_exercise_is_still_empty(sandbox):
    result = graded(sandbox, EXERCISE.read_bytes())
    assert (result.state, result.points, result.stopped) == ("graded", 0, ())


def test_endless_loop_is_run_once(sandbox):
    """The tasks that the cell prevented are judged again, without that cell."""
    jobs = []
    run = sandbox.run

    def counted(job):
        jobs.append(job)
        return run(job)

    sandbox.run = counted
    try:
        notebook = solved()
        at = [marks(cell).get("grade_id") for cell in notebook.cells].index("from_cs231n")
        notebook.cells.insert(at, code("while True: pass"))
        result = grade("ada", LSTM_GATES, written(notebook), sandbox, Limits(cpu=1, wall=30.0))
    finally:
        sandbox.run = run
    assert [task.points for task in result.tasks] == [2, 4, 4, None, None]
    assert result.state == "timeout"
    assert sum("while True: pass" in job.steps for job in jobs) == 1
