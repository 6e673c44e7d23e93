"""What learners are told of slips that were found by trying answers by hand, each a kind of its own."""

import collections
import dataclasses

import pytest
import torch
from sets.test_set_lstm_gates import lstm_step_split as right_step

from rnncourse.checks import (
    bptt,
    gru,
    lstm_gates,
    output_h_n_c_n,
    padding_and_packing,
    sequences_and_state,
    shapes,
    vanishing_and_exploding,
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
        (lambda h, c: (torch.cat([h, c]), c), "joined along the batch"),
        (lambda h, c: (h @ c.T if h.ndim == 2 else h, c), "summed over H: entry by entry is `*`"),
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
    assert "Of other numbers `~` is not the opposite." in text


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
