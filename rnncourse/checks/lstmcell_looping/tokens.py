"""Task 7, greedy: whole numbers fed back, each sequence until it ends."""

import functools

import torch

from rnncourse.checks.framework.cases import Case, TorchModule, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstmcell_looping.lesson import FEED_BACK, LAYER, LESSON, flat

GOES_ON = Trait("a sequence goes on to the last step", "what you do once all sequences have ended")
ALL_END = Trait("all sequences end before the last step", "sequences that have not ended")


def _truth(cell, embedding, head, token, state, end, steps):
    h, c = state
    ended = torch.zeros(len(token), dtype=torch.bool)
    tokens = []
    for _ in range(steps):
        new_h, new_c = cell(embedding[token], (h, c))
        h = torch.where(ended[:, None], h, new_h)
        c = torch.where(ended[:, None], c, new_c)
        token = head(h).argmax(dim=-1)
        token = torch.where(ended, end, token)
        ended = ended | (token == end)
        tokens.append(token)
    return torch.stack(tokens), (h, c)


def _draw(numbers, steps: int, B: int, I: int, H: int, V: int, all_end: bool) -> dict | None:
    """One draw of arguments, or None where no token ends the sequences at steps that tell."""
    cell = random_module("LSTMCell", numbers, input_size=I, hidden_size=H)
    head = random_module("Linear", numbers, in_features=H, out_features=V)
    arguments = {
        "cell": cell,
        "embedding": 2 * numbers(V, I),
        "head": head,
        "token": numbers(B, V).argmax(dim=-1),
        "state": (numbers(B, H), 2 * numbers(B, H)),
    }
    built = {**arguments, "cell": cell.build(), "head": head.build()}
    free, _ = _truth(*built.values(), end=-1, steps=steps)  # -1: no token ends it
    for end in range(1, V):
        ends = [row.tolist().index(end) if end in row else steps for row in free.T]
        if end in arguments["token"] or len(free.unique()) < 3:
            continue
        if all_end and min(ends) < max(ends) < steps - 1:
            return {**arguments, "end": end, "steps": steps}
        if not all_end and 0 < min(ends) < steps - 2 and max(ends) == steps:
            return {**arguments, "end": end, "steps": steps}
    return None


@functools.cache  # it takes many draws
def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.2)

    def case(steps: int, B: int, I: int, H: int, V: int, all_end: bool = False) -> Case:
        arguments = None
        while arguments is None:
            arguments = _draw(numbers, steps, B, I, H, V, all_end)
        sizes = {"steps": steps, "B": B, "I": I, "H": H, "V": V}
        return Case(arguments, sizes, frozenset({ALL_END if all_end else GOES_ON}))

    return [
        case(6, 4, 3, 5, 7),
        case(5, 3, 2, 6, 4),
        case(6, 2, 3, 5, 4, all_end=True),
        case(7, 3, 4, 5, 6, all_end=True),
    ]


wrong = Mistakes(FEED_BACK, _truth)

wrong.edits("""
no end | `end` has no part in it: the sequences go on after it.
    - token = torch.where(ended, end, token)
    - ended = ended | (token == end)
    + pass
the state goes on | the tokens stay at `end`, but the state of an ended sequence goes on changing.
    - h = torch.where(ended[:, None], h, new_h)
    - c = torch.where(ended[:, None], c, new_c)
    + h, c = new_h, new_c
c goes on | the h of an ended sequence stays, but its c goes on changing.
    c = torch.where(ended[:, None], c, new_c) => c = new_c
h goes on | the c of an ended sequence stays, but its h goes on changing.
    h = torch.where(ended[:, None], h, new_h) => h = new_h
the state without the last step | the state of an ended sequence is the one before the step that gave `end`.
    That step belongs to it.
    - new_h, new_c = cell(embedding[token], (h, c))
    + new_h, new_c = cell(embedding[token], (h, c))
    + token = torch.where(ended, end, head(new_h).argmax(dim=-1))
    + ended = ended | (token == end)
    - token = head(h).argmax(dim=-1)
    - token = torch.where(ended, end, token)
    - ended = ended | (token == end)
ended only while the token is end | a sequence that has ended begins again: it stays ended for one step only.
    ended = ended | (token == end) => ended = (token == end) & ~ended
one end for all | the first sequence to end stops all others.
    ended = ended | (token == end) => ended = ended | (token == end).any()
shorter when all have ended | the loop stops when all sequences have ended: fewer than `steps` rows. Asked are
    always as many.
    - tokens.append(token)
    + tokens.append(token)
    + if ended.all():
    +     break
0 after the end | after its end a sequence has the token 0. Asked is `end`, which is another.
    torch.where(ended, end, token) => torch.where(ended, 0, token)
the given token at each step | each step reads the token that was given; its own is not fed back.
    tokens = [] => tokens, given = [], token
    embedding[token] => embedding[given]
collected before the step | the tokens begin with the given one: each is collected before its step, so all
    come one step late.
    - for _ in range(steps):
    + for _ in range(steps):
    +     tokens.append(token)
    - tokens.append(token)
the given token among them | there are steps + 1 rows: the given token is there, too.
    tokens = [] => tokens = [token]
a mixture fed back | fed back is a mixture of all embeddings, weighted by softmax. Asked is that of the token
    chosen.
    - tokens = []
    - for _ in range(steps):
    -     new_h, new_c = cell(embedding[token], (h, c))
    + tokens, x_t = [], embedding[token]
    + for _ in range(steps):
    +     new_h, new_c = cell(x_t, (h, c))
    - tokens.append(token)
    + tokens.append(token)
    + x_t = head(h).softmax(dim=-1) @ embedding
the least likely | the token is that of the smallest score.
    argmax => argmin
§ One step, by hand
the head on c | the head is applied to c. What a step shows is h.
    head(h) => head(c)
§ The state is reset at each step
state reset at each step | each step starts from zeros: the state has not been handed in.
    (embedding[token], (h, c)) => (embedding[token])
the first state at each step | each step starts from the state that was given. Which one should step 2 start
    from?
    (embedding[token], (h, c)) => (embedding[token], state)
§ One step, by hand
c zero at each step | h is carried on, c is not: each step starts from c = 0.
    (embedding[token], (h, c)) => (embedding[token], (h, torch.zeros_like(c)))
§ The state is reset at each step
state ignored | the run starts from zeros, not from the state that is given.
    h, c = state => h, c = map(torch.zeros_like, state)
§ The loop
batch first | the tokens are (B, steps): stacked along the wrong axis. Here time comes first.
    torch.stack(tokens) => torch.stack(tokens, dim=1)
the last only | these are the last tokens alone. Asked are all steps'.
    torch.stack(tokens) => token
not stacked | the tokens are a list of tensors. Asked is one tensor, (steps, B).
    torch.stack(tokens) => tokens
""")

greedy = Check(
    name="greedy",
    lesson=LESSON,
    section=FEED_BACK,
    parts=(Part("tokens", "T B", dtype="int"), Part("h", "B H"), Part("c", "B H")),
    criteria=(
        Criterion("tokens", 2, ("tokens",)),
        Criterion("h", 1, ("h",)),
        Criterion("c", 1, ("c",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "cell": TorchModule(
                "LSTMCell",
                {"input_size": 1, "hidden_size": 1},
                {
                    "weight_ih": torch.tensor([[-4.0], [2.0], [3.0], [4.0]]),
                    "weight_hh": torch.tensor([[2.0], [-4.0], [3.0], [-3.0]]),
                    "bias_ih": torch.tensor([2.0, 2.0, -2.0, -2.0]),
                    "bias_hh": torch.zeros(4),
                },
            ),
            "embedding": torch.tensor([[-1.0], [1.0], [-1.0]]),
            "head": TorchModule(
                "Linear",
                {"in_features": 1, "out_features": 3},
                {"weight": torch.tensor([[2.0], [-3.0], [-4.0]]), "bias": torch.tensor([-1.0, 0.0, -0.5])},
            ),
            "token": torch.tensor([0, 1]),
            "state": (torch.zeros(2, 1), torch.zeros(2, 1)),
            "end": 2,
            "steps": 5,
        },
        {"steps": 5, "B": 2, "I": 1, "H": 1, "V": 3},
    ),
    derive=flat,
    forbid=LAYER,
    agree="a loop over the cell's equations",
)
