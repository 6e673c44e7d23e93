"""What learners are told of slips that were found by trying answers by hand, each a kind of its own."""

import collections
import dataclasses
import fractions
import inspect
import linecache
import re

import pytest
import torch
from sets.test_set_lstm_gates import lstm_step_split as right_step
from test_checks import Unwatched

from rnncourse.checks import (
    bptt,
    gru,
    lstm_gates,
    output_h_n_c_n,
    padding_and_packing,
    rnn_cell,
    sequences_and_state,
    shapes,
    stateful_training,
    vanishing_and_exploding,
    where_next,
)


def said(check, learner):
    verdict = check.verdict(learner)
    return verdict, str(verdict)


def test_written_but_not_returned():
    def answers():
        print({"output": (5, 3, 8)})

    for check in (shapes.layer_shapes, bptt.by_hand):
        verdict, text = said(check, answers)
        assert "it returns None: is a `return` missing?" in text
        assert verdict.points == 0


def test_a_product_of_matrices_where_entry_by_entry_is_due():
    text = said(lstm_gates.cell_state, lambda f, i, g, c: f @ c + i @ g)[1]
    assert "`*` multiplies entry by entry" in text
    assert "transposing" not in text


KEPT = {}


def remembers_in_a_default(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh, kept=KEPT):
    """What a default argument has from the call before is used where the sizes allow it."""
    h, c = right_step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh)
    before, kept["h"] = kept.get("h"), h
    return (h + before if before is not None and before.shape == h.shape else h), c


def test_a_state_kept_between_calls():
    KEPT.clear()
    verdict, text = said(lstm_gates.lstm_step, remembers_in_a_default)
    assert verdict.points < 4
    assert "h is wrong only where the same arguments come a second time." in text
    assert "Look at what your code keeps from one call to the next." in text


def test_an_axis_of_size_one_is_squeezed_away():
    def squeezed(*arguments):
        h, c = right_step(*arguments)
        return h.squeeze(), c

    verdict, text = said(lstm_gates.lstm_step, squeezed)
    assert verdict.points < 4
    assert "Only where the batch has one row." in text


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        (lambda h, c: (torch.cat([h, c]), c), "concatenated along the batch"),
        (
            lambda h, c: (h @ c.T if h.ndim == 2 else h, c),
            "summed over H: use `*` to multiply entry by entry",
        ),
        (lambda h, c: (h.mean(0), c), "The axis B is missing"),
    ],
)
def test_a_shape_has_a_cause(spoiled, words):
    assert words in said(lstm_gates.lstm_step, lambda *a: spoiled(*right_step(*a)))[1]


def verdict_names_a_mistake(check, text):
    return any(mistake.hint in text for mistake in check.mistakes)


def test_changing_what_is_to_stay_costs_a_point():
    def clips_in_place(gradients, max_norm):
        clipped, norm = vanishing_and_exploding.clip_global.truth(gradients, max_norm)
        for gradient in gradients:
            gradient.zero_()
        return clipped, norm

    def turns_in_place(*weights):
        turned = gru.turn_z.truth(*[weight.clone() for weight in weights])
        weights[0].zero_()
        return turned

    tasks = ((vanishing_and_exploding.clip_global, clips_in_place), (gru.turn_z, turns_in_place))
    for check, learner in tasks:
        cases = check.cases(0)
        answers = [as_own_work(answer) for answer in check.evaluate(learner, cases)]
        verdict = check.judge(cases, answers)
        assert 0 <= verdict.points < verdict.total
        assert verdict.state == "wrong"
        assert "in place" in verdict.text
        assert not any("in place" in remark for remark in verdict.remarks)


def as_own_work(answer):
    return dataclasses.replace(answer, calls=None, at="")


def test_an_error_without_steps_does_not_hide_the_slip():
    def run(x, h_0, u, w):
        h, states = h_0, []
        for x_t in x:
            h = u * h + w * x_t
            states.append(h)
        return torch.stack(states[::-1]), h  # raises where there are none

    text = said(sequences_and_state.run, run)[1]
    assert text.startswith("✗ run: states: right when read backwards in time. It raised RuntimeError: ")


def test_no_control_character_of_the_learners_is_shown():
    def colorful(*arguments):
        print("\x1b[31mred\x1b[0m\x07")
        raise ValueError("\x1b[31mred\x1b[0m \x00\x08")

    verdict, text = said(lstm_gates.lstm_step, colorful)
    assert "[31mred" in text
    assert verdict.words.isprintable()
    assert verdict._repr_html_().isprintable()


def test_a_mask_of_other_numbers_is_told_what_comes_of_it():
    valid = padding_and_packing.valid
    text = said(valid, lambda *a: valid_of(*a).float())[1]
    assert "For other numbers `~` does not negate." in text


def valid_of(lengths, T=None):
    T = int(lengths.max()) if T is None else T
    return torch.arange(T) < lengths[:, None]


def test_nan_of_the_padding_is_told_so():
    check = padding_and_packing.mean_valid
    arguments = list(check.cases(0)[0].arguments)
    x_at = next(n for n, name in enumerate(arguments) if name not in ("lengths", "mask"))

    def mean_of_all(*given):
        x = given[x_at]
        return x.sum(1) * 0 + x.mean(1)

    text = said(check, mean_of_all)[1]
    assert "which comes from the padding" in text or verdict_names_a_mistake(check, text)


def test_a_named_tuple_of_arrays_is_a_tuple():
    check = bptt.rnn_step_backward
    cases = check.cases(0)
    names = [part.name for part in check.parts]
    Named = collections.namedtuple("Named", names)

    def learner(*given):
        return Named(*check.truth(*given))

    answers = [as_own_work(answer) for answer in check.evaluate(learner, cases)]
    verdict = check.judge(cases, answers)
    assert (verdict.state, verdict.remarks) == ("right", ())


def test_the_hint_comes_before_the_counts():
    check = output_h_n_c_n.CHECKS[1]
    for mistake in check.mistakes[:5]:
        cases = check.cases(0)
        answers = [as_own_work(a) for a in check.evaluate(check.made(mistake), cases)]
        assert check.judge(cases, answers).text.startswith(mistake.hint[:20])


def test_an_answer_that_only_carries_an_earlier_error_is_told_so():
    text = said(sequences_and_state.three_steps, lambda: {"h_1": 4.0, "h_2": -4.0, "h_3": 8.0})[1]
    assert "h_2: -4 is not right. It follows from your h_1: fix that first." in text
    assert "h_3: 8 is not right. It follows from your h_2: fix that first." in text
    text = said(bptt.by_hand, lambda: {"dh_2": 2.0, "dh_1": -0.32, "du": 0.0, "dh_0": -0.1024})[1]
    assert "dh_1: -0.32 is not right. It follows from your dh_2: fix that first." in text
    assert "dh_0: -0.1024 is not right. It follows from your dh_1: fix that first." in text


def test_answers_that_follow_from_right_ones_are_right():
    for check in (sequences_and_state.three_steps, sequences_and_state.with_tanh, bptt.by_hand):
        right = check.truth
        for name, follows in check.follows.items():
            earlier = inspect.signature(follows).parameters
            assert follows(**{e: right[e] for e in earlier}) == pytest.approx(right[name])


def test_a_mistake_of_an_earlier_task_is_not_told_as_a_new_one(capsys, monkeypatch):
    monkeypatch.setattr("rnncourse.checks.framework.evaluate.Watch", Unwatched)
    earlier = next(m for m in rnn_cell.rnn_step.mistakes if not m.template)
    later = next(m for m in rnn_cell.unroll.mistakes if m.origin == ("rnn_step", earlier.name))
    rnn_cell.unroll(later.function)
    assert "again" not in capsys.readouterr().out
    rnn_cell.rnn_step(earlier.function)
    rnn_cell.unroll(later.function)
    assert "this is the same mistake as in `rnn_step`: fix it there first." in capsys.readouterr().out


def test_an_answer_under_another_name_is_found(capsys):
    notebook = {"__name__": "notebook", "check": lstm_gates}
    code = (
        "def cell_state(f, i, g, c):\n    raise NotImplementedError('not written yet')\n"
        "def other(f, i, g, c):\n    return f\n"
        "def my_state(f, i, g, c):\n    return f * c + i * g\n"
        "check.cell_state(cell_state)"
    )
    linecache.cache["notebook"] = len(code), None, code.splitlines(keepends=True), "notebook"
    exec(compile(code, "notebook", "exec"), notebook)
    assert "Your `my_state` looks like the answer: name it `cell_state`." in capsys.readouterr().out


@pytest.mark.parametrize("how", ["no_grad", "data", "detach"])
def test_a_module_that_cannot_be_trained_is_told_so(how):
    class MyLSTMCell(lstm_gates._MyLSTMCell):
        def forward(self, *inputs):
            if how == "detach":
                return tuple(part.detach() for part in super().forward(*inputs))
            if how == "data":
                for parameter in self.parameters():
                    parameter.requires_grad_(False)
            with torch.set_grad_enabled(how != "no_grad"):
                return super().forward(*inputs)

    cases = lstm_gates.MyLSTMCell.cases(0)
    answers = [as_own_work(answer) for answer in lstm_gates.MyLSTMCell.evaluate(MyLSTMCell, cases)]
    verdict = lstm_gates.MyLSTMCell.judge(cases, answers)
    assert "no gradient flows back from what it returns." in verdict.text
    assert verdict.points == 0


def test_none_from_one_branch_is_told_with_the_branch():
    def rnn_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity="tanh"):
        a = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
        if nonlinearity == "tanh":
            return torch.tanh(a)

    text = said(rnn_cell.rnn_step, rnn_step)[1]
    assert "it returns None only where" in text
    assert "is there a branch for that without a `return`?" in text


def test_exact_fractions_are_numbers():
    third = fractions.Fraction(1, 3)
    right = {name: fractions.Fraction(value) for name, value in sequences_and_state.three_steps.truth.items()}
    assert sequences_and_state.three_steps.verdict(lambda: right).points == 3
    assert sequences_and_state.three_steps.verdict(lambda: right | {"h_1": third}).points < 3


def test_nothing_is_said_twice():
    _, text = said(sequences_and_state.run, lambda x, *more: ([float(v) for v in x], x[-1]))
    assert text.count("states is a list") <= 1


def test_a_check_blames_nobody_for_a_warning_of_its_own():
    check = stateful_training.train_epoch
    cases = check.cases(0)

    def with_tensors(lstm, head, optimizer, x, y, K):
        losses = check.truth(lstm, head, optimizer, x, y, K)
        return [torch.tensor(float(loss), dtype=torch.float64, requires_grad=True) for loss in losses]

    answers = [as_own_work(answer) for answer in check.evaluate(with_tensors, cases)]
    verdict = check.judge(cases, answers)
    assert (verdict.state, verdict.remarks) == ("right", ())


def test_a_state_on_the_class_is_told():
    class Stream:
        state = None

        def __init__(self, layer):
            self.layer = layer

        def push(self, piece):
            output, Stream.state = self.layer(piece, Stream.state)
            return output

        def reset(self):
            Stream.state = None

    text = said(output_h_n_c_n.Stream, Stream)[1]
    assert "a state is saved on the class, so all streams share it. Save it on self." in text


def test_no_gate_is_blamed_for_a_wrong_start():
    class MyLSTMCell(lstm_gates._MyLSTMCell):
        def forward(self, x_t, state=None):
            if state is None:
                zeros = x_t.new_zeros(len(x_t), self.hidden_size)
                state = zeros, zeros + 1
            return super().forward(x_t, state)

    cases = lstm_gates.MyLSTMCell.cases(0)
    answers = [as_own_work(answer) for answer in lstm_gates.MyLSTMCell.evaluate(MyLSTMCell, cases)]
    text = str(lstm_gates.MyLSTMCell.judge(cases, answers))
    assert "right where a state is given and wrong elsewhere" in text
    assert "alone" not in text


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (lambda h_0, b: torch.cat([h_0[None], b]), r"h has shape \(\d+, \d, \d\), expected"),
        (lambda h_0, b: b / 0, "h contains nan or inf"),
    ],
)
def test_a_tensor_beside_other_values_is_told_its_shape_and_nan(states, words):
    check = where_next.scan  # which also judges the number of operations
    verdict, text = said(check, lambda a, b, h_0: states(h_0, b))
    assert re.search(words, text)
    assert verdict.points == 0


def test_other_keys_are_named():
    check = sequences_and_state.with_tanh
    h = list(check.truth.values())
    verdict, text = said(check, lambda: dict(zip(("h1", "h2", "h3"), h, strict=True)))
    assert "its keys are h1, h2 and h3; expected h_1, h_2 and h_3." in text
    assert verdict.points == 0
    verdict, text = said(check, lambda: dict(zip(("h_0", "h_1", "h_2"), h, strict=True)))
    assert "h_3 is not answered yet." in text
    assert "h_0 is not among the keys that are asked for: h_1, h_2 and h_3." in text
    assert verdict.points == 0
    text = said(check, lambda: dict.fromkeys(range(100), 0.0))[1]
    assert "its keys are 0, 1, 2, 3, 4, 5, 6 and 7; expected" in text
