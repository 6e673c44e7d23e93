"""A fault of the grader is never blamed on a student: the self-test stops the run, or the state is `fault`.

Each fault is planted in a copy of the package. In the first test it is there from the start; in the second it
appears after the self-test.
"""

import os
import shutil
import subprocess
import sys

import pytest
from sample_submissions import EXERCISE, LSTM_GATES, PERFECT, ROOT

from rnncourse.grading import submission as judging
from rnncourse.grading.intake import assignment
from rnncourse.grading.sandbox.client import SandboxClient
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.walls import missing
from rnncourse.grading.submission import grade

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)
pytestmark = pytest.mark.skipif(bool(missing()), reason=f"no sandbox here: {missing()}")

# The file, the line at which the fault is planted, and whether it goes before the line or into its function.
FAULTS = {
    "a check draws no cases": ("checks/lstm_gates.py", "def _step_cases(seed", "BOOM_IN_FUNCTION"),
    "a check's import": ("checks/lstm_gates.py", "import torch", "BOOM_HERE"),
    "the judge": ("checks/framework/judge.py", "def judge(", "BOOM_IN_FUNCTION"),
    "the wire, answers": ("grading/sandbox/wire.py", "def pack_answers(", "BOOM_IN_FUNCTION"),
    "the wire, inputs": ("grading/sandbox/wire.py", "def unpack_inputs(", "BOOM_IN_FUNCTION"),
    "the wire, reading": ("grading/sandbox/wire.py", "def unpack_answers(", "BOOM_IN_FUNCTION"),
    "the server": ("grading/sandbox/supervisor.py", "    def run(self, plan", "BOOM_IN_FUNCTION"),
    "IPython is missing in the fork": ("grading/sandbox/runner.py", "def _shell(", "BOOM_IN_FUNCTION"),
    "the walls": ("grading/sandbox/walls.py", "    def enter(self", "BOOM_IN_FUNCTION"),
    "given.py": ("checks/given/h_and_c.py", "import torch", "BOOM_HERE"),
    "a use": ("checks/framework/evaluate.py", "def evaluate(", "BOOM_IN_FUNCTION"),
}


def planted(folder, name, condition="True"):
    """Make a copy of the package that raises at the fault's place if `condition` holds."""
    path, line, where = FAULTS[name]
    target = folder / "rnncourse"
    shutil.copytree(ROOT / "rnncourse", target)  # with its bytecode, which is still valid for the other files
    lines = (target / path).read_text().split("\n")
    at = next(k for k, text in enumerate(lines) if text.startswith(line))
    condition = "seed" if name == "a check draws no cases" else condition  # the import uses seed 0
    boom = f"if {condition}: raise ZeroDivisionError('planted')"
    indent = ""
    if where == "BOOM_IN_FUNCTION":
        indent = " " * (len(lines[at]) - len(lines[at].lstrip()) + 4)
        while not lines[at].endswith(":"):
            at += 1
        at += 1
    lines.insert(at, indent + boom)
    (target / path).write_text("\n".join(lines))
    return folder


def hand_in(folder):
    for student, notebook in {"ana": PERFECT, "empty": EXERCISE.read_bytes()}.items():
        path = folder / student / LSTM_GATES.name / EXERCISE.name
        path.parent.mkdir(parents=True)
        path.write_bytes(notebook)
    (folder / "absent").mkdir()
    return folder


@pytest.mark.parametrize("name", FAULTS)
def test_grader_with_a_fault_grades_nobody(tmp_path, name):
    code, out = planted(tmp_path / "code", name), tmp_path / "results"
    command = [
        sys.executable,
        "-P",
        "-c",
        "from rnncourse.cli import main; raise SystemExit(main())",
        "grade",
    ]
    words = [hand_in(tmp_path / "submitted"), "--out", out, "--feedback", "--workers", 1]
    done = subprocess.run(
        [*command, *map(str, words), "--gradebook", str(tmp_path / "gradebook.db")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 4, done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert "This is a fault of the grader, not of any student" in sentence, done.stderr
    assert sorted(path.name for path in out.rglob("*")) == ["run.json"]


@pytest.mark.parametrize("name", [
    "the wire, answers", "the wire, inputs", "the server", "a use", "the walls",
    "IPython is missing in the fork",
])  # fmt: skip
def test_fault_that_appears_later(tmp_path, monkeypatch, name):
    """It is not called a crash and gives no points, not 0; once it is gone, the next submission is graded."""
    flag = tmp_path / "planted"
    code = planted(tmp_path / "code", name, f"__import__('os').path.exists({str(flag)!r})")
    tmp_path.chmod(0o711)
    monkeypatch.setenv("PYTHONPATH", str(code))
    with SandboxClient([ROOT / "solutions"]) as sandbox:
        starts = []
        start = sandbox.start
        monkeypatch.setattr(sandbox, "start", lambda: (starts.append(1), start()))
        assert grade("ana", LSTM_GATES, PERFECT, sandbox, Limits()).points == 17
        flag.touch()
        result = grade("ana", LSTM_GATES, PERFECT, sandbox, Limits())
        assert (result.state, result.points) == ("fault", None), result
        assert len(starts) >= 1, "tried once more on a fresh server"
        assert "crashed" not in result.to_json().replace("it crashed", "")
        assert {task.points for task in result.tasks} == {None}
        assert "the grader's own code failed" in result.reason or "server" in result.reason
        flag.unlink()
        assert grade("ana", LSTM_GATES, PERFECT, sandbox, Limits()).points == 17


@pytest.mark.parametrize(
    ("place", "name"), [(judging, "judge"), (judging, "unpack_answers"), (assignment, "pack_inputs")]
)
def test_fault_outside_the_students_process(monkeypatch, place, name):
    with SandboxClient([ROOT / "solutions"]) as sandbox:
        whole = getattr(place, name)
        calls = []

        def boom(*arguments):
            calls.append(1)
            raise ZeroDivisionError("planted")

        fresh = judging.Assignment(LSTM_GATES.name, LSTM_GATES.stem, LSTM_GATES.notebook, 5)
        monkeypatch.setattr(place, name, boom)
        result = grade("ana", fresh, PERFECT, sandbox, Limits())
        assert (result.state, result.points) == ("fault", None)
        assert "ZeroDivisionError: planted" in result.reason
        assert len(calls) >= 2, "tried once more"
        monkeypatch.setattr(place, name, whole)
        assert grade("ana", fresh, PERFECT, sandbox, Limits()).points == 17
