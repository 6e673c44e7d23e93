"""The shapes of a recurrent module in one table, axis by axis; what is wrong with a call, and what may be.

The axes and the sentences are those of shapes.py, by which cells and layers check their own calls.

    call.py     how a call is laid out: every tensor's axes, as far as they are known
    table.py    a row and a word for each tensor, and the notes below
    slips.py    what no error can say: a call that computes something, though perhaps not what was meant
    view.py     the explanation as text and as HTML
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.explaining.call import AsOurs, Call, gates_of
from rnncourse.explaining.slips import not_recurrent, unnoticed
from rnncourse.explaining.table import notes, rows_by_heading
from rnncourse.explaining.view import Explanation, Row
from rnncourse.layers import check_options
from rnncourse.shapes import check_cell, check_layer, is_layer, one_state_argument

__all__ = ["Explanation", "Row", "explain"]


def explain(module: object, input: object = None, hx: object = None, *more: object) -> Explanation:
    """Say what shapes a recurrent module takes, returns and holds; of a call, also what is wrong or may be.

    module: an RNN, LSTM, GRU, RNNCell, LSTMCell or GRUCell, of torch.nn or of rnncourse.
    input, hx: what it is or would be called with, right or wrong; without an input, T and B stay letters.
    more: nothing; here so that explain(lstm, x, h, c) can say what is wrong with lstm(x, h, c).
    Computes nothing and never raises: the problem stands in the explanation. It is the sentence that
    rnncourse's own modules raise, also where torch.nn's raise another or, for a few calls, none.

        explain(torch.nn.LSTM(10, 20, num_layers=2), x, (h_0, c_0))
    """
    gates = gates_of(module)
    if gates is None:
        return Explanation(problem=not_recurrent(module, input))
    ours = AsOurs(module, gates)
    check = one_state_argument(check_layer) if is_layer(ours) else one_state_argument(check_cell)
    problem, fits = _refusal(_check_options, ours), ""
    warnings: tuple[str, ...] = ()
    call = Call(ours)
    if input is not None:
        if isinstance(input, Tensor | PackedSequence) and not _refusal(check, ours, input, None):
            call = Call(ours, input)
        problem = problem or _refusal(check, ours, input, hx, *more)
        if not problem:
            warnings = tuple(unnoticed(call, hx))
            fits = "input and state fit." if hx is not None else "input fits; the state starts from zeros."
    elif hx is not None and not problem:
        problem = "input: missing. A state's batch is the input's, so give both: explain(module, input, hx)."
    return Explanation(
        title=f"{ours.class_name}({ours.extra_repr()})",
        legend=call.legend,
        problem=problem,
        warnings=warnings,
        fits=fits,
        code=call.code,
        table=rows_by_heading(call, input, hx),
        notes=tuple(notes(call)),
    )


def _check_options(module: AsOurs) -> None:
    """Raise what our constructor raises: torch's takes bidirectional=1, to fail when it is called."""
    if is_layer(module):
        sized = (module.input_size, module.hidden_size, module.num_layers)
        check_options(
            *sized, module.bias, module.batch_first, module.dropout, module.bidirectional, module.proj_size
        )


def _refusal(check: Callable[..., None], *arguments: object) -> str:
    """The sentence with which the check refuses, or ""."""
    try:
        check(*arguments)
    except Exception as error:  # of whatever class: it is explained, not raised
        return str(error)
    return ""
