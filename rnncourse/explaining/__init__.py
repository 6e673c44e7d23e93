"""Show the shapes of a recurrent module in one table, axis by axis, and say what is wrong with a call.

The axes and the sentences are those of shapes.py, with which cells and layers check their own calls.

    call.py     the layout of a call: the axes of every tensor, as far as they are known
    table.py    a row and a note for each tensor, and the notes below the table
    slips.py    what no error can say: a call that runs, though perhaps not as it was meant
    numbers.py  the same for the numbers: nan, padding, states that no cell can have computed
    view.py     the explanation as text and as HTML
    failing.py  `with explain():`, which adds the sentence as a note to the exception of a call
"""

from collections.abc import Callable
from typing import Any, overload

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.explaining.call import Call
from rnncourse.explaining.failing import Explaining
from rnncourse.explaining.numbers import doubtful_numbers
from rnncourse.explaining.slips import not_recurrent, unnoticed
from rnncourse.explaining.table import notes, rows_by_heading
from rnncourse.explaining.view import Explanation, Row
from rnncourse.layers import check_options
from rnncourse.shapes import check_cell, check_layer, one_state_argument
from rnncourse.spec import Spec

__all__ = ["Explaining", "Explanation", "Row", "explain"]


@overload
def explain() -> Explaining: ...
@overload
def explain(module: object, input: object = None, hx: object = None, *more: object) -> Explanation: ...
def explain(*arguments: Any, **named: Any) -> Explaining | Explanation:
    """Say what shapes a recurrent module takes, returns and holds, and what is or may be wrong with a call.

        explain(torch.nn.LSTM(10, 20, num_layers=2), x, (h_0, c_0))

        with explain():      # if a recurrent layer's call raises in here, the exception gets a note
            model(x)

    It calls no module and never raises: the problem is part of the explanation. It is the sentence that
    rnncourse's own modules raise, even where torch.nn's raise a different one or, for a few calls, none.

    Args:
        *arguments: the module, an RNN, LSTM, GRU, RNNCell, LSTMCell or GRUCell of torch.nn or of rnncourse;
            then the input and the state hx of a call, right or wrong. Without an input, T and B stay letters.
            More arguments are allowed, so that explain(lstm, x, h, c) can say what is wrong with lstm(x, h,
            c).
        **named: the same by name: module, input, hx.

    Returns:
        An Explanation or, without any argument, an Explaining for `with`.

    Example:
        >>> lstm = torch.nn.LSTM(8, 12)
        >>> rnncourse.explain(lstm, torch.randn(5, 4, 8), torch.zeros(1, 4, 12)).problem
        'hx: expected a pair of tensors (h_0, c_0), got Tensor. One tensor alone is h_0: c_0 is missing.'
    """
    if not arguments and not named:
        return Explaining(explanation)
    return explanation(*arguments, **named)


def explanation(module: object, input: object = None, hx: object = None, *more: object) -> Explanation:
    """Return what `explain` says about one module or call."""
    spec = Spec.find(module)
    if spec is None:
        return Explanation(problem=not_recurrent(module, input))
    check = one_state_argument(check_cell if spec.is_cell else check_layer)
    problem, reading = _refusal(_check_options, spec), ""
    warnings: tuple[str, ...] = ()
    call = Call(spec)
    if input is not None:
        if isinstance(input, Tensor | PackedSequence) and not _refusal(check, spec, input, None):
            call = Call(spec, input)
        problem = problem or _refusal(check, spec, input, hx, *more)
        if not problem:
            warnings = (*unnoticed(call, hx), *doubtful_numbers(call, input, hx))
            reading = call.reading(hx is not None)
    elif hx is not None and not problem:
        problem = "input: missing. A state's batch is the input's, so give both: explain(module, input, hx)."
    return Explanation(
        title=spec.title,
        legend=call.legend,
        problem=problem,
        warnings=warnings,
        reading=reading,
        code=call.code,
        table=rows_by_heading(call, input, hx),
        notes=tuple(notes(call)),
    )


def _check_options(spec: Spec) -> None:
    """Raise what our constructor raises: torch's accepts bidirectional=1, to fail when it is called."""
    if not spec.is_cell:
        sized = (spec.input_size, spec.hidden_size, spec.num_layers)
        check_options(*sized, spec.bias, spec.batch_first, spec.dropout, spec.bidirectional, spec.proj_size)


def _refusal(check: Callable[..., None], *arguments: object) -> str:
    """Return the sentence with which the check refuses, or ""."""
    try:
        check(*arguments)
    except Exception as error:  # of whatever class: it is explained, not raised
        return str(error)
    return ""
