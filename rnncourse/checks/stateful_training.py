"""The checks of exercise set 14: the state carried over chunks, cut from its past, and reset."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    LAYER,
    Case,
    ExerciseSet,
    Mistakes,
    TorchModule,
    Trait,
    cases,
    flat,
    random_cell,
    random_head,
    random_module,
    random_numbers,
    random_state,
    rows,
    small_cell,
    small_head,
)
from rnncourse.checks.given import stateful_training as given
from rnncourse.checks.given.stateful_training import LEAKING, LOOPS
from rnncourse.checks.uses.stateful_training import cut_state, read_twice, train
from rnncourse.steps import LSTMState

CHECKS = ExerciseSet("14", "Stateful training")


# ---- Task 1, batchify: one long sequence in rows, so that each chunk continues the one before it.
EVEN = Trait("the tokens fill the rows", "what you do with tokens that are left over")
LEFT_OVER = Trait("tokens are left over", "which token is in which row")


def _batchify(data, B):
    n = len(data) // B
    return data[: n * B].view(B, n).T


def _batchify_cases(seed):
    numbers = torch.Generator().manual_seed(seed)

    def case(N, B):
        data = torch.randperm(90, generator=numbers)[:N] + 10  # no token twice, none 0
        sizes = {"N": N, "B": B, "n": N // B}
        return Case({"data": data, "B": B}, sizes, frozenset({LEFT_OVER if N % B else EVEN}))

    return [case(14, 3), case(12, 2), case(23, 5), case(20, 4), case(10, 3), case(9, 2)]


wrong = Mistakes("Lay out the batch", _batchify).edits("""
every B-th token | each row reads the text with gaps: neighbours in the text are next to each other in the
    batch.
    view(B, n).T => view(n, B)
batch first | the rows are right, but they lie along axis 0: this is (B, n). Time comes first. | .T =>
the beginning left out | you drop what does not fill the rows at the beginning. It should be dropped at the
    end.
    data[: n * B] => data[len(data) - n * B :]
a step too few | the rows are one step shorter than they could be.
    len(data) // B => max(len(data) // B - 1, 1)
time backwards | each row runs from its end to its beginning. | .T => .T.flip(0)
rows in a different order | the last stretch of the text is in row 0. | view(B, n).T => view(B, n).flip(0).T
padded | the rows are filled up with zeros. Tokens that do not fill the rows should be dropped.
    len(data) // B => -(-len(data) // B)
    data[: n * B] => F.pad(data, (0, n * B - len(data)))
the last token for a target | the last token of the text is held back. This task does not need targets.
    len(data) // B => (len(data) - 1) // B
""")

batchify = CHECKS.task(
    "batchify",
    wrong,
    returns="rows (n B) int",
    points="the layout 1 where the tokens fill the rows; with tokens left over, too 1",
    cases=_batchify_cases,
    example={"data": torch.arange(10, 21), "B": 2},
    agree="the layout asked for",
)


# ---- Task 2, detach: any state without its past.
ONE = Trait("the state is one tensor", "what you do with a state of several tensors")
PAIR = Trait("the state is a pair", "what you do with states that are not a pair")
LAYERS = Trait("each layer has a state", "what you do with a state within a state")


def _detach(state):
    if isinstance(state, torch.Tensor):
        return state.detach()
    return [_detach(part) for part in state]


def _detach_cases(seed):
    numbers = random_numbers(seed, 0.7)

    def case(state, trait, L, B, H, S):
        return Case({"state": state}, {"L": L, "B": B, "H": H, "S": S}, frozenset({trait}))  # S tensors

    def pair(*shape, kind=tuple):
        return kind([numbers(*shape), 2 * numbers(*shape)])

    return [
        case(numbers(2, 3, 4), ONE, 2, 3, 4, 1),
        case(pair(1, 4, 3), PAIR, 1, 4, 3, 2),
        case(pair(3, 5, 4, kind=LSTMState._make), PAIR, 3, 5, 4, 2),
        case([numbers(5, 4) for _ in range(3)], LAYERS, 3, 5, 4, 3),
        case([pair(3, 5), pair(3, 6, kind=LSTMState._make)], LAYERS, 2, 3, 5, 4),
        case((pair(2, 4), pair(2, 4), pair(2, 4)), LAYERS, 3, 2, 4, 6),
    ]


wrong = Mistakes("Detach the state", _detach).edits("""
not cut | what you return still has its past. `detach` changes nothing in place: it returns a new tensor.
    state.detach() => state
only one tensor | you cut a single tensor, but a state of several tensors comes back with its past.
    [_detach(part) for part in state] => state
c forgotten | you cut the first of each pair, but the second leads back into the previous chunk.
    [_detach(part) for part in state] => [_detach(state[0]), *state[1:]]
    look: Which of h and c has a `grad_fn`?
h forgotten | you cut the second of each pair, but the first leads back into the previous chunk.
    [_detach(part) for part in state] => [*state[:-1], _detach(state[-1])]
    look: Which of h and c has a `grad_fn`?
one level deep | you cut the tensors of a pair, but not the pairs of a list.
    _detach(part) => part.detach() if isinstance(part, torch.Tensor) else part
zeros | the numbers are gone: this is a reset. The next chunk has to continue from the same numbers.
    state.detach() => torch.zeros_like(state)
in place | the given state is cut, too: it has lost its past in place.
    state.detach() => state.detach_() § `detach`, `detach_` and `.data`
.data | an in-place write would go unnoticed: the result shares its numbers with the given state, and autograd
    does not know. § `detach`, `detach_` and `.data`
    state.detach() => state.data
""")

detach = CHECKS.task(
    "detach",
    wrong,
    returns="numbers (N), cut (S) bool, original (S) bool, noticed (S) bool",
    points="""
        a tensor 1 where the state is one tensor
        a pair 1 where the state is a pair
        a state for each layer 1 where each layer has a state
    """,
    cases=_detach_cases,
    example={"state": (rows([1, 2]), rows([3, 4]))},
    use=cut_state,
    forbid=frozenset(),
    agree="a state of the same numbers and no past",
)


# ---- Task 3, by_hand: the gradient of a linear recurrence with respect to one number, whole and truncated.
#
# h_t = u h_{t-1} + x_t with u = 2, x = 1, 0, -5, 5 and y = 0, -1, -2, 5 gives h = 1, 2, -1, 3 and
# dL_t/dh_t = h_t - y_t = 1, 3, 1, -2. The term of loss s and step t is (h_s - y_s) u^(s-t) h_{t-1}.
# tests/sets asks autograd.

right = {"whole": -7.0, "chunks": -1.0, "every_step": 7.0, "steps_back": 1.0}

wrong = Mistakes("What the cut leaves out", right).edits("""
whole: only the last loss | That is only the last loss. Each step has a loss. | whole => -14.0
whole: u left out | A term has a factor u for each step between t and s. | whole => 2.0
whole: cut at every step | That is only each step's own term. Without cuts, earlier steps count as well.
    whole => 7.0
chunks: the whole | Nothing is cut in that. | chunks => -7.0
chunks: state zeroed | Detaching leaves the state's value: h_2 is -1, not -5. | chunks => 53.0
chunks: last chunk only | That is only the second chunk. The first one has a term that is not 0.
    chunks => -4.0
chunks: first chunk only | That is only the first chunk. | chunks => 3.0
chunks: border a step early | That is cut between 0 and 1, and between 2 and 3. | chunks => 9.0
chunks: cut at every step | That is cut at every step. Chunks have 2 steps. § Detach at every step
    chunks => 7.0
chunks: two steps back | There every loss looks back over two steps. Chunks have boundaries.
    chunks => 1.0 § How large is the error?
every_step: nothing | A detached state is a constant, not 0: it still multiplies u. § Detach at every step
    every_step => 0.0
every_step: the whole | Nothing is cut in that. § Detach at every step | every_step => -7.0
steps_back: chunks | That has boundaries. Here every loss looks back over two steps. § How large is the error?
    steps_back => -1.0
steps_back: three | s - t < 2 allows two values of s - t: 0 and 1. § How large is the error?
    steps_back => -7.0
steps_back: one | s - t < 2 allows two values of s - t: 0 and 1. § How large is the error? | steps_back => 7.0
""")

by_hand = CHECKS.predicted("by_hand", wrong, forbid=AUTOGRAD)


# ---- Task 4, loops: five loops over chunks, and what happens with each.
WORDS = "right", "fails", "grows", "no past"

TRUTH = {"P": "fails", "Q": "no past", "R": "grows", "S": "right", "T": "grows"}

wrong = Mistakes("`retain_graph=True` is the wrong medicine", TRUTH).edits("""
# These hints are never shown: they only say what the tests try.
c is forgotten | P only detaches h. | P => 'right'
no past mistaken for right | Q detaches at every step. | Q => 'right'
the sum of losses | R holds every loss. | R => 'right'
detach_ mistaken for a fault | S detaches in place. | S => 'fails'
retain_graph without steps | T has no optimizer step. | T => 'fails'
""")

loops = CHECKS.chosen(
    "loops",
    wrong,
    choices=WORDS,
    points="all five loops 3",
    forbid=frozenset(),
)


# ---- Task 5, train_epoch: one pass over a long sequence, chunk by chunk.
WHOLE_CHUNKS = Trait("all chunks have K steps", "what you do with a last chunk that is shorter")
SHORT_CHUNK = Trait("the last chunk is shorter", "what you do where all chunks have K steps")


def _train_epoch(lstm, head, optimizer, x, y, K):
    state, losses = None, []
    for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
        output, state = lstm(x_k, state)
        loss = F.mse_loss(head(output), y_k)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state = tuple(s.detach() for s in state)
        losses.append(loss.item())
    return torch.tensor(losses, dtype=x.dtype)


@cases(0.8, "T12 B5 I2 H6 O1 K4 n3; T14 B7 I4 H5 O2 K6 n3; T9 B2 I6 H5 O1 K4 n3 layers=2")
def _train_epoch_cases(numbers, T, B, I, H, O, K, n, layers=1):
    lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, num_layers=layers)
    head = random_head(numbers, H, O)
    arguments = {"lstm": replace(lstm, trains=True), "head": replace(head, trains=True), "lr": 0.5}
    arguments |= {"x": numbers(T, B, I), "y": numbers(T, B, O), "K": K}
    return arguments, SHORT_CHUNK if T % K else WHOLE_CHUNKS


wrong = Mistakes("The second backward", _train_epoch).edits("""
state zeroed | each chunk starts from zeros: the state is not carried. § When to reset
    lstm(x_k, state) => lstm(x_k)
c zeroed | h is carried from chunk to chunk, c starts from zeros. § Detach the state
    tuple(s.detach() for s in state) => state[0].detach(), torch.zeros_like(state[1])
h zeroed | c is carried from chunk to chunk, h starts from zeros. § Detach the state
    tuple(s.detach() for s in state) => torch.zeros_like(state[0]), state[1].detach()
h and c exchanged | the state you carry is (c, h). A layer takes (h, c). § Detach the state
    tuple(s.detach() for s in state) => state[1].detach(), state[0].detach()
gradients pile up | the gradients of all chunks so far accumulate: they are not set to zero in between.
    optimizer.zero_grad() =>
no update | the weights are unchanged: there is no update, or it finds no gradient. | optimizer.step() =>
one update | the weights change once, at the end. Make an update after each chunk.
    optimizer.zero_grad() =>
    optimizer.step() =>
    return => optimizer.step(); return
the whole in one piece | you do not cut the sequence: there is one loss, of all T steps.
    x.split(K), y.split(K) => [x], [y]
K chunks | there are K chunks. Make chunks of K steps. | x.split(K), y.split(K) => x.chunk(K), y.chunk(K)
the short chunk left out | you leave out the last chunk where it has fewer than K steps. A state works with a
    short chunk, too.
    zip(x.split(K), y.split(K), strict=True) => zip(x[: len(x) // K * K].split(K), y.split(K))
summed | the loss is a sum. Take the mean of the squared errors.
    head(output), y_k) => head(output), y_k, reduction="sum")
halved | the loss is half of what it should be: the mean of the squared errors has no factor ½ here.
    F.mse_loss => 0.5 * F.mse_loss
summed over the outputs | you sum the squared errors of each step over the O outputs. Take the mean over
    everything.
    F.mse_loss(head(output), y_k) => (head(output) - y_k).square().sum(-1).mean()
the layer does not learn | only the head learns: the output that it reads is cut from its past, so the layer
    gets no gradient.
    head(output) => head(output.detach())
the last step only | the loss is only that of each chunk's last step. Use all its steps.
    head(output), y_k => head(output[-1]), y_k[-1]
the sum so far returned | the losses are sums over all chunks so far. Return each chunk's own loss.
    dtype=x.dtype) => dtype=x.dtype).cumsum(0)
full gradient | the gradient goes back over all chunks: there is only one backward, at the end.
    optimizer.zero_grad() =>
    loss.backward() =>
    optimizer.step() =>
    tuple(s.detach() for s in state) => state
    loss.item() => loss
    return torch.tensor(losses, dtype=x.dtype) => sum(losses).backward(); optimizer.step(); return losses
    § `retain_graph=True` is the wrong medicine
""")

one_unit = {f"{name}_l0": value for name, value in small_cell().parameters.items()}

train_epoch = CHECKS.task(
    "train_epoch",
    wrong,
    returns="losses (n), weights (P)",
    points="the losses 2 = losses; the weights afterwards 2 = weights",
    section="Detach the state",
    cases=_train_epoch_cases,
    example={
        "lstm": TorchModule("LSTM", {"input_size": 1, "hidden_size": 1}, one_unit, trains=True),
        "head": small_head(torch.float64, trains=True),
        "lr": 0.5,
        "x": rows([[1]], [[0]], [[-1]]),
        "y": rows([[-1]], [[0]], [[1]]),
        "K": 2,
    },
    use=train,
    forbid=frozenset(),
    agree="truncated backpropagation",
    seconds=20,
)


# ---- Task 6, Reader: a module with three faults (given.py) that stores its state from chunk to chunk.
FLOAT = Trait("the module is as it was built", "what `.double()` moves, and what it does not")
DOUBLE = Trait("the module is moved by .double()", "the module as it was built")


class _Reader(nn.Module):
    def __init__(self, input_size, hidden_size, batch_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        zeros = torch.zeros(1, batch_size, hidden_size)
        self.register_buffer("h", zeros, persistent=False)
        self.register_buffer("c", zeros.clone(), persistent=False)

    def reset(self):
        self.h = torch.zeros_like(self.h)
        self.c = torch.zeros_like(self.c)

    def forward(self, x):
        output, (h, c) = self.lstm(x, (self.h, self.c))
        self.h, self.c = h.detach(), c.detach()
        return output


@cases(0.8, "T12 K4 B3 I2 H5; T7 K3 B2 I5 H6; T6 K2 B6 I3 H4 double; T15 K5 B4 I3 H2", dtype=torch.float32)
def _Reader_cases(numbers, T, K, B, I, H, double=False):
    parameters = random_module("LSTM", numbers, input_size=I, hidden_size=H).parameters
    chunks = [numbers(min(K, T - t), B, I) for t in range(0, T, K)]
    arguments = {"input_size": I, "hidden_size": H, "batch_size": B, "parameters": parameters}
    arguments |= {"double": double, "chunks": [chunk.double() if double else chunk for chunk in chunks]}
    return arguments, DOUBLE if double else FLOAT


wrong = Mistakes("Epochs and evaluation", _Reader)
wrong(
    "as given",
    "it does the same as the given class: no repair has an effect yet.",
    look="Begin with `forward`.",
)(given.Reader)
wrong.edits("""
c not detached | the last chunk's gradient goes back into the previous chunks: c is carried with its past.
    h.detach(), c.detach() => h.detach(), c § Detach the state
h not detached | the last chunk's gradient goes back into the previous chunks: h is carried with its past.
    h.detach(), c.detach() => h, c.detach() § Detach the state
neither detached | the last chunk's gradient goes back into the previous chunks: h and c are carried with
    their past. § Detach the state
    h.detach(), c.detach() => h, c
c not reset | after reset() the state is not the initial one: c stays as it was. § When to reset
    self.c = torch.zeros_like(self.c) =>
no reset | reset() changes nothing. § When to reset
    self.h = torch.zeros_like(self.h) => pass
    self.c = torch.zeros_like(self.c) =>
h not reset | after reset() the state is not the initial one: h stays as it was. § When to reset
    self.h = torch.zeros_like(self.h) =>
no buffers | `.double()` moves the layer, but the state, or half of it, stays behind.
    self.register_buffer("h", zeros, persistent=False) => self.h = zeros
    self.register_buffer("c", zeros.clone(), persistent=False) => self.c = zeros.clone()
c not detached, c not reset | the last chunk's gradient goes back into the previous chunks. In addition,
    reset() leaves c as it was. § Detach the state
    h.detach(), c.detach() => h.detach(), c
    self.c = torch.zeros_like(self.c) =>
c not detached, no buffers | the last chunk's gradient goes back into the previous chunks. In addition, the
    state does not follow `.double()`. § Detach the state
    self.register_buffer("h", zeros, persistent=False) => self.h = zeros
    self.register_buffer("c", zeros.clone(), persistent=False) => self.c = zeros.clone()
    h.detach(), c.detach() => h.detach(), c
c not reset, no buffers | reset() leaves c as it was. In addition, the state does not follow `.double()`.
    self.register_buffer("h", zeros, persistent=False) => self.h = zeros
    self.register_buffer("c", zeros.clone(), persistent=False) => self.c = zeros.clone()
    self.c = torch.zeros_like(self.c) =>
    § When to reset
state not kept | every chunk starts from zeros: the state is not saved.
    self.h, self.c = h.detach(), c.detach() =>
h and c exchanged | you save h as c, and c as h. | h.detach(), c.detach() => c.detach(), h.detach()
""")

Reader = CHECKS.task(
    "Reader",
    wrong,
    returns="output (T B H), gradient (P), after reset (K B H)",
    points="""
        the outputs 1 = output where the module is as it was built
        the gradient 1 = gradient where the module is as it was built
        the reset 1 = after reset where the module is as it was built
        all of it, after .double() too 2
    """,
    cases=_Reader_cases,
    use=read_twice,
    forbid=frozenset(),
    agree="a state that is carried, cut and reset",
)


# ---- Task 7, read_documents: the state is reset where a document begins, row by row.
ONE_DOCUMENT = Trait("no document begins", "the steps at which a document begins")
DOCUMENTS = Trait("documents begin", "what you do where no document begins")


def _read_documents(cell, x, begins, state):
    h, c = state
    outputs = []
    for x_t, new in zip(x, begins, strict=True):
        keep = (~new)[:, None].to(x.dtype)
        h, c = cell(x_t, (h * keep, c * keep))
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@cases(  # rows: one for each sequence, ! where a document begins
    0.8,
    "T5 B3 I2 H4 rows='..!..,!....,.!.!.'; T4 B2 I3 H5 rows='...!,....'; T4 B3 I5 H2 rows='....,....,....'",
    "T3 B4 I2 H5 rows='!.!,..!,!!.,...'; T6 B2 I4 H3 rows='!.....,..!..!'",
)
def _read_documents_cases(numbers, T, B, I, H, rows):
    begins = torch.tensor([[letter == "!" for letter in row] for row in rows.split(",")]).T.contiguous()
    cell, state = random_cell(numbers, I, H), random_state(numbers, B, H)
    arguments = {"cell": cell, "x": numbers(T, B, I), "begins": begins, "state": state}
    return arguments, DOCUMENTS if begins.any() else ONE_DOCUMENT


wrong = Mistakes("When to reset", _read_documents).edits("""
never reset | no state is ever reset: `begins` is not used.
    (h * keep, c * keep) => (h, c)
    look: `detach` leaves the value of a state as it is.
h only | h is reset, but c is left from the previous document. § Detach the state | c * keep => c
c only | c is reset, but h is left from the previous document. § Detach the state | h * keep => h
all rows | where a document begins in one row, you reset all rows. | ~new => ~new.any().expand_as(new)
the other way round | the state is kept where a document begins, and zero everywhere else. | (~new) => new
a step late | the state is reset after the first step of a document, not before it.
    (h * keep, c * keep) => (h, c)
    outputs.append(h) => outputs.append(h); h, c = h * keep, c * keep
outputs zeroed | you zero the state that a step returns. But a document's first step has an output, too.
    (h * keep, c * keep)) => (h, c)); h, c = h * keep, c * keep
written in place | the zeros you write into h in place also appear in the saved output: it is the same tensor.
    h, c = state => h, c = state[0].clone(), state[1].clone()
    h, c = cell(x_t, (h * keep, c * keep)) => h[new], c[new] = 0, 0; h, c = cell(x_t, (h, c))
    look: Make a new tensor for the state.
a step early | the state is reset at the last step of the previous document.
    zip(x, begins => zip(x, begins.roll(-1, 0)
step 0 left out | a document that begins at step 0 continues from the given state.
    outputs = [] => outputs = []; begins = torch.cat([torch.zeros_like(begins[:1]), begins[1:]])
only step 0 | only documents that begin at step 0 are reset.
    outputs = [] => outputs = []; begins = torch.cat([begins[:1], torch.zeros_like(begins[1:])])
back to the given state | a document begins from the given state. That one belongs to the first documents.
    (h * keep, c * keep) => (h * keep + state[0] * (1 - keep), c * keep + state[1] * (1 - keep))
the input zeroed | you zero the input where a document begins, not the state.
    cell(x_t, (h * keep, c * keep)) => cell(x_t * keep, (h, c))
zeros at first | the first documents start from zeros, not from the given state.
    h, c = state => h, c = (torch.zeros_like(part) for part in state)
zeros at every step | every step starts from zeros. | (~new)[:, None].to(x.dtype) => 0.0
""")

read_documents = CHECKS.task(
    "read_documents",
    wrong,
    returns="output (T B H), h (B H), c (B H)",
    points="output 2; the state 1 = h, c",
    cases=_read_documents_cases,
    example={
        "cell": small_cell(),
        "x": rows([[1], [1]], [[0], [0]], [[-1], [-1]]),
        "begins": torch.tensor([[False, True], [False, False], [True, False]]),
        "state": (rows([0.5], [0.5]), rows([1], [1])),
    },
    derive=flat,
    forbid=LAYER,
    agree="each document read alone",
)

__all__ = ["CHECKS", "LEAKING", "LOOPS", *(check.name for check in CHECKS)]
