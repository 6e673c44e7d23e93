"""Task 2, detach: any state without its past."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.stateful_training.cutting import cut_state
from rnncourse.checks.stateful_training.lesson import DETACH, LESSON
from rnncourse.steps import LSTMState

ONE = Trait("the state is one tensor", "what you do with a state of several tensors")
PAIR = Trait("the state is a pair", "what you do with other states than a pair")
LAYERS = Trait("each layer has a state", "what you do with a state within a state")


def _truth(state):
    if isinstance(state, torch.Tensor):
        return state.detach()
    return [_truth(part) for part in state]


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)

    def case(state, trait: Trait, L: int, B: int, H: int, S: int) -> Case:
        sizes = {"L": L, "B": B, "H": H, "S": S}  # S tensors
        return Case({"state": state}, sizes, frozenset({trait}))

    def pair(*shape: int, kind=tuple):
        return kind([numbers(*shape), 2 * numbers(*shape)])

    return [
        case(numbers(2, 3, 4), ONE, 2, 3, 4, 1),
        case(pair(1, 4, 3), PAIR, 1, 4, 3, 2),
        case(pair(3, 5, 4, kind=LSTMState._make), PAIR, 3, 5, 4, 2),
        case([numbers(5, 4) for _ in range(3)], LAYERS, 3, 5, 4, 3),
        case([pair(3, 5), pair(3, 6, kind=LSTMState._make)], LAYERS, 2, 3, 5, 4),
        case((pair(2, 4), pair(2, 4), pair(2, 4)), LAYERS, 3, 2, 4, 6),
    ]


wrong = Mistakes(DETACH, _truth)

wrong.edits("""
not cut | what comes back still has its past. `detach` changes nothing in place: it returns a new tensor.
    state.detach() => state
only one tensor | a single tensor is cut. A state of several tensors comes back with its past.
    [_truth(part) for part in state] => state
c forgotten | of each pair the first is cut, and the second leads back into the chunk before.
    [_truth(part) for part in state] => [_truth(state[0]), *state[1:]]
    look: Which of h and c has a `grad_fn`?
h forgotten | of each pair the second is cut, and the first leads back into the chunk before.
    [_truth(part) for part in state] => [*state[:-1], _truth(state[-1])]
    look: Which of h and c has a `grad_fn`?
one level deep | the tensors of a pair are cut, the pairs of a list are not.
    - return [_truth(part) for part in state]
    + return [part.detach() if isinstance(part, torch.Tensor) else part for part in state]
zeros | the numbers are gone: this is a reset. The next chunk has to go on from the same numbers.
    state.detach() => torch.zeros_like(state)
§ `detach`, `detach_` and `.data`
in place | the state that was given is cut, too: it has lost its past in place.
    state.detach() => state.detach_()
.data | a write in place would go unnoticed: what comes back shares its numbers with what was given, and
    autograd does not know.
    state.detach() => state.data
""")

detach = Check(
    name="detach",
    lesson=LESSON,
    section=DETACH,
    parts=(
        Part("numbers", "N"),
        Part("cut", "S", "bool"),
        Part("original", "S", "bool"),
        Part("noticed", "S", "bool"),
    ),
    criteria=(
        Criterion("a tensor", 1, (), (ONE,)),
        Criterion("a pair", 1, (), (PAIR,)),
        Criterion("a state for each layer", 1, (), (LAYERS,)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {"state": (torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))}, {"B": 1, "H": 2, "S": 2}
    ),
    use=cut_state,
    forbid=frozenset(),
    agree="a state of the same numbers and no past",
)
