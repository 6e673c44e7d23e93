"""Each kind of task that the checks know, by a small example; what no input breaks; the time limit."""

import asyncio
import functools
import importlib
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from rnncourse.checks import given
from rnncourse.checks.framework import limit, watch
from rnncourse.checks.framework.cases import Case, Trait, fresh, random_module, random_numbers, unchanged
from rnncourse.checks.framework.check import Check
from rnncourse.checks.framework.mistakes import Mistake, Mistakes
from rnncourse.checks.framework.parts import Flag, Number, Part, Score, Shape, Whole, Word, same
from rnncourse.checks.framework.picture import HeatMaps, drawable
from rnncourse.checks.framework.progress import all_sets
from rnncourse.checks.framework.task import Criterion
from rnncourse.checks.framework.use import Problem, Use, call, load_and_call, value
from rnncourse.checks.lstm_gates import cell_state, lstm_step

# ---- predict: a dict of values, each judged by itself

shapes = Check(
    name="shapes",
    lesson="03",
    section="Three axes",
    parts=(Shape("output"), Shape("h_n"), Whole("parameters"), Flag("batch_first")),
    criteria=(
        Criterion("output", 1, ("output",)),
        Criterion("the rest", 1, ("h_n", "parameters", "batch_first")),
    ),
    truth={"output": (5, 3, 8), "h_n": (2, 3, 4), "parameters": 256, "batch_first": False},
    mistakes=(
        Mistake("h_n batch-first", {"h_n": (3, 2, 4)}, "States keep the batch in the middle.", "Three axes"),
        Mistake("one direction", {"output": (5, 3, 4)}, "How many directions write into it?", "Three axes"),
    ),
    use=value,
)


@pytest.mark.parametrize(
    ("given", "state", "points", "words"),
    [
        ({}, "right", 2, "✓ shapes: all 4 answers are right. 2 of 2 points."),
        (
            {"h_n": [2, 3, 4], "parameters": 256.0, "output": torch.Size([5, 3, 8])},
            "right",
            2,
            "all 4 answers",
        ),
        (
            {"h_n": (3, 2, 4)},
            "mistake",
            1,
            "h_n: (3, 2, 4) is not right. States keep the batch in the middle.",
        ),
        ({"h_n": (9, 9)}, "wrong", 1, "3 of 4 are right.\n  h_n: (9, 9) is not right."),
        ({"h_n": (9, 9)}, "wrong", 1, 'See lesson 03, "Three axes".'),
        ({"h_n": None}, "wrong", 1, "h_n is not answered yet."),
        ({"h_n": ...}, "wrong", 1, "h_n is not answered yet."),
        ({"h_n": 4}, "wrong", 1, "h_n is an int; expected a shape, a tuple such as (2, 3)."),
        ({"batch_first": "no"}, "wrong", 1, 'batch_first is "no"; expected True or False.'),
        ({"parameters": True}, "wrong", 1, "parameters is a bool; expected a whole number."),
        (
            {"parameters": torch.zeros(3)},
            "wrong",
            1,
            "parameters is a tensor of shape (3,); expected a whole",
        ),
    ],
)
def test_predicted_values_are_judged_one_by_one(given, state, points, words):
    verdict = shapes.verdict(shapes.truth | given)
    assert words in str(verdict)
    assert (verdict.state, verdict.points) == (state, points)
    assert "(2, 3, 4) is" not in str(verdict)  # the answer is not in it
    assert "256" not in str(verdict)


def not_written():
    raise NotImplementedError("not written yet")


def test_values_not_given():
    for nothing in (None, {}, dict.fromkeys(shapes.truth), dict.fromkeys(shapes.truth, ...)):
        assert shapes.verdict(nothing).state == "not written"
    assert "expected output, h_n, parameters and batch_first" in str(shapes.verdict(7))
    assert shapes.verdict(lambda: shapes.truth).points == 2
    assert shapes.verdict(not_written).state == "not written"
    assert "4 answers are right" in str(shapes.verdict(tuple(shapes.truth.values())))


def test_numbers_by_hand():
    check = Check(
        name="by_hand",
        lesson="01",
        parts=(Number("h_1", 0.001), Number("h_2", 0.001)),
        criteria=(Criterion("h_1", 1, ("h_1",)), Criterion("h_2", 1, ("h_2",))),
        truth={"h_1": 0.4621, "h_2": 0.2270},
        mistakes=(Mistake("tanh forgotten", {"h_1": 0.5}, "This goes into the tanh.", "The equation"),),
        use=value,
    )
    assert check.verdict({"h_1": 0.462, "h_2": torch.tensor(0.227)}).points == 2
    assert "h_1: 0.5 is not right. This goes into the tanh." in str(check.verdict({"h_1": 0.5, "h_2": 0.227}))
    assert check.verdict({"h_1": 0.47, "h_2": np.float64(0.2269)}).points == 1
    assert "h_2 is a list" in str(check.verdict({"h_1": 0.462, "h_2": [0.2]}))


# ---- choose: all or nothing, and no word on which is wrong

RUNS = ("vanishing", "exploding", "learning rate too high", "healthy")
diagnose = Check(
    name="diagnose",
    lesson="05",
    parts=tuple(Word(run, RUNS) for run in "abcd"),
    criteria=(Criterion("all four runs", 3),),
    truth=dict(zip("abcd", RUNS, strict=True)),
    use=value,
    tells=False,
)


def test_choices_cannot_be_found_by_trying():
    assert diagnose.verdict(diagnose.truth | {"a": " Vanishing "}).points == 3
    one = diagnose.verdict(diagnose.truth | {"a": "healthy"})
    all_wrong = diagnose.verdict(dict(zip("abcd", RUNS[::-1], strict=True)))
    assert str(one) == str(all_wrong)
    assert one.points == 0
    assert "at least one answer is wrong" in str(one)
    assert 'a is "dunno"; expected one of "vanishing"' in str(
        diagnose.verdict(diagnose.truth | {"a": "dunno"})
    )
    assert "b is not answered yet" in str(diagnose.verdict({"a": "healthy"}))


# ---- find and fix: the broken class as given is a mistake of its own


def _broken(x):
    return x.cumsum(0) / len(x)


def _mended(x):
    return x.cumsum(0) / torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None]


def _mean_cases(seed):
    numbers = random_numbers(seed, 1.0)
    return [Case({"x": numbers(T, B)}, {"T": T, "B": B}) for T, B in ((4, 3), (5, 2), (2, 6))]


mend = Check(
    name="running_mean",
    lesson="12",
    parts=(Part("mean", "T B"),),
    criteria=(Criterion("mean", 2),),
    truth=_mended,
    mistakes=(Mistake("as given", _broken, "nothing is mended yet: it fails as it did.", "Faults"),),
    cases=_mean_cases,
)


def test_the_broken_one_fails_and_a_repair_passes():
    assert mend.verdict(_broken).mistake == "as given"
    assert mend.verdict(_mended).points == 2


# ---- equivalence: a class like torch.nn's, built, loaded and run


def _layer_cases(seed):
    numbers = random_numbers(seed, 0.5, torch.float32)

    def case(T, B, I, H, **options):
        module = random_module("RNN", numbers, input_size=I, hidden_size=H, **options)
        arguments = {
            "input_size": I,
            "hidden_size": H,
            "options": options,
            "parameters": module.parameters,
            "input": numbers(T, B, I),
            "hx": None,
        }
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H})

    return [case(4, 3, 2, 5), case(5, 2, 3, 4, num_layers=2), case(2, 4, 5, 3)]


def test_a_layer_against_torchs():
    layer = Check(
        name="MyRNN",
        lesson="11",
        parts=(Part("output", "T B H"), Part("h_n", "L B H")),
        criteria=(Criterion("output", 2, ("output",)), Criterion("h_n", 1, ("h_n",))),
        truth=nn.RNN,
        cases=_layer_cases,
        use=load_and_call,
        forbid=frozenset(),
    )

    class Flipped(nn.RNN):
        def forward(self, *arguments):
            output, h_n = super().forward(*arguments)
            return output.flip(0), h_n

    assert layer.verdict(nn.RNN).points == 3
    assert "output: right when read backwards in time." in str(layer.verdict(Flipped))
    assert layer.verdict(Flipped).points == 1
    assert "its state_dict() has no weight_ih_l0" in str(layer.verdict(nn.Linear))
    assert "already built. Pass the class" in str(layer.verdict(nn.RNN(2, 3)))


# ---- predictions measured against a baseline


def _accuracy(found, expected):
    return float((found == expected).double().mean())


def test_predictions_against_a_threshold():
    check = Check(
        name="parity",
        lesson="17",
        parts=(Score("labels", "B", "int", measure=_accuracy, at_least=0.9, baseline="always 0: 0.5"),),
        criteria=(Criterion("accuracy", 2),),
        truth=lambda x: (x.sum(0) > 0).long(),
        cases=lambda seed: [Case({"x": random_numbers(seed, 1.0)(5, 200)}, {"T": 5, "B": 200})],
    )
    assert "✓ parity: accuracy 1, expected at least 0.9. For comparison, always 0: 0.5. 2 of 2" in str(
        check.verdict(check.truth)
    )
    always = check.verdict(lambda x: torch.zeros(x.shape[1]).long())
    assert always.points == 0
    assert "expected at least 0.9" in str(always)
    assert "labels has shape (5, 200), expected (200,)" in str(check.verdict(lambda x: (x > 0).long()))
    assert "labels is a list" in str(check.verdict(lambda x: (x.sum(0) > 0).long().tolist()))


@pytest.mark.parametrize("limit", [{"at_least": 0.5}, {"at_most": 0.95}])
def test_the_worst_case_of_a_score_is_reported(limit):
    """Of three cases that all pass, the one that is nearest to the threshold."""
    right = iter([8, 6, 9])
    check = Check(
        name="labels",
        lesson="17",
        parts=(Score("labels", "B", "int", measure=_accuracy, **limit),),
        criteria=(Criterion("accuracy", 2),),
        truth=torch.ones_like,
        cases=lambda seed: [Case({"x": torch.zeros(10).long() + k}, {"B": 10}) for k in range(3)],
    )
    verdict = check.verdict(lambda x: (torch.arange(10) < next(right)).long())
    assert verdict.state == "right"
    assert f"accuracy {0.6 if 'at_least' in limit else 0.9}, expected" in str(verdict)


# ---- weights set by hand: judged by what a cell does with them


def _run_rnn_with(returned, arguments):
    """What a cell of one unit with the returned weights makes of the hidden sequences."""
    if not isinstance(returned, dict) or returned.keys() != {"weight_ih", "weight_hh"}:
        raise Problem("expected a dict with weight_ih and weight_hh.")
    x, h = arguments["x"], torch.zeros(arguments["x"].shape[1], 1)
    for x_t in x:
        h = torch.tanh(
            x_t @ torch.as_tensor(returned["weight_ih"]).T + h @ torch.as_tensor(returned["weight_hh"]).T
        )
    return (h[:, 0] > 0.5).long()


def _weights(w, u):
    return lambda x: {"weight_ih": torch.tensor([[w]]), "weight_hh": torch.tensor([[u]])}


latch = Check(
    name="latch",
    lesson="07",
    parts=(Part("remembers", "B", "int"),),
    criteria=(Criterion("it remembers", 2),),
    truth=_weights(5.0, 3.0),
    mistakes=(Mistake("leaks", _weights(5.0, 0.5), "it forgets: h fades from step to step.", "Memory"),),
    cases=lambda seed: [
        Case(
            {
                "x": (torch.arange(T)[:, None] == torch.arange(4)).float()[..., None]
                * (torch.arange(4) > 0).float()[:, None]
            },
            {"T": T},
        )
        for T in (12, 15, 9)
    ],
    derive=_run_rnn_with,
)


def test_weights_are_judged_by_behaviour():
    assert latch.verdict(_weights(7.0, 4.0)).points == 2  # other weights, the same behaviour
    assert latch.verdict(_weights(4.0, 0.4)).mistake == "leaks"
    assert "expected a dict" in str(latch.verdict(lambda x: 3))
    assert "what it returns cannot be used" in str(
        latch.verdict(lambda x: {"weight_ih": "a", "weight_hh": "b"})
    )


# ---- a training loop: the learner trains a given module, its own Use reads the result


def _train_and_read(function, arguments):
    cell = arguments["cell"].requires_grad_()
    function(cell, arguments["x"])
    return cell.weight_hh.grad


def test_a_training_loop():
    def truth(cell, x):
        h = torch.zeros(x.shape[1], cell.hidden_size, dtype=x.dtype)
        for x_t in x:
            h = cell(x_t, h)
        h.sum().backward()

    def cases(seed):
        numbers = random_numbers(seed, 0.5)
        return [
            Case(
                {
                    "cell": random_module("RNNCell", numbers, input_size=I, hidden_size=H),
                    "x": numbers(T, B, I),
                },
                {"T": T, "B": B, "I": I, "H": H},
            )
            for T, B, I, H in ((4, 3, 2, 5), (3, 2, 4, 6), (5, 4, 3, 2))
        ]

    check = Check(
        name="train",
        lesson="14",
        parts=(Part("gradient", "H H"),),
        criteria=(Criterion("gradient", 1),),
        truth=truth,
        cases=cases,
        use=Use(_train_and_read),
        forbid={"torch.autograd.grad", "torch.func.grad"},
    )
    assert check.verdict(truth).points == 1

    def mean(cell, x):
        h = torch.zeros(x.shape[1], cell.hidden_size, dtype=x.dtype)
        for x_t in x:
            h = cell(x_t, h)
        h.sum(1).mean().backward()

    assert "B times too small. Is it a mean instead of a sum?" in str(check.verdict(mean))

    def by_grad(cell, x):
        truth(cell, x)
        torch.autograd.grad((cell.weight_hh * 2).sum(), cell.weight_hh)

    assert "this calls torch.autograd.grad" in str(check.verdict(by_grad))


# ---- what is forbidden is the task's own

CLIP = "torch.nn.utils.clip_grad_norm_"


@pytest.mark.parametrize(
    ("forbid", "does", "name"),
    [
        (watch.AUTOGRAD, lambda x: torch.autograd.grad(x.requires_grad_().sum(), x), "torch.autograd.grad"),
        (watch.AUTOGRAD, lambda x: (x.requires_grad_() * 2).sum().backward(), "torch.Tensor.backward"),
        (watch.AUTOGRAD, torch.func.grad(lambda x: (x * 2).sum()), "torch.autograd.grad"),  # made outside
        (watch.AUTOGRAD, lambda x: torch.func.grad(torch.sum)(x), "torch.func.grad"),
        (watch.PACKING, lambda x: nn.utils.rnn.pack_sequence([x]), "torch.nn.utils.rnn.pack_sequence"),
        ({CLIP}, lambda x: clip_grad_norm_([x], 1.0), CLIP),
        ({CLIP}, lambda x: nn.utils.get_total_norm([x]), None),  # it has the same decorator
        ({"torch.cumsum"}, lambda x: x.cumsum(0), "torch.cumsum"),
        ({"torch.nn.Dropout"}, lambda x: nn.Dropout()(x), "torch.nn.Dropout"),
        ((), lambda x: nn.RNN(x.shape[1], 3).double()(x)[0], None),
        (watch.RECURRENT, lambda x: nn.RNN(x.shape[1], 3).double()(x)[0], "torch.nn.RNN"),
        ((), lambda x: mend.truth(x), None),
        ((), lambda x: cell_state.truth(x, x, x, x), "rnncourse.checks.lstm_gates._cell_state"),
    ],
)  # fmt: skip
def test_a_task_says_what_is_to_be_built(forbid, does, name):
    check = Check(
        name="task",
        lesson="00",
        parts=(Part("y"),),
        criteria=(Criterion("y", 1),),
        truth=_mended,
        cases=_mean_cases,
        forbid=frozenset(forbid),
        seconds=60.0,  # torch.func's first call imports much
    )
    answers = check.evaluate(does, check.cases(0))
    assert answers[0].calls == name
    if name:
        assert f"this calls {name} in your line `" in str(check.verdict(does))


def test_a_name_that_torch_has_not_forbids_nothing_silently():
    with pytest.raises((AttributeError, ModuleNotFoundError)):
        watch.Watch({"torch.nn.LTSM"})


def test_a_scripted_function_is_looked_into():
    @torch.jit.script
    def scripted(
        x, state: list[torch.Tensor], w: torch.Tensor, u: torch.Tensor, b: torch.Tensor, d: torch.Tensor
    ):
        return torch.lstm_cell(x, state, w, u, b, d)

    assert "this calls torch.lstm_cell" in str(lstm_step.verdict(scripted))


# ---- the time limit


def loops(*arguments):
    while True:
        pass


def loops_and_swallows(*arguments):
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            if time.perf_counter() > loops_and_swallows.until:
                raise


def quick(check):
    return Check(**(vars(check) | {"seconds": 0.2}))


def test_an_endless_loop_ends():
    verdict = quick(cell_state).verdict(loops)
    assert (verdict.state, verdict.points) == ("too slow", 0)
    assert "it has not finished after 0.2 seconds. Is there a loop that never ends? Your line: `" in str(
        verdict
    )
    assert sys.getprofile() is None
    loops_and_swallows.until = time.perf_counter() + 0.5
    assert quick(cell_state).verdict(loops_and_swallows).state == "too slow"


def test_what_was_right_before_it_hung_earns_its_points():
    def hangs_without_a_batch(x_t, *arguments):
        return loops() if x_t.ndim == 1 else lstm_step.truth(x_t, *arguments)

    check = Check(**(vars(lstm_step) | {"seconds": 0.2, "forbid": frozenset()}))
    cases = check.cases(0)
    answers = check.evaluate(hangs_without_a_batch, cases)
    assert [answer.failure is None for answer in answers] == [True] * 9 + [False] * 5


def test_slow_but_right_gets_its_points_and_a_word():
    def slow(f, i, g, c):
        begin = time.thread_time()
        while time.thread_time() - begin < 0.06:
            pass
        return f * c + i * g

    verdict = quick(cell_state).verdict(slow)
    assert (verdict.state, verdict.points) == ("right", 2)
    assert "It is slow: 0.1 s for one case." in str(verdict)


def test_waiting_is_not_work(monkeypatch):
    """On a busy machine a thread waits for its turn; here it sleeps, for longer than it may work."""
    monkeypatch.setattr(limit, "PATIENCE", 1000)

    def waits(f, i, g, c):
        time.sleep(0.3)
        return f * c + i * g

    verdict = quick(cell_state).verdict(waits)
    assert (verdict.state, verdict.points) == ("right", 2)
    assert "slow" not in str(verdict)


@pytest.mark.parametrize("on_a_thread", [False, True])
def test_a_wait_without_end_ends(on_a_thread):
    def waits(*arguments):
        while True:
            time.sleep(0.01)

    check, found = Check(**(vars(cell_state) | {"seconds": 0.05})), []
    run = lambda: found.append(check.verdict(waits).state)  # noqa: E731
    if on_a_thread:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    else:
        run()
    assert found == ["too slow"]


def test_the_limit_on_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(quick(cell_state).verdict(loops).state))
    thread.start()
    thread.join()
    assert found == ["too slow"]


def test_the_alarm_of_others_comes_back():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *a: rung.append(1))
    outer = signal.setitimer(signal.ITIMER_REAL, 600)  # pytest-timeout's own, if it uses it
    try:
        with pytest.raises(limit.TooSlow), limit.time_limit(0.1):
            loops()
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left <= 600 - 0.1
        signal.raise_signal(signal.SIGALRM)
        assert rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, before)


# ---- whatever a learner hands in


class Everything(type):
    """A metaclass that lies and raises."""

    def __getattribute__(cls, name):
        raise RuntimeError(name)

    def __instancecheck__(cls, other):
        raise RuntimeError("no")


class Hostile(metaclass=Everything):
    def __getattribute__(self, name):
        raise SystemExit(name)

    def __repr__(self):
        raise SystemExit

    __str__ = __len__ = __bool__ = __eq__ = __hash__ = __iter__ = __repr__


class EndlessList(list):
    def __iter__(self):
        while True:
            yield 1

    def __len__(self):
        raise RuntimeError


class OwnDetach(torch.Tensor):
    def detach(self):
        raise RuntimeError("mine")

    clone = __repr__ = detach


def right(f, i, g, c):
    return f * c + i * g


async def asynchronous(f, i, g, c):
    return right(f, i, g, c)


def deep(f, i, g, c):
    nested = []
    for _ in range(50):
        nested = [nested]
    return nested


class AsModule(nn.Module):
    def forward(self, f, i, g, c):
        return right(f, i, g, c)


HANDED_IN = {
    "None": (None, "type", "it got None."),
    "a class": (AsModule, "type", "it got the class AsModule; expected a function."),
    "a module": (AsModule(), "right", "2 of 2 points"),
    "a partial": (functools.partial(right), "right", "2 of 2 points"),
    "a partial with too much": (functools.partial(right, 1, 2, 3), "raised", "It is called with f, i, g, c"),
    "a scripted function": (torch.jit.script(right), "right", "2 of 2 points"),
    "async": (asynchronous, "type", "returns a coroutine (from `async def`)"),
    "a generator": ((lambda *a: (yield)), "type", "returns a generator (from a `yield`)"),
    "a lambda in return": ((lambda *a: right), "type", "returns a function that was not called; expected"),
    "a class in return": ((lambda *a: AsModule), "type", "returns a class, not an instance of it"),
    "hostile in return": ((lambda *a: Hostile.__new__), "raised", "raised RuntimeError"),
    "an endless list": ((lambda *a: EndlessList([1, 2])), "shape", "c has shape (2,)"),
    "its own tensor": ((lambda *a: right(*a).as_subclass(OwnDetach)), "right", "2 of 2 points"),
    "nan": ((lambda f, i, g, c: c * float("nan")), "wrong", "c contains nan or inf."),
    "complex": ((lambda f, i, g, c: c + 0j), "type", "c holds complex128; expected floating-point numbers."),
    "empty": ((lambda f, i, g, c: c[:0]), "shape", "c has shape (0, 4)"),
    "sparse": ((lambda *a: right(*a).to_sparse()), "right", "2 of 2 points"),
    "meta": ((lambda f, i, g, c: c.to("meta")), "raised", "raised NotImplementedError"),
    "deep": (deep, "type", "expected the tensor c."),
    "itself": (cell_state, "raised", ""),
    "too few arguments": ((lambda f: f), "raised", "It is called with f, i, g, c, in this order."),
    "exit": ((lambda *a: sys.exit("bye")), "raised", "raised SystemExit"),
    "an array of objects": ((lambda *a: np.array([None])), "type", "expected the tensor c."),
    "an array of half": ((lambda *a: right(*a).numpy().astype("float16")), "close", "c is nearly right"),
    "an event loop": ((lambda *a: asyncio.run(asynchronous(*a))), "right", "2 of 2 points"),
    "a stray comma": ((lambda *a: (right(*a),)), "right", "in a tuple of length one: is there a stray comma"),
    "a number": ((lambda *a: 3), "shape", "c has shape ()"),
    "a string": ((lambda *a: "c"), "type", "returns a string; expected the tensor c."),
    "a builtin": (len, "raised", "raised TypeError"),
    "a sum where a mean": ((lambda *a: 3 * right(*a)), "close", "c: 3 times what it should be."),
}  # fmt: skip


@pytest.mark.parametrize("name", HANDED_IN)
def test_whatever_is_handed_in_ends_in_a_sentence(name):
    learner, state, words = HANDED_IN[name]
    verdict = cell_state.verdict(learner)
    shown = str(verdict) + verdict._repr_html_()
    assert words in shown, shown
    assert verdict.state == state, shown
    assert "Traceback" not in shown
    assert "/checks/" not in shown
    cell_state.example(learner)


def test_hostile_objects_everywhere():
    hostile = object.__new__(Hostile)
    assert "it got an object of the class Hostile" in str(cell_state.verdict(hostile))
    assert "returns an object of the class Hostile" in str(cell_state.verdict(lambda *a: hostile))
    assert "it got the class Hostile" in str(cell_state.verdict(Hostile))
    assert "returns a list of 2" in str(cell_state.verdict(lambda *a: [hostile, hostile]))
    assert shapes.verdict(hostile).points == 0
    assert shapes.verdict({"output": hostile}).points == 0


def test_the_interrupt_key_goes_through():
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cell_state.verdict(interrupted)
    assert sys.getprofile() is None


# ---- nearly right, in one gate


def test_one_gate_is_named():
    def cases(seed):
        numbers = random_numbers(seed, 0.8)
        return [Case({"a": numbers(B, 4 * H)}, {"B": B, "H": H}) for B, H in ((3, 4), (2, 5), (5, 2))]

    def only_g(a):
        i, f, g, o = a.chunk(4, -1)
        return torch.cat([i, f, g**2 + 1, o], -1)

    def turned(a):
        i, f, g, o = a.chunk(4, -1)
        return torch.cat([i, f, o, g], -1)

    check = Check("a", "06", (Part("a", "B 4H"),), (Criterion("a", 1),), lambda a: a * 1, (), cases)
    assert "a is wrong. Only the block of g is wrong." in str(check.verdict(only_g))
    assert "yours is i, f, o, g, torch's is i, f, g, o." in str(check.verdict(turned))


# ---- the bank of mistakes


def test_a_mistake_is_an_edit_of_the_truth():
    wrong = Mistakes("Section", _mended)
    wrong.edits("""
divided by T | divided by T at each step.
    torch.arange(1, len(x) + 1, dtype=x.dtype)[:, None] => len(x)
""")
    (mistake,) = wrong
    x = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(mistake.function(x), _broken(x))
    assert mistake.section == "Section"
    (inner,) = wrong.through(lambda f: lambda x: 2 * f(x), name="step: {}", hint="in the step: {}")
    assert (inner.name, inner.hint) == ("step: divided by T", "in the step: divided by T at each step.")
    torch.testing.assert_close(inner.function(x), 2 * _broken(x))
    assert wrong.through(lambda f: f, but=("divided by T",)) == []


def test_hints_come_in_steps():
    mistake = Mistake("m", _broken, "the mean is off.", "Faults", look="Look at what you divide by.")
    check = Check("m", "12", (Part("mean", "T B"),), (Criterion("m", 1),), _mended, (mistake,), _mean_cases)
    verdict = check.verdict(_broken)
    assert (
        str(verdict)
        == '✗ m: the mean is off. Look at what you divide by. See lesson 12, "Faults". 0 of 1 point.'
    )
    page = verdict._repr_html_()
    shown, folded = page.split("<details", 1)
    assert "the mean is off." in shown
    assert "divide by" not in shown
    assert folded.index("divide by") < folded.index("See lesson 12")
    assert page.count("<details") == page.count("</details>") == 2
    assert "aria-label='not right yet'" in page


# ---- cases


def test_a_copy_of_the_arguments_keeps_their_kinds():
    packed = nn.utils.rnn.pack_sequence([torch.ones(3, 2), torch.ones(1, 2)])
    given = {"packed": packed, "list": [torch.ones(2)], "nan": torch.tensor([torch.nan])}
    copy = fresh(given)
    assert isinstance(copy["packed"], type(packed))
    assert isinstance(copy["list"], list)
    assert unchanged(given, copy)
    copy["list"][0].zero_()
    assert not unchanged(given, copy)


def test_traits_are_shown_by_name():
    trait = Trait("T is 1", "the first step")
    assert Case({}, {}, frozenset({trait})).has(trait)
    assert call.wants == "a function"


# ---- pictures, on the example only


def test_heat_maps_of_two_shapes_outline_nothing():
    wanted = torch.arange(6.0)
    for yours in (wanted[:5], wanted.view(1, 6)):  # the second has the same squares
        page = HeatMaps({"h": (wanted, yours)})._repr_html_()
        assert "The shapes differ." in page
        assert "outlined" not in page
        assert "currentColor" not in page


def test_two_heat_maps_show_where_an_example_is_wrong():
    example = Case({"x": torch.arange(6.0).view(3, 2)}, {"T": 3, "B": 2})
    check = Check(**(vars(mend) | {"example_case": example}))
    page = HeatMaps(
        {"mean": (_mended(example.arguments["x"]), _broken(example.arguments["x"]))}
    )._repr_html_()
    assert page.count("<svg") == 2
    assert page.count("<rect") == 12
    assert "mean, wanted (3, 2)" in page
    assert "mean, yours (3, 2)" in page
    assert page.count("currentColor") == 3  # as many as differ
    assert "3 of 6 numbers differ" in page
    assert not re.search("style='[^']*[; ']color:", page)  # a dark page's own text colour stays
    shown = []
    picture = check._picture
    for yours, expected in ((_broken, ["mean"]), (_mended, [])):
        shown.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rnncourse.checks.framework.check.show_rich", lambda maps: shown.extend(maps.pairs))
            picture(yours(example.arguments["x"]), _mended(example.arguments["x"]))
        assert shown == expected
    assert not drawable(torch.zeros(1), torch.zeros(1))
    assert not drawable(torch.zeros(30, 40), torch.zeros(30, 40))
    assert "<svg" in HeatMaps({"h": (torch.ones(2), torch.tensor([float("nan"), 1.0]))})._repr_html_()


# ---- the two halves stay apart


def test_a_use_runs_without_any_answer():
    """As where a student is graded: each Use from its module, and with it no set and no judge."""
    uses = {check.use for checks in all_sets().values() for check in checks}
    names = sorted(use.names for use in uses)
    code = (
        "import sys; from rnncourse.grading.sandbox.supervisor import find_use\n"
        f"print([find_use(*at).run.__name__ for at in {names}])\n"
        "print([m for m in sys.modules if m.startswith('rnncourse.checks.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, modules = done.stdout.splitlines()
    assert loaded == str([name for _, name in names])
    found = re.findall(r"'rnncourse\.checks\.(\w+)\.?(\w*)'", modules)
    assert {package for package, _ in found} == {"framework", "given", "uses"}  # nothing of the sets
    assert not {"judge", "check", "mistakes", "authoring"} & {name for _, name in found}


def test_what_a_notebook_is_given_leads_to_no_check():
    """A student's code can reach these modules, and whatever they import."""
    files = sorted(pathlib.Path(given.__path__[0]).glob("[!_]*.py"))
    assert len(files) >= 4
    assert [file.name for file in files if "rnncourse" in file.read_text("utf-8")] == []


# ---- docs/checks.md


def test_the_example_of_the_documentation_works(tmp_path, monkeypatch):
    text = (pathlib.Path(__file__).parent.parent / "docs" / "checks.md").read_text(encoding="utf-8")
    code, *_ = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "documented_task.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    check = importlib.import_module("documented_task").running_mean
    assert check.verdict(_mended).points == 2
    assert len(check.mistakes) == 3
    for seed in range(5):
        for mistake in check.mistakes:
            assert check.verdict(mistake.function, seed).mistake == mistake.name


def test_results_with_nan_in_them_are_the_same_but_never_right():
    """So a mistake that reads poisoned padding is known by its name."""
    part, poisoned, finite = Part("h", "N"), torch.tensor([1.0, torch.nan]), torch.tensor([1.0, 2.0])
    assert part.same(poisoned, poisoned.clone())
    assert same([poisoned], [poisoned.clone()])
    assert not part.same(poisoned, finite)
    assert not part.right(poisoned, poisoned.clone())
