"""Honest work gets full points, however odd its notebook, and the grader's points equal the notebook's."""

# ruff: noqa: E501 - learners' code, one piece a line

import importlib
import json
import pickle
import sys
from dataclasses import replace

import cloudpickle
import nbformat
import pytest
from sample_submissions import (
    LSTM_GATES,
    PERFECT,
    ROOT,
    SEED,
    answered,
    assignment,
    code,
    marks,
    solved,
    with_cell,
    written,
)

from rnncourse.checks.framework.verdict import carried
from rnncourse.grading.sandbox.client import SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.walls import missing
from rnncourse.grading.submission import grade

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)


@pytest.fixture(scope="module")
def sandbox():
    if lacks := missing():
        pytest.skip("; ".join(lacks))
    with SandboxClient([ROOT / "solutions"]) as sandbox:
        yield sandbox


def graded(sandbox, notebook, of=LSTM_GATES):
    return grade("ada", of, notebook, sandbox, Limits())


def full(result):
    points = {task.task: task.points for task in result.tasks if task.points != task.total}
    assert (result.state, points) == ("graded", {}), result


# ---- extra cells: each is put before the second task, and in another notebook at the end

CELLS = {
    "magics": "%matplotlib inline\n%timeit -n 2 -r 1 sum(range(9))\n%pwd",
    "a refused shell": "!echo hello",
    "%%time": "%%time\nx = sum(range(9))",
    "a refused cell magic": "%%bash\nls",
    "an unknown magic": "%no_such_magic",
    "a plot": "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('figure.png'); plt.show()",
    "prints": "import sys\nprint('x' * 10**6); print('y', file=sys.stderr)",
    "warnings": "import warnings\nwarnings.warn('careful'); warnings.simplefilter('error')",
    "an error": "1 / 0",
    "not Python": "def f(:",
    "input": "name = input('who?')",
    "sys.exit": "import sys; sys.exit(1)",
    "exit": "exit()",
    "top-level await": "import asyncio\nawait asyncio.sleep(0)",
    "torch's cell, to compare": "cell = nn.LSTMCell(3, 4)\nh, c = cell(torch.zeros(2, 3))\nnn.LSTM(3, 4)(torch.zeros(5, 3))",
    "this library's, to compare": "import rnncourse\nrnncourse.LSTMCell(3, 4)(torch.zeros(2, 3))",
    "a thread that goes on": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "tqdm": "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass\nbar = tqdm(total=9); bar.update(1)",
    "a pool": "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2); list(pool.map(abs, [1]))",
    "files": "import numpy as np\ntorch.save(torch.zeros(3), 'x.pt'); torch.load('x.pt'); np.save('x', [1]); open('t', 'w').write('x')",
    "scikit-learn": "from sklearn.decomposition import PCA\nPCA(1).fit(torch.randn(5, 2).numpy())",
    "DataLoader": "from torch.utils.data import DataLoader\nfor batch in DataLoader(torch.zeros(9, 2), 3, shuffle=True): pass",
    "training": "net = nn.LSTM(3, 4)\nopt = torch.optim.Adam(net.parameters())\nnet(torch.zeros(5, 3))[0].sum().backward(); opt.step()",
    "widgets": "from ipywidgets import interact\ninteract(lambda x: x, x=3)",
    "display": "from IPython.display import HTML, Markdown, display\ndisplay(HTML('<b>x</b>'), Markdown('x'))",
    "seeds": "torch.manual_seed(5); torch.set_num_threads(2)",
    "no gradients": "torch.set_grad_enabled(False)",
    "a subprocess": "import subprocess\nsubprocess.run(['ls'])",
    "its own check": "assert check.gates(gates) == 4",
    "progress": "import rnncourse\nrnncourse.progress()",
    "another's source": "import inspect\ninspect.getsource(nn.LSTMCell)",
    "a helper's name again": "def torch_order(x):\n    return x\ni = f = g = o = 5",
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_cell_beside_the_answers_costs_nothing(sandbox, name):
    full(graded(sandbox, with_cell(CELLS[name])))
    full(graded(sandbox, with_cell(CELLS[name], before=None)))


# ---- unusual answers

GATES = "    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)\n    return torch.sigmoid(a_i), torch.sigmoid(a_f), torch.tanh(a_g), torch.sigmoid(a_o)\n"
ANSWERS = {
    "decorated": f"import functools\ndef same(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    return g\n@same\ndef gates(a):\n{GATES}",
    "cached": f"import functools\n@functools.lru_cache\ndef gates(a):\n{GATES}",
    "partial": f"import functools\ndef cut(n, a):\n{GATES}\ngates = functools.partial(cut, 4)",
    "a lambda": "gates = lambda a: [f(x) for f, x in zip((torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid), a.chunk(4, -1))]",
    "an object": f"class Gates:\n    def __call__(self, a):\n    {GATES.replace(chr(10), chr(10) + '    ')}\ngates = Gates()",
    "a module": f"class Gates(nn.Module):\n    def forward(self, a):\n    {GATES.replace(chr(10), chr(10) + '    ')}\ngates = Gates()",
    "noisy": f"import warnings, sys\ndef gates(a):\n    print('x' * 10**5); warnings.warn('w'); print('e', file=sys.stderr)\n{GATES}",
    "%%time": f"%%time\ndef gates(a):\n{GATES}",
    "an error after it": f"def gates(a):\n{GATES}\ngates(5)",
    "a display after it": f"def gates(a):\n{GATES}\ngates",
    "annotated": f"from __future__ import annotations\nfrom jaxtyping import Float\ndef gates(a: Float) -> tuple[Nothing, ...]:\n{GATES}",
    "an import within": f"def gates(a):\n    import colorsys, torch._decomp.decompositions_for_rng\n{GATES}",
    "in steps": "def gates(a):\n    raise NotImplementedError\n\n_first = gates\n" f"def gates(a):\n{GATES}",
}  # fmt: skip
ANSWERS["annotated"] = ANSWERS["annotated"].replace("from jaxtyping import Float\n", "")


@pytest.mark.parametrize("name", ANSWERS)
def test_unusual_answer_gets_full_points(sandbox, name):
    full(graded(sandbox, answered(gates=ANSWERS[name])))


def test_numpy_float32_instead_of_a_tensor_costs_nothing(sandbox):
    """It gets a remark but costs no points. (The task is not `gates`, whose result lstm_step could not use.)"""
    source = (
        "import numpy as np\ndef cell_state(f, i, g, c):\n    return (f * c + i * g).numpy().astype('f4')\n"
    )
    task = graded(sandbox, answered(cell_state=source)).tasks[0]
    assert (task.state, task.points) == ("graded", LSTM_GATES.checks[next(iter(LSTM_GATES.checks))].points), (
        task
    )


def test_class_with_extra_members_gets_full_points(sandbox):
    source = next(c.source for c in solved().cells if marks(c).get("grade_id") == "MyLSTMCell")
    more = "\n    def extra_repr(self):\n        return str(self.hidden_size)\n\n    @property\n    def H(self):\n        return self.hidden_size\n"
    full(graded(sandbox, answered(MyLSTMCell=source + more)))


# ---- unusual notebooks


def changed(change):
    notebook = solved()
    notebook.cells = change(notebook.cells) or notebook.cells
    return json.dumps(notebook).encode()


def graded_cells(cells):
    return [cell for cell in cells if marks(cell).get("grade")]


def no_marks(cells):
    for cell in cells:
        cell.metadata.clear()


def no_marks_no_ids(cells):
    for k, cell in enumerate(cells):
        cell.metadata.clear()
        cell.id = f"new-{k}"


def edited_checks(cells):
    for cell in graded_cells(cells):
        cell.source = "# mine\n" + cell.source.replace(")", ", )")


def checks_as_text(cells):
    for cell in graded_cells(cells):
        cell.cell_type = "markdown"


def doubled_checks(cells):
    return [same for cell in cells for same in ([cell] * 2 if marks(cell).get("grade") else [cell])]


def answers_as_text(cells):
    for cell in cells:
        if marks(cell).get("solution"):
            cell.cell_type = "markdown"


def no_checks(cells):
    return [cell for cell in cells if not marks(cell).get("grade")]


def no_setup(cells):
    return [cell for cell in cells if marks(cell).get("grade_id") != "setup"]


def checks_last(cells):
    return [*no_checks(cells), *graded_cells(cells)]


def checks_first(cells):
    """Put all checks above the answers, as a notebook may be whose cells were run by hand."""
    return [*cells[:2], *graded_cells(cells), *[c for c in cells[2:] if not marks(c).get("grade")]]


def answers_backwards(cells):
    answers = iter([cell for cell in cells if marks(cell).get("solution")][::-1])
    return checks_last([next(answers) if marks(cell).get("solution") else cell for cell in cells])


def answer_in_another_cell(cells):
    for cell in [cell for cell in cells if marks(cell).get("solution")]:
        cells.insert(cells.index(cell), code(cell.source))
        cell.source = "# see above"


def all_answers_in_one_cell(cells):
    answers = [cell for cell in cells if marks(cell).get("solution")]
    first, text = answers[0], "\n\n".join(cell.source for cell in answers)
    for cell in answers:
        cell.source = ""
    first.source = text


def lines_as_lists(cells):
    for cell in cells:
        cell["source"] = cell.source.splitlines(keepends=True)


FORMS = (
    no_marks, no_marks_no_ids, edited_checks, checks_as_text, doubled_checks, answers_as_text, no_checks, no_setup,
    checks_last, checks_first, answers_backwards, answer_in_another_cell, all_answers_in_one_cell, lines_as_lists,
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_notebook_of_another_form_gets_full_points(sandbox, form):
    full(graded(sandbox, changed(form)))


def test_other_formats_and_encodings_get_full_points(sandbox):
    notebook = solved()
    notebook.metadata.clear()
    full(graded(sandbox, written(notebook)))
    full(graded(sandbox, b"\xef\xbb\xbf" + PERFECT))
    full(graded(sandbox, PERFECT.decode().encode("utf-16")))
    old = nbformat.convert(solved(), 3)
    full(graded(sandbox, json.dumps(old).encode()))


# ---- the same points as in the notebook: for each task, the oracle is its own check in this process

SETS = sorted(path.parent.name for path in (ROOT / "solutions").glob("*/*.ipynb"))


@pytest.mark.parametrize("name", SETS)
def test_set_solved_and_unsolved(sandbox, name):
    of = assignment(name)
    result = graded(sandbox, of.notebook, of)
    full(result)
    assert result.points == of.total > 0
    exercise = (ROOT / "exercises" / name / f"{of.stem}.ipynb").read_bytes()
    result = graded(sandbox, exercise, of)
    assert (result.state, result.points) == ("graded", 0), result
    assert {task.verdict for task in result.tasks} == {"not written"}


WORDS = ("points", "total", "mistake", "text", "look", "lesson", "remarks", "earned")
LIBRARY = str(ROOT / "rnncourse").encode()
ELSEWHERE = LIBRARY[:-1] + b"_"  # of the same length, so that a pickle stays valid


def as_a_learners(function):
    """Return a mistake's function as a pickle with all of its code, which no longer belongs to this library."""
    return cloudpickle.dumps(function).replace(LIBRARY, ELSEWHERE)


MANY = 40


def test_known_mistakes_have_the_notebooks_points_and_words(sandbox):
    """Each submission has the next mistake of every task, up to MANY; all others take the same path."""
    package = importlib.import_module("rnncourse.checks.lstm_gates")
    cloudpickle.register_pickle_by_value(package)
    try:
        banks = [(c, [as_a_learners(m.function) for m in c.mistakes[:MANY]]) for c in package.CHECKS]
    finally:
        cloudpickle.unregister_pickle_by_value(package)
    for k in range(max(len(bank) for _, bank in banks)):
        made = [(check, bank[k]) for check, bank in banks if k < len(bank)]
        cells = {check.name: f"import pickle\n{check.name} = pickle.loads({data!r})" for check, data in made}
        tasks = {task.task: task for task in graded(sandbox, answered(**cells)).tasks}
        for check, data in made:
            verdict, task = check.verdict(pickle.loads(data), SEED), tasks[check.name]
            # A mistake that itself calls this library is forbidden in both places.
            assert verdict.state == "forbidden" or verdict.mistake == check.mistakes[k].name
            told = carried(verdict.text, verdict.origin, {name: task.mistake for name, task in tasks.items()})
            verdict = replace(verdict, text=told)
            assert [getattr(task, word) for word in WORDS] == [getattr(verdict, word) for word in WORDS]
            assert task.verdict == verdict.state
