"""Grader, workers and servers send each other only plain data: no function, class or closure is pickled.

How a function is pickled depends on the version of the pickler; names, numbers and bytes do not.
"""

import ast
import io
import json
import pickle
import sys
from pathlib import Path

import distributed.client
import distributed.protocol.pickle
import pytest
import torch
from distributed import LocalCluster
from sample_submissions import LSTM_GATES, PERFECT, ROOT, assignment

import rnncourse.grading
from rnncourse.checks.framework.cases import fresh, unchanged
from rnncourse.checks.framework.use import Use
from rnncourse.grading.cluster import Scheduler, results
from rnncourse.grading.sandbox import client
from rnncourse.grading.sandbox.limits import Limits
from rnncourse.grading.sandbox.messages import Group, Job, Plan, Task
from rnncourse.grading.sandbox.supervisor import find_use
from rnncourse.grading.sandbox.walls import missing
from rnncourse.grading.sandbox.wire import pack_inputs, unpack_inputs
from rnncourse.grading.submission import grade
from rnncourse.grading.worker import GradeRequest, Settings

PICKLERS = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "copyreg", "joblib"}
SETS = sorted(path.parent.name for path in (ROOT / "solutions").glob("*/*.ipynb"))
needs_sandbox = pytest.mark.skipif(
    sys.platform != "linux" or bool(missing()), reason="the sandbox needs Linux and its walls"
)


def imported(path):
    """Yield the names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_no_module_of_grading_pickles():
    files = sorted(Path(rnncourse.grading.__file__).parent.rglob("*.py"))
    assert len(files) > 10
    assert {path.name: PICKLERS.intersection(imported(path)) for path in files} == {
        path.name: set() for path in files
    }


def document(message):
    """Return the JSON document of a message, whether or not arrays follow it as in wire.py."""
    if message[:1] in (b"{", b"["):
        return json.loads(message)
    return json.loads(message[8 : 8 + int.from_bytes(message[:8], "little")])


@needs_sandbox
def test_the_server_is_sent_json_and_numbers(monkeypatch):
    sent, send = [], client.send
    monkeypatch.setattr(client, "send", lambda file, message: (sent.append(message), send(file, message)))
    with client.SandboxClient([ROOT / "solutions"]) as sandbox:
        assert grade("ada", LSTM_GATES, PERFECT, sandbox, Limits()).points == 17
    hidden, plan, script, *inputs = map(document, sent)
    assert str(ROOT / "solutions") in hidden
    assert plan["groups"][0]["tasks"][0]["use"] == ["rnncourse.checks.framework.use", "call"]
    assert script["steps"].count(None) == len(inputs) == len(plan["groups"])


@needs_sandbox
def test_dask_is_given_names_and_plain_data(monkeypatch):
    """The pickles that Dask sends name only Dask's own objects and two of ours, which it looks up."""
    sent, named, dumps = [], set(), distributed.protocol.pickle.dumps

    def record(value, **options):
        data = dumps(value, **options)
        sent.append(data)
        return data

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            named.add(f"{module}.{name}")
            return super().find_class(module, name)

    for module in (distributed.protocol.pickle, distributed.client):
        monkeypatch.setattr(module, "dumps", record)
    main = PERFECT.replace(
        b"import torch", b"import torch  # __main__", 1
    )  # this word sends Dask to cloudpickle
    assert main != PERFECT
    settings = Settings.of([LSTM_GATES], [ROOT / "solutions"], Limits())
    handed_in = [GradeRequest("ada", LSTM_GATES.name, PERFECT), GradeRequest("bob", LSTM_GATES.name, main)]
    with LocalCluster(n_workers=1, protocol="tcp", dashboard_address=None) as cluster:
        address = Scheduler(cluster.scheduler_address, insecure=True)
        graded = results(address, settings, {LSTM_GATES.name: LSTM_GATES}, handed_in)
        found = {each.student: each.points for each in graded}
    assert found == {"ada": 17, "bob": 17}
    for data in sent:
        Reader(io.BytesIO(data)).load()
    ours = {name for name in named if name.partition(".")[0] not in ("dask", "distributed")}
    assert ours == {"rnncourse.grading.cluster.Grading", "rnncourse.grading.cluster._grade"}


def steps(tensor):
    """Return the strides; that of an axis with one entry has no meaning."""
    return [step for step, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


@pytest.mark.parametrize("name", SETS)
def test_inputs_arrive_as_they_were_drawn(name):
    """This holds for the arguments of every case of every exercise set."""
    given = [[case.arguments for case in check.cases(3)] for check in assignment(name).checks.values()]
    arrived = unpack_inputs(pack_inputs(given))
    assert len(arrived) == len(given)
    for task, same_task in zip(given, arrived, strict=True):
        for case, same_case in zip(task, same_task, strict=True):
            assert list(case) == list(same_case)
            for value, same in zip(case.values(), same_case.values(), strict=True):
                assert type(value) is type(same)
                assert unchanged(value, fresh(same))
                assert not isinstance(value, int | float | str) or value == same
                if isinstance(value, torch.Tensor):
                    assert (value.dtype, steps(value)) == (same.dtype, steps(same))


@pytest.mark.parametrize("name", SETS)
def test_every_use_is_found_by_its_names(name):
    for check in assignment(name).checks.values():
        found = find_use(*check.use.names)
        assert isinstance(found, Use)
        assert found.run.__code__.co_code == check.use.run.__code__.co_code
        assert found.wants == check.use.wants


def test_plan_survives_a_round_trip():
    tasks = tuple(
        Task(f"t{k}", ("module", "name"), frozenset({"torch.lstm", f"f{k}"}), k + 0.5, k) for k in (1, 2)
    )
    group = Group(tasks, ("torch.lstm",))
    job = Job(["import torch", group, "torch.optim"], [b""], Limits(cpu=3, wall=2.5, walls=False))
    assert Plan.from_bytes(job.plan.to_bytes()) == job.plan
    assert json.loads(job.script)["steps"] == ["import torch", None, "torch.optim"]
    assert job.plan.optimizers
