"""Task 7, read_documents: the state begins anew where a document begins, row by row."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping.lesson import LAYER, flat, small_cell
from rnncourse.checks.stateful_training.lesson import LESSON, RESET

ONE_DOCUMENT = Trait("no document begins", "the steps at which a document begins")
DOCUMENTS = Trait("documents begin", "what you do where no document begins")


def _truth(cell, x, begins, state):
    h, c = state
    outputs = []
    for x_t, new in zip(x, begins, strict=True):
        keep = (~new)[:, None].to(x.dtype)
        h, c = cell(x_t, (h * keep, c * keep))
        outputs.append(h)
    return torch.stack(outputs), (h, c)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(I: int, H: int, *rows: str) -> Case:
        begins = torch.tensor([[letter == "!" for letter in row] for row in rows]).T.contiguous()  # (T, B)
        T, B = begins.shape
        cell = random_module("LSTMCell", numbers, input_size=I, hidden_size=H)
        state = (numbers(B, H), 2 * numbers(B, H))
        arguments = {"cell": cell, "x": numbers(T, B, I), "begins": begins, "state": state}
        trait = DOCUMENTS if begins.any() else ONE_DOCUMENT
        return Case(arguments, {"T": T, "B": B, "I": I, "H": H}, frozenset({trait}))

    return [
        case(2, 4, "..!..", "!....", ".!.!."),  # a row for each sequence, ! where a document begins
        case(3, 5, "...!", "...."),
        case(5, 2, "....", "....", "...."),
        case(2, 5, "!.!", "..!", "!!.", "..."),
        case(4, 3, "!.....", "..!..!"),
    ]


wrong = Mistakes(RESET, _truth)

wrong.edits("""
never reset | no state begins anew: `begins` has no part in it.
    (h * keep, c * keep) => (h, c)
    look: `detach` leaves the value of a state as it is.
§ Detach the state
h only | h begins anew, c is left from the document before.
    c * keep => c
c only | c begins anew, h is left from the document before.
    h * keep => h
§
all rows | where a document begins in one row, all rows begin anew.
    ~new => ~new.any().expand_as(new)
the other way round | the state is kept where a document begins, and zero everywhere else.
    (~new) => new
a step late | the state begins anew after the first step of a document, not before it.
    - h, c = cell(x_t, (h * keep, c * keep))
    - outputs.append(h)
    + h, c = cell(x_t, (h, c))
    + outputs.append(h)
    + h, c = h * keep, c * keep
outputs zeroed | what is zeroed is the state that a step returns. A document's first step has an output, too.
    - h, c = cell(x_t, (h * keep, c * keep))
    + h, c = cell(x_t, (h, c))
    + h, c = h * keep, c * keep
written in place | zeros written into h in place also stand in the output kept before: it is the same tensor.
    - for x_t, new in zip(x, begins, strict=True):
    -     keep = (~new)[:, None].to(x.dtype)
    -     h, c = cell(x_t, (h * keep, c * keep))
    + h, c = h.clone(), c.clone()
    + for x_t, new in zip(x, begins, strict=True):
    +     h[new], c[new] = 0, 0
    +     h, c = cell(x_t, (h, c))
    look: Make a new tensor for the state.
a step early | the state begins anew at the last step of the document before.
    zip(x, begins, strict=True) => zip(x, begins.roll(-1, 0), strict=True)
step 0 left out | a document that begins at step 0 goes on from the state that was given.
    - outputs = []
    + outputs = []
    + begins = torch.cat([torch.zeros_like(begins[:1]), begins[1:]])
only step 0 | only documents that begin at step 0 begin anew.
    - outputs = []
    + outputs = []
    + begins = torch.cat([begins[:1], torch.zeros_like(begins[1:])])
back to the given state | a document begins from the state that was given. That one belongs to the first
    documents.
    (h * keep, c * keep) => (h * keep + state[0] * (1 - keep), c * keep + state[1] * (1 - keep))
the input zeroed | it is the input that is zeroed where a document begins.
    cell(x_t, (h * keep, c * keep)) => cell(x_t * keep, (h, c))
zeros at first | the first documents start from zeros, not from the state that is given.
    h, c = state => h, c = (torch.zeros_like(part) for part in state)
zeros at every step | every step starts from zeros.
    (~new)[:, None].to(x.dtype) => 0.0
""")

read_documents = Check(
    name="read_documents",
    lesson=LESSON,
    section=RESET,
    parts=(Part("output", "T B H"), Part("h", "B H"), Part("c", "B H")),
    criteria=(
        Criterion("output", 2, ("output",)),
        Criterion("the state", 1, ("h", "c")),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "cell": small_cell(),
            "x": torch.tensor([[[1.0], [1.0]], [[0.0], [0.0]], [[-1.0], [-1.0]]], dtype=torch.float64),
            "begins": torch.tensor([[False, True], [False, False], [True, False]]),
            "state": (
                torch.tensor([[0.5], [0.5]], dtype=torch.float64),
                torch.tensor([[1.0], [1.0]], dtype=torch.float64),
            ),
        },
        {"T": 3, "B": 2, "I": 1, "H": 1},
    ),
    derive=flat,
    forbid=LAYER,
    agree="each document read alone",
)
