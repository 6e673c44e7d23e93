"""The tests have teeth: each fault below, planted in the library, is caught by the test that is named."""

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from unittest import mock

import pytest
from _pytest.runner import runtestprotocol
from oracle import (
    CELLS,
    LAYERS,
    VARIANTS,
    assert_cell_agrees,
    assert_dropout_agrees,
    assert_layer_agrees,
    assert_starts_as_torchs,
)

import rnncourse

PACKAGE = Path(rnncourse.__file__).parent
TESTS = Path(__file__).parent

AGAINST_TORCH = {  # file: what is wrong: the right text, the wrong text
    "steps.py": {
        "rnn: bias forgotten": (
            "linear(h, weight_hh, bias_hh)\n    # h_t",
            "linear(h, weight_hh)\n    # h_t",
        ),
        "rnn: nonlinearity ignored": ("NONLINEARITIES[nonlinearity](a)", "torch.tanh(a)"),
        "lstm: gates i, f, o, g": ("a_i, a_f, a_g, a_o = a.", "a_i, a_f, a_o, a_g = a."),
        "lstm: gates f, i, g, o": ("a_i, a_f, a_g, a_o = a.", "a_f, a_i, a_g, a_o = a."),
        "lstm: sigmoid for g": ("g = torch.tanh(a_g)", "g = torch.sigmoid(a_g)"),
        "lstm: new content forgotten too": ("    c = f * c + i * g", "    c = f * (c + i * g)"),
        "lstm: c shown without tanh": ("h = o * torch.tanh(c)", "h = o * c"),
        "lstm: states exchanged": ("return LSTMState(h, c)", "return LSTMState(c, h)"),
        "lstm: cut, not projected": ("h = linear(h, weight_hr)", "h = h[..., : len(weight_hr)]"),
        "gru: z the other way": ("return (1 - z) * n + z * h", "return z * n + (1 - z) * h"),
        "gru: gates z, r, n": ("hh_r, hh_z, hh_n = linear", "hh_z, hh_r, hh_n = linear"),
        "gru: b_hn outside the reset": (
            "torch.tanh(ih_n + r * hh_n)",
            "torch.tanh(ih_n + hh_n + (r - 1) * linear(h, weight_hh).chunk(3, dim=-1)[2])",
        ),
        "gru: reset of the whole candidate": ("torch.tanh(ih_n + r * hh_n)", "torch.tanh(r * (ih_n + hh_n))"),
    },
    "cells.py": {
        "cell: hx ignored": ("self._zeros(input)) if hx is None else hx", "self._zeros(input))"),
        "cell: nonlinearity ignored": (
            "*self._weights(), nonlinearity=self.nonlinearity",
            "*self._weights()",
        ),
        "initialised from 1/H": ("1 / math.sqrt(hidden_size)", "1 / hidden_size"),
    },
    "layers.py": {
        "backward outputs not flipped back": ("torch.cat(outputs[::order])", "torch.cat(outputs)"),
        "both directions forward in time": ("bool(reverse), next", "False, next"),
        "directions exchanged": ("torch.cat(directions, dim", "torch.cat(directions[::-1], dim"),
        "layer 2 sees the forward direction alone": (
            "torch.cat(directions, dim",
            "torch.cat([directions[0] for _ in directions], dim",
        ),
        "directions share weights": (
            "self._weights(suffix)\n                hs",
            "self._weights(endings[0])\n                hs",
        ),
        "dropout before the first layer": ("if layer > 0:", "if True:"),
        "dropout in eval": ("self.dropout, self.training", "self.dropout, True"),
        "no dropout": ("self.dropout, self.training", "0.0, self.training"),
        "hx ignored": ("        if hx is None:\n", "        if True:\n"),
        "hx of the layers exchanged": ("s.unbind(0) for s in hx", "s.flip(0).unbind(0) for s in hx"),
        "h_n of the layers exchanged": ("torch.stack(parts)", "torch.stack(parts[::-1])"),
        "state detached at each step": (
            "step(x_t, state, weights), b_t",
            "step(x_t, [s.detach() for s in state], weights), b_t",
        ),
        "batch_first ignored for the output": (
            "output.transpose(0, 1) if self.batch_first else output",
            "output",
        ),
        "batch_first for the state too": (
            "else output, state",
            "else output, [s.transpose(0, 1 if self.batch_first else 0) for s in state]",
        ),
        "packed: h_0 not sorted": ("_reorder(hx, sorted_indices)", "hx"),
        "packed: h_0 sorted backward": ("_reorder(hx, sorted_indices)", "_reorder(hx, unsorted_indices)"),
        "packed: h_n left sorted": ("output, _reorder(state, unsorted_indices)", "output, state"),
        "packed: ends in the wrong order": ("*reversed(ended)", "*ended"),
        "packed: late sequences start at zero": (
            "torch.cat([s, s_0[rows:b_t]])",
            "torch.cat([s, 0 * s_0[rows:b_t]])",
        ),
    },
    "bptt.py": {
        "rnn: tanh' without the square": (
            "y.new_ones(()), y, y, value",
            "y.new_ones(()), y, y.sign(), value",
        ),
        "rnn: relu' is 1 everywhere": ("(y > 0).to(y.dtype)", "torch.ones_like(y)"),
        "rnn: the loss read at the last step alone": (
            "dh[t] += dout[t]\n"
            "        if dh_all is not None:\n            dh_t[t][...] = dh[t]\n        # da = φ'",
            "dh[t] += dout[t] * (t == steps.backward[0])\n"
            "        if dh_all is not None:\n            dh_t[t][...] = dh[t]\n        # da = φ'",
        ),
        "lstm: f left out of the backward pass": ("dc[t] *= f[t]\n", "pass\n"),
        "lstm: c_t where c is due": ("cells, before[1], da", "cells, cells, da"),
        "lstm: σ' without 1 - σ": ("torch.addcmul(gates, gates, gates, value=-1, out=da)", "da.copy_(gates)"),
        "lstm: c's second source left out": ("dc[t] += new[t]\n", "pass\n"),
        "lstm: o's gradient from dc": ("da_o[t] *= dq[t]", "da_o[t] *= dc[t]"),
        "lstm: projection left out of the backward pass": (
            "torch.mm(dh_mm[t], W_hr, out=dq_mm[t])",
            "dq_mm[t].copy_(dh_mm[t].repeat(1, 9)[:, : dq_mm[t].size(1)])",
        ),
        "lstm: dW_hr from the loss alone": ("dh_all.t().mm(shown)", "doutput.t().mm(shown)"),
        "gru: z left out of the backward pass": ("dh[t] *= zs[t]\n", "pass\n"),
        "gru: b_hn's gradient without r": ("torch.mul(dih_n, r, out=dhh_n)", "dhh_n.copy_(dih_n)"),
        "gru: h_t where h is due": ("torch.sub(h, n, out=dhh_z)", "torch.sub(values[0], n, out=dhh_z)"),
        "weights: h_t where h is due": ('"weight_hh", da.t(), h)', '"weight_hh", da.t(), output[rows])'),
        "gru: one gradient for both biases": ("if dih_n is not None:", "if False:"),
    },
    "rows.py": {
        "packed: earlier rows one off": ("row - sizes[t - 1]", "row - sizes[t]"),
        "packed: all begin from one state": ("np.newaxis], sequence,", "np.newaxis], 0 * sequence,"),
    },
}

BY_NAME = {  # file: what is wrong: the right text, the wrong text, the test that sees it
    "grading/intake/archives.py": {
        "a path in a zip may leave its folder": (
            'if ".." in parts or parts[0]',
            "if parts[0]",
            "grading/test_submissions.py::test_evil_zips_of_one_student[folder-climbs]",
        ),
        "a zip bomb is unpacked": (
            "        if len(data) > MAX_BYTES:\n",
            "        if len(data) > 2**40:\n",
            "grading/test_submissions.py::test_zip_bombs_are_invalid_when_read"
            "[in the zip-by its unpacked size]",
        ),
    },
    "grading/intake/submissions.py": {
        "two students with one name are merged": (
            "len(numbers[upload.export, upload.student]) > 1 and upload.number",
            "False",
            "grading/test_submissions.py::test_layouts[Moodle, one name twice-folder]",
        ),
        "a folder inside counts as another student's": (
            "Upload(file, names.owner(parts[0]), parts[1:], export=export, folder=folder)",
            "Upload(file, names.owner(parts[-2]), parts[1:], export=export, folder=folder)",
            "grading/test_submissions.py::test_forged_names[folder-folders outside]",
        ),
        "the oldest of several is graded": (
            "*left, taken = sorted(work, key=newest_last)",
            "taken, *left = sorted(work, key=newest_last)",
            "grading/test_submissions.py::test_newest_is_graded_in_other_layouts[folder]",
        ),
        "Canvas's uploads are sorted as text": (
            'int(lms.get("order") or 0)',
            'lms.get("order") or ""',
            "grading/test_submissions.py::test_canvas_newest_upload_is_graded",
        ),
        "a missing submission is invalid": (
            'Submission(student, name, state="missing"',
            'Submission(student, name, state="invalid"',
            "grading/test_submissions.py::test_a_student_with_nothing_is_missing",
        ),
        "two students share a file": (
            "hashlib.sha256(student.encode('utf-8', 'surrogatepass'))",
            "hashlib.sha256(readable.encode('utf-8', 'surrogatepass'))",
            "grading/test_submissions.py::test_other_names_become_safe",
        ),
    },
    "grading/report/store.py": {
        "a task that was not judged gets 0": (
            '"" if cell is None else cell',
            "0 if cell is None else cell",
            "grading/test_results.py::test_ungraded_is_never_0",
        ),
        "another notebook's result is reused": (
            "if result is not None and result.digest == digest",
            "if result is not None",
            "grading/test_results.py::test_result_with_another_digest_is_not_found",
        ),
        "a name is a formula": (
            "as_text_cell(cell) if isinstance(cell, str)",
            "cell if isinstance(cell, str)",
            "grading/test_results.py::test_no_cell_is_a_formula[=1+1]",
        ),
    },
    "grading/report/writing.py": {
        "half a file is left": (
            'temporary = path.with_name(f".{path.name}.tmp")',
            "temporary = path",
            "grading/test_results.py::test_interrupted_write_leaves_the_old_file",
        ),
    },
    "grading/report/result.py": {
        "a task's remarks are lost": (
            'for name in ("remarks", "earned")',
            'for name in ("earned", "earned")',
            "grading/test_results.py::test_what_is_written_is_read_back",
        ),
    },
    "grading/intake/notebook.py": {
        "a student's own check is run": (
            "found.append((k, _given(source, k)))",
            "found.append((k, text_of(cell)))",
            "grading/test_submitted_notebook.py::test_edited_check_is_restored_from_the_source",
        ),
        "a deleted check is not restored": (
            "if source.is_locked(k) and k not in seen:",
            "if source.is_locked(k) and k in seen:",
            "grading/test_submitted_notebook.py::test_deleted_check_follows_its_answer[2]",
        ),
        "a check waits although a cell changes what it reads": (
            "bound & read",
            "bound & reads",
            "grading/test_submitted_notebook.py::test_a_check_does_not_wait_for_a_cell_that_changes_its_answer",
        ),
    },
    "grading/report/feedback.py": {
        "one student's feedback is in another's file": (
            "name = safe_name(result.student)",
            "name = safe_name(result.assignment)",
            "grading/test_pages.py::test_links_lead_to_the_most_detailed_page",
        ),
        "a task that was not judged counts as lost": (
            "sum(total for _, total in judged)",
            "sum(task.total for task in result.tasks)",
            "grading/test_pages.py::test_unjudged_task_is_named_and_is_not_0",
        ),
        "an input leaks through an error's message": (
            "_withheld(task.text) if task.verdict in QUOTING else task.text",
            "task.text",
            "grading/test_pages.py::test_nothing_of_the_cases_is_in_the_feedback",
        ),
    },
    "grading/report/pages.py": {
        "text is not escaped": (
            "else part\n",
            "else Markup(part)\n",
            "grading/test_pages.py::test_forged_names_and_words_are_escaped",
        ),
        "a bar has a hundredth of its length": (
            "round(100 * part / whole, 1)",
            "round(part / whole, 1)",
            "grading/test_pages.py::test_a_bar_is_as_long_as_its_share",
        ),
    },
    "grading/report/summary.py": {
        "students who were not judged lower the mean": (
            "sum(count for points, count in self.points.items() if points is not None)",
            "sum(count for points, count in self.points.items())",
            "grading/test_pages.py::test_the_summary_counts",
        ),
        "the rarest mistake is first": (
            "(-item[1], item[0])",
            "(item[1], item[0])",
            "grading/test_pages.py::test_the_summary_counts",
        ),
    },
    "spec.py": {
        "a layer has one direction": (
            "return 2 if self.bidirectional else 1",
            "return 1",
            "test_spec.py::test_names_and_shapes_of_the_weights_are_the_modules_own[LSTM, all options]",
        ),
    },
    "explaining/call.py": {
        "a cell has no batch": (
            "batched = input.dim() == len(input_axes(spec))",
            "batched = input.dim() == 3",
            "test_explaining.py::test_cells_table_is_true[GRUCell-(7,)-True]",
        ),
    },
    "explaining/table.py": {
        "the gates' rows begin one too late": (
            "{k * H}:{(k + 1) * H}",
            "{(k + 1) * H}:{(k + 2) * H}",
            "test_explaining.py::test_slices_of_the_weights[GRU-rzn]",
        ),
        "the halves of output are exchanged": (
            "forward [..., :{width}], backward [..., {width}:]",
            "forward [..., {width}:], backward [..., :{width}]",
            "test_explaining.py::test_claim_bidirectional_output_at_the_last_step",
        ),
        "h_n is grouped by direction": (
            "for k in range(spec.num_layers) for direction in directions]",
            "for direction in directions for k in range(spec.num_layers)]",
            "test_explaining.py::test_claim_h_n_is_grouped_by_direction",
        ),
    },
    "explaining/slips.py": {
        "the axis to add is the other": (
            "{1 if spec.batch_first else 0}",
            "{0 if spec.batch_first else 1}",
            "test_explaining.py::test_silent_slip_is_warned_of[LSTM-2-D input]",
        ),
    },
    "explaining/view.py": {
        "HTML leaves out what was given": (
            "*[came] * given, note]",
            "*[axes] * given, note]",
            "test_explaining.py::test_html_says_what_the_text_says[1_0]",
        ),
    },
    "scan.py": {
        "steps are combined in the other order": (
            "return a_2 * a_1, a_2 * b_1 + b_2",
            "return a_2 * a_1, a_1 * b_2 + b_1",
            "test_scan.py::test_combine_is_composition_associative_and_not_commutative",
        ),
        "the last step of an odd number is left out": (
            "middle = slice(3 * s - 1, None, 2 * s)",
            "middle = slice(3 * s - 1, len(h) - 1, 2 * s)",
            "test_scan.py::test_states_are_those_of_the_equation[one part-5-scan]",
        ),
        "a part begins from zeros": (
            "carried = h_part[-1:]",
            "carried = 0 * h_0",
            "test_scan.py::test_states_are_those_of_the_equation[several parts-31-scan]",
        ),
        "a gradient is received with the step's own factor": (
            "torch.cat([a[1:], torch.zeros_like(a[:1])]).conj()",
            "a.conj()",
            "test_scan.py::test_gradients_and_their_gradients[one part-7]",
        ),
        "da is made with the state after the step": (
            "torch.cat([h_0.unsqueeze(0), h])[:-1]",
            "torch.cat([h_0.unsqueeze(0), h])[1:]",
            "test_scan.py::test_gradients_are_those_of_the_loop_in_float32",
        ),
        "a complex gradient is not conjugated": (
            "g * before.conj(), g",
            "g * before, g",
            "test_scan.py::test_complex_numbers[6]",
        ),
    },
    "tracing/equations.py": {
        "i and f have each other's name": (
            'v["i"], v["f"] = torch.sigmoid(v["a_i"])',
            'v["f"], v["i"] = torch.sigmoid(v["a_i"])',
            "test_tracing_edits.py::test_an_lstm_that_never_forgets[torch.nn]",
        ),
    },
    "tracing/layout.py": {
        "a packed batch stays sorted": (
            "values.index_select(batch, self.unsorted_indices)",
            "values",
            "test_tracing.py::test_layers[torch-LSTM-1-False-unsorted]",
        ),
        "padding is 0": (
            "B, *steps[0].shape[1:]), torch.nan)",
            "B, *steps[0].shape[1:]), 0.0)",
            "test_tracing.py::test_layers[torch-LSTM-1-False-unsorted]",
        ),
    },
    "tracing/recompute.py": {
        "time stays reversed": (
            "saved[::-1] if reverse else saved",
            "saved",
            "test_tracing_edits.py::test_the_values_of_a_run_with_edits_stand_at_their_own_steps",
        ),
    },
    "tracing/gradients.py": {
        "the last backward pass alone counts": (
            "self.arrived[k] + gradient if k in self.arrived else gradient.clone()",
            "gradient.clone()",
            "test_tracing.py::test_gradients_of_several_losses_add_up",
        ),
        "a cell's gradient of c counts twice": (
            "replay.h_reads_c = _reads(h.grad_fn, c.grad_fn)",
            "replay.h_reads_c = False",
            "test_tracing.py::test_cells_in_a_loop[ours-LSTMCell-False-False]",
        ),
    },
    "tracing/record.py": {
        "a hook stays on the model": (
            "            handle.remove()\n        calls = [",
            "            pass\n        calls = [",
            "test_tracing.py::test_no_hook_is_left_after_an_exception",
        ),
        "the weights are the model's own": (
            "{n: w.clone() for n, w in weights.items()}",
            "{n: w for n, w in weights.items()}",
            "test_tracing.py::test_an_optimizer_step_inside_the_block",
        ),
    },
    "tracing/joining.py": {
        "time runs forward only": (
            "torch.cat([after[1:], initial] if reverse else [initial, after[:-1]])",
            "torch.cat([initial, after[:-1]])",
            "test_plots_traces.py::test_cell_diagram_ends_in_the_modules_own_output_in_both_directions[LSTM-False]",
        ),
    },
    "tracing/view.py": {
        "forward and reverse are exchanged": (
            "self.forward = directions[0]",
            "self.forward = directions[-1]",
            "test_tracing.py::test_layers[torch-LSTM-1-True-dense]",
        ),
    },
    "plots/traces.py": {
        "time goes down": (
            "array.T, aspect=",
            "array, aspect=",
            "test_plots_traces.py::test_gates_over_time_draws_every_value_on_its_honest_scale[GRU-options2-scales2]",
        ),
        "row 0 for every row": (
            "_numbers(values[:, b])",
            "_numbers(values[:, 0])",
            "test_plots_traces.py::test_gates_over_time_draws_every_value_on_its_honest_scale[GRU-options2-scales2]",
        ),
    },
    "plots/gradients.py": {
        "rows and columns are exchanged": (
            "norms[s, : s + 1] = torch",
            "norms[: s + 1, s] = torch",
            "test_plots_traces.py::test_gradient_norms_equal_autograd_through_an_own_loop[False-GRU-options4-h]",
        ),
    },
    "plots/lessons/jacobians.py": {
        "the Jacobians multiply in the wrong order": (
            "product = slopes[nonlinearity](a)[:, None] * weight_hh @ product",
            "product = product @ (slopes[nonlinearity](a)[:, None] * weight_hh)",
            "test_plots_traces.py::test_jacobian_norms_equal_autograds_through_torchs_rnn[tanh]",
        ),
    },
    "plots/indices.py": {
        "the rows of h_n are direction after direction": (
            '[f"{state}_n[{layer * spec.D + d}{of_rows}]" for',
            '[f"{state}_n[{d * spec.L + layer}{of_rows}]" for',
            "test_plots_structure.py::test_index_grid_writes_each_entry_into_the_cell_that_it_reads"
            "[GRU, two ways, batch first-None]",
        ),
    },
    "plots/lessons/dependencies.py": {
        "the backward direction looks back": (
            "(k, d, s + (1 if d else -1))",
            "(k, d, s - 1)",
            "test_plots_structure.py::test_dependency_grid_colours_what_autograd_finds[1-4-2]",
        ),
    },
    "plots/lessons/truncation.py": {
        "a window looks one step too far": (
            "(s - t < K) if window",
            "(s - t <= K) if window",
            "test_plots.py::test_truncation_grid_draws_the_kept_terms_greys_the_cut_and_says_the_error[True-4-30]",
        ),
    },
    "plots/packing.py": {
        "the arrows lead to the wrong rows": (
            "to = -(back[b] + 0.5) * _SIDE",
            "to = -(order[b] + 0.5) * _SIDE",
            "test_plots_structure.py::test_batch_sizes_draws_the_packed_sequence_of_torch[[2, 6, 4]-False]",
        ),
    },
    "plots/cells.py": {
        "the gauge of o shows h": (
            '(8.2, "o", o, f"',
            '(8.2, "o", h_t, f"',
            "test_plots.py::test_lstm_cell_writes_and_fills_the_numbers_of_torchs_cell[numbers0]",
        ),
    },
    "plots/lessons/axes.py": {
        "the batch goes upward": (
            "(B - 1 - b) * _SIDE",
            "b * _SIDE",
            "test_plots_axes.py::test_cube_slices_goes_right_in_time_down_in_the_batch_and_back_in_the_features",
        ),
    },
}


@contextmanager
def planted(file: str, right: str, wrong: str) -> Iterator[None]:
    """In here, the functions of this file of the library are those of its text with `wrong` for `right`.

    Each function gets its new code in place, so that whatever has imported it before calls the faulty one.
    """
    path = PACKAGE / file
    text = path.read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{file} has changed: {right!r} is no longer in it once"
    assert right.count("\n") == wrong.count("\n"), "a function is found again by its name and its line"
    module = importlib.import_module(".".join(["rnncourse", *Path(file).with_suffix("").parts]))
    faulty = dict(codes(compile(text.replace(right, wrong), path, "exec", dont_inherit=True)))
    functions = [one for one in gc.get_referrers(vars(module)) if type(one) is FunctionType]
    own = {function: function.__code__ for function in functions if place(function.__code__) in faulty}
    assert any(code != faulty[place(code)] for code in own.values()), f"{file}: nothing is planted"
    try:
        for function, code in own.items():
            function.__code__ = faulty[place(code)]
        yield
    finally:
        for function, code in own.items():
            function.__code__ = code


def codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """All code inside a module's, by its place."""
    yield place(code), code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)


def place(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


# ---- the library: the comparisons with torch see it


def compare_all() -> None:
    """A short round of the comparisons in test_layers.py, test_packed.py and test_cells.py."""
    for kind in CELLS:
        assert_cell_agrees(kind)
        assert_starts_as_torchs(kind)
    assert_cell_agrees("RNNCell", nonlinearity="relu")
    for kind in LAYERS:
        assert_dropout_agrees(kind)
        assert_dropout_agrees(kind, training=False)
    for variant in VARIANTS:
        for form in ("dense", "batch_first", "unsorted"):
            assert_layer_agrees(variant, form, num_layers=2, bidirectional=True)
        with mock.patch.object(rnncourse.bptt, "serves", return_value=False):  # the plain loop
            assert_layer_agrees(variant, "unsorted", bidirectional=True)


def test_without_a_fault_the_comparisons_pass():
    compare_all()


@pytest.mark.parametrize(
    ("file", "what"), [(file, what) for file, faults in AGAINST_TORCH.items() for what in faults], ids=str
)
def test_a_comparison_with_torch_sees(file, what):
    with (
        planted(file, *AGAINST_TORCH[file][what]),
        pytest.raises(AssertionError),  # not any error: the library runs, and what it computes is wrong
    ):
        compare_all()


# ---- the rest: a test of the suite sees it


class Planting:
    """A plugin of pytest: it runs each test as it is, and once more with each of the faults that name it."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[str]] = {}  # of setup, call and teardown, by test or fault

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem) -> bool:
        test = item.nodeid.removeprefix("tests/")
        self.outcomes[test] = outcomes(item, nextitem)
        for file, faults in BY_NAME.items():
            for what, (right, wrong, named) in faults.items():
                if named == test:
                    with planted(file, right, wrong):
                        self.outcomes[f"{file}: {what}"] = outcomes(item, nextitem)
        return True


def outcomes(item, nextitem) -> list[str]:
    return [report.outcome for report in runtestprotocol(item, log=False, nextitem=nextitem)]


def test_each_fault_is_seen_by_the_test_that_is_named(tmp_path):
    faults = {f"{file}: {what}": fault for file, faults in BY_NAME.items() for what, fault in faults.items()}
    for name, (right, wrong, _) in faults.items():
        with planted(name.partition(":")[0], right, wrong):
            pass  # the texts are still in the library
    plugin, without = Planting(), ("cacheprovider", "timeout", "xdist", "nbval", "faulthandler")
    options = [f"--rootdir={TESTS.parent}", f"--basetemp={tmp_path / 'tests'}", "-o", "addopts="]
    options += [f"-pno:{name}" for name in without]
    tests = dict.fromkeys(test for *_, test in faults.values())
    pytest.main([*options, *(str(TESTS / test) for test in tests)], plugins=[plugin])
    assert [test for test in tests if plugin.outcomes.get(test) != ["passed"] * 3] == []
    seen = ["passed", "failed", "passed"]  # by the test itself, not by an error before or after it
    assert [f"{name}: {test}" for name, (*_, test) in faults.items() if plugin.outcomes[name] != seen] == []
