"""Task 8, run_packed: an LSTM cell over the staircase. The tests compare the right one with torch.nn.LSTM."""

import torch

from rnncourse.checks.framework.cases import Case, TorchModule, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.padding_and_packing.batches import some_lengths, staircase
from rnncourse.checks.padding_and_packing.lesson import BY_HAND, LESSON, LOOP


def _truth(cell, data, batch_sizes, unsorted_indices, state):
    order = unsorted_indices.argsort()
    h, c = (part[order] for part in state)
    outputs = []
    for x_t in data.split(batch_sizes.tolist()):
        size = len(x_t)
        h_t, c_t = cell(x_t, (h[:size], c[:size]))
        h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]])
        outputs.append(h_t)
    return torch.cat(outputs), h[unsorted_indices], c[unsorted_indices]


def _cases(seed):
    numbers = random_numbers(seed, 0.7)

    def case(lengths, I, H):
        B = len(lengths)
        sizes, _, back = staircase(lengths)
        arguments = {
            "cell": random_module("LSTMCell", numbers, input_size=I, hidden_size=H),
            "data": numbers(int(lengths.sum()), I),
            "batch_sizes": sizes,
            "unsorted_indices": back,
            "state": (numbers(B, H), 2 * numbers(B, H)),
        }
        return Case(arguments, {"B": B, "T": len(sizes), "I": I, "H": H})

    return [
        case(torch.tensor([2, 5, 3, 4]), 3, 6),  # the order does not undo itself
        case(some_lengths(numbers, 3, 6), 2, 5),
        case(torch.tensor([3, 2, 5]), 4, 6),
        case(torch.tensor([4, 3, 1]), 2, 5),  # sorted already
    ]


wrong = Mistakes(LOOP, _truth)

wrong.edits("""
§ Sorted and not
state not sorted | each sequence starts from the state of another: the state comes in the order given, data is
    sorted.
    part[order] => part
state sorted the wrong way | each sequence starts from the state of another: unsorted_indices brings back, it
    does not sort.
    part[order] => part[unsorted_indices]
order not restored | the rows of h_n and c_n are still sorted, the longest first.
    h[unsorted_indices], c[unsorted_indices] => h, c
sorted once more | the rows of h_n and c_n are sorted once more, not brought back.
    h[unsorted_indices], c[unsorted_indices] => h[order], c[order]
c not restored | the rows of c_n are still sorted, the longest first.
    c[unsorted_indices] => c
no order at all | the order is forgotten twice: the state that comes in is not sorted, what goes out is not
    brought back.
    part[order] => part
    h[unsorted_indices], c[unsorted_indices] => h, c
§
state ignored | the run starts from zeros, not from the state that is given.
    part[order] => torch.zeros_like(part)
state reset at each step | each step starts from zeros: the state is not handed in.
    cell(x_t, (h[:size], c[:size])) => cell(x_t)
ended states lost | h_n and c_n are zero for sequences that end before the longest. Their states are to be
    kept.
    h[size:] => 0 * h[size:]
    c[size:] => 0 * c[size:]
first state of what has ended | sequences that end before the longest get back the state that they started
    from.
    - h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]])
    + h, c = (torch.cat([new, old[order][size:]]) for new, old in zip((h_t, c_t), state))
only the rows that still run | h_n and c_n hold the longest sequence alone: the states of the others are
    dropped when they end.
    h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]]) => h, c = h_t, c_t
    h[unsorted_indices], c[unsorted_indices] => h, c
the last rows go on | at each step the last rows of the state are taken. Those that go on are on top.
    (h[:size], c[:size]) => (h[len(h) - size :], c[len(c) - size :])
c of the first state | h is carried on, c is not: each step takes the c that was given.
    (h[:size], c[:size]) => (h[:size], state[1][order][:size])
h in the place of c | the cell is given h twice.
    (h[:size], c[:size]) => (h[:size], h[:size])
c collected | output holds c. What a step shows is h.
    append(h_t) => append(c_t)
(c, h) returned | h_n and c_n are exchanged.
    h[unsorted_indices], c[unsorted_indices] => c[unsorted_indices], h[unsorted_indices]
the cell's results exchanged | what the cell returns is taken apart as (c, h). It is (h, c).
    h_t, c_t = => c_t, h_t =
outputs overwritten | output shows later states: what was collected is overwritten by the steps after it.
    h, c = torch.cat([h_t, h[size:]]), torch.cat([c_t, c[size:]]) => h[:size], c[:size] = h_t, c_t
    append(h_t) => append(h[:size])
    look: A slice of h is h's own memory. Collect what the cell returns.
a list | output is a list of columns. Asked is one tensor, (N, H).
    torch.cat(outputs) => outputs
one output for each sequence | output holds the last state of each sequence. Asked is the h of every step, in
    the order of data.
    torch.cat(outputs) => h[unsorted_indices]
a row at a time | each step takes a single row of data. A column has as many rows as its batch size says.
    data.split(batch_sizes.tolist()) => data[: len(batch_sizes)].split(1)
""")


def _small_cell():
    weights = {
        "weight_ih": torch.tensor([[1.0], [0.0], [2.0], [1.0]], dtype=torch.float64),
        "weight_hh": torch.tensor([[0.0], [1.0], [-1.0], [0.0]], dtype=torch.float64),
        "bias_ih": torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64),
        "bias_hh": torch.zeros(4, dtype=torch.float64),
    }
    return TorchModule("LSTMCell", {"input_size": 1, "hidden_size": 1}, weights)


run_packed = Check(
    name="run_packed",
    lesson=LESSON,
    section=LOOP,
    parts=(Part("output", "N H"), Part("h_n", "B H"), Part("c_n", "B H")),
    criteria=(
        Criterion("output", 2, ("output",)),
        Criterion("h_n", 2, ("h_n",)),
        Criterion("c_n", 1, ("c_n",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    forbid=BY_HAND - {"torch.nn.LSTMCell", "torch.lstm_cell"},  # the cell is given
    example_case=Case(
        {
            "cell": _small_cell(),
            "data": torch.tensor([[1.0], [-1.0], [0.0]], dtype=torch.float64),
            "batch_sizes": torch.tensor([2, 1]),
            "unsorted_indices": torch.tensor([1, 0]),
            "state": (
                torch.zeros(2, 1, dtype=torch.float64),
                torch.tensor([[1.0], [0.0]], dtype=torch.float64),
            ),
        },
        {"B": 2, "T": 2, "I": 1, "H": 1},
    ),
    agree="torch.nn.LSTM on a packed batch",
)
