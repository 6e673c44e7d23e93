"""The checks of exercise set 23: the operator, the scan, minGRU by scan, the gradient, which ones, DDP."""

from functools import partial

import torch

from rnncourse.checks.framework.authoring import (
    AUTOGRAD,
    RECURRENT,
    ExerciseSet,
    Mistakes,
    cases,
    row,
    rows,
)
from rnncourse.checks.uses.where_next import call_and_count

CHECKS = ExerciseSet("23", "Where next")


# ---- Task 1, combine: two steps as one.
def _combine(a_1, b_1, a_2, b_2):
    a = a_2 * a_1
    b = a_2 * b_1 + b_2
    return a, b


@cases(1.0, "B3 H4; B2 H5; B4 H3")
def _combine_cases(numbers, B, H):
    return {name: numbers(B, H) for name in ("a_1", "b_1", "a_2", "b_2")}


wrong = Mistakes("Two steps are one", _combine).edits("""
in the other order | this is step 2 before step 1. Which of the two is applied first?
    a_2 * b_1 + b_2 => a_1 * b_2 + b_1
    look: Put h into step 1, and the result into step 2.
b without a factor | you add b_1 and b_2. What does step 2 do with everything that comes before it?
    a_2 * b_1 + b_2 => b_1 + b_2
a added | the factors are added. What happens to h in two steps? | a_2 * a_1 => a_2 + a_1
b_2 multiplied as well | b_2 is multiplied by a_2, too. It is added after the multiplication.
    a_2 * b_1 + b_2 => a_2 * (b_1 + b_2)
each by its own factor | each b is multiplied by the factor of its own step.
    a_2 * b_1 + b_2 => a_1 * b_1 + a_2 * b_2
b_1 by a_1 | b_1 is multiplied by a_1, which was applied before b_1 was added. | a_2 * b_1 => a_1 * b_1
b_1 by both factors | b_1 is multiplied by both factors. Which of them comes after it? | a_2 * b_1 => a * b_1
b_1 lost | b_1 is lost: this is what step 2 adds, alone. | a_2 * b_1 + b_2 => b_2
b_2 lost | b_2 is lost. | a_2 * b_1 + b_2 => a_2 * b_1
a_1 lost | the factor is that of step 2 alone. | a_2 * a_1 => a_2
a_2 lost | the factor is that of step 1 alone. | a_2 * a_1 => a_1
subtracted | b_2 is subtracted. | + b_2 => - b_2
a weighted mean | b_2 gets the factor 1 - a_2. In a minGRU that factor is a part of b already. § minGRU
    + b_2 => + (1 - a_2) * b_2
multiplied | you multiply the two b's. | a_2 * b_1 + b_2 => a_2 * b_1 * b_2
exchanged | a and b are exchanged. | return a, b => return b, a
""")

combine = CHECKS.task(
    "combine",
    wrong,
    returns="a (B H), b (B H)",
    points="a 1; b 1",
    cases=_combine_cases,
    example={"a_1": rows([2.0]), "b_1": rows([1.0]), "a_2": rows([3.0]), "b_2": rows([10.0])},
    agree="two steps in one",
)


# ---- Task 2, scan: recursive doubling over any number of steps, from h_0.
def _scan(a, b, h_0):
    d = 1
    while d < len(b):
        more_a = a[d:] * a[:-d]
        more_b = a[d:] * b[:-d] + b[d:]
        a, b = torch.cat([a[:d], more_a]), torch.cat([b[:d], more_b])
        d *= 2
    return a * h_0 + b


@cases(1.0, "T7 B3 H2; T9 B2 H4; T8 B4 H3; T1 B5 H2; T600 B2 H3")
def _scan_cases(numbers, T, B, H):
    a = torch.sigmoid(4 * numbers(T, B, H))  # some near 0, some near 1
    if T > 100:
        a[..., 0] = 1 - a[..., 0] / 200  # one unit remembers its whole sequence: every round counts
    return {"a": a, "b": numbers(T, B, H), "h_0": numbers(B, H)}


scan_mistakes = wrong = Mistakes("Recursive doubling", _scan).edits("""
exchanged steps | the later step is applied first. | a[d:] * b[:-d] + b[d:] => a[:-d] * b[d:] + b[:-d]
the new a in b | b is computed with the combined a. Only the later step's own a comes after the earlier b.
    a[d:] * b[:-d] => more_a * b[:-d]
the earlier a in b | the earlier b is multiplied by its own a. Which a comes after it?
    a[d:] * b[:-d] => a[:-d] * b[:-d]
a stays | only b is combined; in the next round, a has to cover twice as many steps, too.
    a[d:] * a[:-d] => a[d:]
b without a factor | you add the two b's without a factor. | a[d:] * b[:-d] => b[:-d]
own b lost | the later step's own b is lost. | * b[:-d] + b[d:] => * b[:-d]
the first steps zero | the first d steps of b become 0. They stay as they are. | [b[:d], => [0 * b[:d],
a of the first steps is 1 | the first d steps of a become 1. They stay as they are. | [a[:d], => [a[:d] ** 0,
the first steps at the end | in each round, the first d steps come last.
    [a[:d], more_a] => [more_a, a[:d]]
    [b[:d], more_b] => [more_b, b[:d]]
around the end | the first d steps are combined with the last ones: `roll` wraps around the end.
    torch.cat([a[:d], more_a]), torch.cat([b[:d], more_b]) => a * a.roll(d, 0), a * b.roll(d, 0) + b
forward in time | you combine each step with the one d steps *after* it.
    - a, b = torch.cat([a[:d], more_a]), torch.cat([b[:d], more_b])
    + a, b = torch.cat([more_a, a[-d:]]), torch.cat([more_b, b[-d:]])
one round only | you stop after one round: each step holds two steps only. | d *= 2 => break
one round too few | the last round is missing. How many steps does the last step hold?
    while d < len(b): => while 2 * d < len(b):
rounded down | a round is missing where T is not a power of 2. How many rounds do 9 steps need?
    while d < len(b): => while 2 * d <= len(b):
one round for each step | d grows by 1. Steps that have been combined already are combined a second time.
    d *= 2 => d += 1
three times as far | d is tripled. After a round, a step holds only twice as many steps as before.
    d *= 2 => d *= 3
begins at 2 | d begins at 2: no step is combined with the one just before. | d = 1 => d = 2
from zeros | h_0 is not used: the state begins as zeros. | a * h_0 + b => b
h_0 without a factor | h_0 is added without a factor. | a * h_0 + b => h_0 + b
h_0 with one step's factor | h_0 is multiplied by a step's own a only. How many steps does h_0 pass through?
    d = 1 => d, own = 1, a
    a * h_0 + b => own * h_0 + b
h_0 in the first step only | h_0 reaches the first state and no later one.
    a * h_0 + b => torch.cat([a[:1] * h_0 + b[:1], b[1:]])
h_0 twice | h_0 is in step 1 from the beginning, and is added again at the end.
    d = 1 => d = 1; b = torch.cat([a[:1] * h_0 + b[:1], b[1:]])
the last state only | this is the last state. Return the states of all steps.
    return a * h_0 + b => return (a * h_0 + b)[-1]
the state before each step | each state is the one before its step: h_0 comes first, and the last
    state is missing.
    return a * h_0 + b => return torch.cat([h_0[None], (a * h_0 + b)[:-1]])
""")

ONE_AT_A_TIME = (
    "the states are right, but the number of operations grows with T. A round works on all steps at once,"
    " without a loop over them."
)


@wrong("a loop over the steps", ONE_AT_A_TIME)
def _(a, b, h):
    states = []
    for a_t, b_t in zip(a, b, strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states)


@wrong(
    "divided by the product",
    "you divide by the product of all factors up to a step. After many steps it is 0 in floating point.",
    section="How fast?",
)
def _(a, b, h_0):
    product = a.cumprod(0)
    return product * (h_0 + (b / product).cumsum(0))


scan = CHECKS.task(
    "scan",
    wrong,
    returns="h (T B H), few_operations flag",
    points="all states 1 = h; by a scan 2 = h, few_operations",
    cases=_scan_cases,
    use=call_and_count,
    example={"a": rows([[2.0]], [[2.0]], [[2.0]]), "b": rows([[1.0]], [[1.0]], [[1.0]]), "h_0": rows([5.0])},
)


# ---- Task 3, min_gru: by the scan.
def _min_gru(x, h_0, weight_z, bias_z, weight_n, bias_n, scan=_scan):
    z = torch.sigmoid(x @ weight_z.T + bias_z)
    n = x @ weight_n.T + bias_n
    h = scan(z, (1 - z) * n, h_0)
    return h, h[-1]


@cases(0.9, "T5 B3 I2 H4; T4 B2 I5 H3; T6 B4 I3 H2; T1 B5 I3 H2; T600 B2 I4 H3")
def _min_gru_cases(numbers, T, B, I, H):
    bias_z = numbers(H)
    if T > 100:
        bias_z -= 2  # the product of all z is 0 in floating point
        bias_z[0] += 10  # but one unit remembers for long: every round counts
    weights = {
        "weight_z": numbers(H, I),
        "bias_z": bias_z,
        "weight_n": numbers(H, I),
        "bias_n": numbers(H),
    }
    return {"x": numbers(T, B, I), "h_0": numbers(B, H), **weights}


wrong = Mistakes("minGRU", _min_gru).edits("""
the paper's z | z and 1 - z are exchanged: this is the paper's convention. Use torch's, in which z keeps the
    old state.
    scan(z, (1 - z) * n, h_0) => scan(1 - z, z * n, h_0)
a tanh | n has a tanh, as in the GRU. The minGRU has none.
    n = x @ weight_n.T + bias_n => n = torch.tanh(x @ weight_n.T + bias_n)
no sigmoid | z has no sigmoid. | torch.sigmoid(x @ weight_z.T + bias_z) => x @ weight_z.T + bias_z
tanh for z | z goes through a tanh. A gate is a sigmoid. | torch.sigmoid => torch.tanh
sigmoid for n | n goes through a sigmoid. It is a value, not a gate.
    n = x @ weight_n.T + bias_n => n = torch.sigmoid(x @ weight_n.T + bias_n)
n at full weight | n is added at full weight. What is kept and what is new share the weight 1.
    (1 - z) * n => n
the state at full weight | the old state stays at full weight. | scan(z, => scan(z ** 0,
from zeros | the state begins as zeros, not as h_0. | n, h_0) => n, 0 * h_0)
the state does not move on | each step reads h_0. Read the state of the step before.
    scan(z, (1 - z) * n, h_0) => z * h_0 + (1 - z) * n
no bias in z | z is computed without its bias. | weight_z.T + bias_z => weight_z.T
no bias in n | n is computed without its bias. | weight_n.T + bias_n => weight_n.T
weights exchanged | z is computed with n's weights, and n with those of z.
    - z = torch.sigmoid(x @ weight_z.T + bias_z)
    - n = x @ weight_n.T + bias_n
    + z = torch.sigmoid(x @ weight_n.T + bias_n)
    + n = x @ weight_z.T + bias_z
biases exchanged | the two biases are exchanged.
    - z = torch.sigmoid(x @ weight_z.T + bias_z)
    - n = x @ weight_n.T + bias_n
    + z = torch.sigmoid(x @ weight_z.T + bias_n)
    + n = x @ weight_n.T + bias_z
the state before each step | each state is the one before its step: h_0 comes first, and the last
    state is missing.
    return h, h[-1] => return torch.cat([h_0[None], h[:-1]]), h[-1]
backwards | time runs backwards: you begin with the last step.
    scan(z, (1 - z) * n, h_0) => scan(z.flip(0), ((1 - z) * n).flip(0), h_0)
h_n is the first state | h_n is the state after the first step. Return the last one. | h, h[-1] => h, h[0]
h_n is all states | h_n holds the states of all steps. Return the last one. | h, h[-1] => h, h
h_n is h_0 | h_n is h_0. Return the state after the last step. | h, h[-1] => h, h_0
h_n without h_0 | h_n is the last state of a sequence that begins with zeros.
    h, h[-1] => h, scan(z, (1 - z) * n, 0 * h_0)[-1]
""")
wrong.extend(
    scan_mistakes.through(
        lambda scan: partial(_min_gru, scan=scan),
        but=("from zeros", "the last state only", "the state before each step"),
    )
)

min_gru = CHECKS.task(
    "min_gru",
    wrong,
    returns="h (T B H), h_n (B H), few_operations flag",
    points="all states 1 = h; the state to carry on 1 = h_n; by the scan 1 = h, few_operations",
    cases=_min_gru_cases,
    use=call_and_count,
    example={
        "x": rows([[1.0]], [[0.0]]),
        "h_0": rows([4.0]),
        "weight_z": rows([0.0]),
        "bias_z": row(0.0),
        "weight_n": rows([2.0]),
        "bias_n": row(0.0),
    },
)


# ---- Task 4, scan_backward: the gradient is a recurrence, too.
def _scan_backward(a, h_0, h, dh):
    received = torch.zeros_like(h_0)
    db = []
    for t in reversed(range(len(h))):
        g = dh[t] + received
        received = a[t] * g
        db.insert(0, g)
    db = torch.stack(db)
    before = torch.cat([h_0[None], h[:-1]])
    return db * before, db, received


@cases(0.9, "T5 B3 H4; T4 B2 H3; T6 B4 H2")
def _scan_backward_cases(numbers, T, B, H):
    a, b, h_0 = torch.sigmoid(numbers(T, B, H)), numbers(T, B, H), numbers(B, H)
    h, states = h_0, []
    for a_t, b_t in zip(a, b, strict=True):
        h = a_t * h + b_t
        states.append(h)
    return {"a": a, "h_0": h_0, "h": torch.stack(states), "dh": numbers(T, B, H)}


wrong = Mistakes("The gradient", _scan_backward).edits("""
the factor not moved | h_t receives from step t + 1 with the factor a_t. Which factor is h_t multiplied by?
    g = dh[t] + received => g = dh[t] + a[t] * received
    received = a[t] * g => received = g
    return db * before, db, received => return db * before, db, a[0] * received
    look: Write h_(t+1) with h_t in it.
nothing received | a step receives nothing from the steps after it: only its own dh.
    g = dh[t] + received => g = dh[t]
without the factor | what comes from the step after is added without its factor.
    received = a[t] * g => received = g
forward in time | the loop runs forward. The gradient comes from later steps.
    reversed(range(len(h))) => range(len(h))
    db.insert(0, g) => db.append(g)
in reverse | the results begin with the last step. | db.insert(0, g) => db.append(g)
h_t for h_(t-1) | da is computed with the state after the step. a_t multiplies the one before it.
    torch.cat([h_0[None], h[:-1]]) => h
h_0 forgotten | the first da is 0, as if h_0 were 0. | [h_0[None], => [0 * h_0[None],
two steps before | da is computed with the state two steps before.
    torch.cat([h_0[None], h[:-1]]) => torch.cat([h_0[None], h_0[None], h[:-2]])
dh_0 without its factor | dh_0 is the gradient of the first state. h_0 is multiplied by a once more.
    db, received => db, g
dh_0 is the sum | dh_0 is the sum of all db. | db, received => db, db.sum(0)
da from the outputs alone | da is computed with dh. It needs the gradient along all paths.
    return db * before => return dh * before
db with the factor | db has the factor a_t. b_t is added without one.
    db.insert(0, g) => db.insert(0, received)
da with the factor | da has the factor a_t itself. | return db * before => return a * db * before
the last output only | only the last step's dh is used. | g = dh[t] + => g = dh[t] * (t == len(h) - 1) +
da and db exchanged | da and db are exchanged.
    return db * before, db, received => return db, db * before, received
wrong sign | all three have the wrong sign.
    return db * before, db, received => return -db * before, -db, -received
""")

scan_backward = CHECKS.task(
    "scan_backward",
    wrong,
    returns="da (T B H), db (T B H), dh_0 (B H)",
    points="db 1; da 1; dh_0 1",
    cases=_scan_backward_cases,
    forbid=RECURRENT | AUTOGRAD,
    example={
        "a": rows([[2.0]], [[3.0]]),
        "h_0": rows([1.0]),
        "h": rows([[2.0]], [[7.0]]),
        "dh": rows([[0.0]], [[1.0]]),
    },
    agree="the gradient of a scan",
)


# ---- Task 5, which: what can be cut up, and why not.
WORDS = "scan", "matrices", "another operator", "reads the state", "not linear"

TRUTH = {
    "P": "scan",
    "Q": "not linear",
    "R": "reads the state",
    "S": "matrices",
    "T": "another operator",
    "U": "scan",
}

wrong = Mistakes("What can't be cut up", TRUTH).edits("""
# These hints are never shown: they only say what the tests try.
P reads the state | Its gate reads x only. | P => 'reads the state'
P is not linear | The sigmoid is of x. | P => 'not linear'
Q is a scan | The state goes through a tanh. | Q => 'scan'
Q reads the state | Nothing multiplies the state. | Q => 'reads the state'
R is a scan | Its f reads h. | R => 'scan'
R is not linear | It is, once f is known. | R => 'not linear'
S is a scan | It needs two states. | S => 'scan'
S is not linear | It is linear in both states. | S => 'not linear'
T is not linear | The maximum is associative. | T => 'not linear'
T is a scan of sums | The maximum is not a product. | T => 'scan'
U reads the state | Write it as a factor. | U => 'reads the state'
U is not linear | There is no square. | U => 'not linear'
Q and R exchanged | Which one has a function around the state? | Q => 'reads the state'
    R => 'not linear'
""")

which = CHECKS.chosen("which", wrong, choices=WORDS, points="all six recurrences 3", forbid=frozenset())


# ---- Task 6, rank_loss: a loss whose average over the ranks is the mean over all steps.
def _rank_loss(losses, valid, counts):
    total = losses[valid].sum()
    return total * len(counts) / counts.sum()


@cases(1.0, "B3 T5 W2; B4 T6 W3; B2 T7 W4; B5 T4 W2")
def _rank_loss_cases(numbers, B, T, W):
    lengths = 1 + (10 * numbers(B).abs()).long() % (T - 1)  # every row has a valid step and a padded one
    valid = torch.arange(T) < lengths[:, None]
    others = 3 + (20 * numbers(W - 1).abs()).long() % 17
    return {"losses": numbers(B, T).abs(), "valid": valid, "counts": torch.cat([valid.sum()[None], others])}


wrong = Mistakes("Whose mean is it?", _rank_loss).edits("""
its own mean | this is the mean over this rank's own steps. The average of such means weighs every rank alike.
    total * len(counts) / counts.sum() => total / valid.sum()
    look: Which step counts more, one on a rank with 100 valid steps or one on a rank with 10?
without the number of ranks | you divide by the number of all valid steps. DDP then also divides by the
    number of ranks.
    total * len(counts) => total
divided by the ranks | you divide by the number of ranks, and DDP will do so again.
    total * len(counts) => total / len(counts)
padding summed | padded steps are in the sum. | losses[valid].sum() => losses.sum()
padding only | only padded steps are in the sum. | losses[valid] => losses[~valid]
padding counted | you divide by the number of this rank's steps, padded ones included.
    total * len(counts) / counts.sum() => total / losses.numel()
each row first | you average each row first. A step in a short row then counts more.
    total * len(counts) / counts.sum() => ((losses * valid).sum(1) / valid.sum(1)).mean()
over rows | you divide by the number of rows. | total * len(counts) / counts.sum() => total / len(losses)
the sum | this is the sum. What does the joined batch's mean divide it by?
    total * len(counts) / counts.sum() => total
not divided | you multiply by the number of ranks and do not divide by the number of steps.
    / counts.sum() =>
the largest rank | you divide by the number of steps of the rank with the most steps.
    counts.sum() => counts.max()
    total * len(counts) => total
own count as a factor | the sum is multiplied by this rank's number of steps, not by the number of ranks.
    total * len(counts) => total * valid.sum()
its own mean, times ranks | this is the rank's own mean, times the number of ranks.
    / counts.sum() => / valid.sum()
the ranks twice | you multiply by the number of ranks twice. | total * len(counts) => total * len(counts) ** 2
upside down | the ratio is upside down.
    total * len(counts) / counts.sum() => counts.sum() / (total * len(counts))
mean of the losses first | what should be the sum is already a mean.
    losses[valid].sum() => losses[valid].mean()
""")

rank_loss = CHECKS.task(
    "rank_loss",
    wrong,
    returns="loss ()",
    points="loss 2",
    cases=_rank_loss_cases,
    example={
        "losses": rows([1.0, 2.0, 9.0], [3.0, 9.0, 9.0]),
        "valid": torch.tensor([[True, True, False], [True, False, False]]),
        "counts": torch.tensor([3, 1]),
    },
    agree="the mean over all ranks",
)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]
