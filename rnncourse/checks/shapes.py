"""The checks of exercise set 03: predicted shapes, moved axes, and a function that knows every shape."""

import torch

from rnncourse.checks.framework.authoring import (
    BATCH,
    SINGLE,
    Case,
    ExerciseSet,
    Mistakes,
    Plain,
    Problem,
    Trait,
    cases,
    random_module,
    random_numbers,
)

CHECKS = ExerciseSet("03", "Shapes")


# ---- Task 1, layer_shapes: one layer, time first: nn.RNN(10, 4) reads 9 steps of 2 sequences.
right = {
    "output": (9, 2, 4),  # (T, B, H)
    "h_n": (1, 2, 4),  # (L, B, H)
    "weight_ih_l0": (4, 10),  # (H, I)
    "weight_hh_l0": (4, 4),  # (H, H)
}

wrong = Mistakes("From a step to a layer", right).edits("""
output batch first | The axes T and B are exchanged: the layer was built without batch_first.
    output => (2, 9, 4) § Three axes, three names
output of the last step | That is only one step. output has every step. | output => (2, 4)
output without the batch | The batch is missing: the layer reads two sequences. | output => (9, 4)
output as wide as the input | It is as wide as the input. output holds the state, which has H units.
    output => (9, 2, 10)
no layer axis | The first axis is missing, the one that counts layers. | h_n => (2, 4)
h_n of every step | That is the state at every step. h_n is from one moment: the last. | h_n => (9, 2, 4)
h_n batch first | Its first axis counts layers; the batch does not come first. | h_n => (2, 1, 4)
h_n with time for batch | Time is where the batch should be: a state has no time axis. | h_n => (1, 9, 4)
h_n without the batch | The batch is missing: each of the two sequences has a state. | h_n => (1, 4)
h_n as wide as the input | A state is as wide as the layer has units, not as the input. | h_n => (1, 2, 10)
transposed | It is transposed: a weight has a row for each number that it computes.
    weight_ih_l0 => (10, 4)
weight_ih reads the state | That weight would read the state: how wide is the input? | weight_ih_l0 => (4, 4)
weight_hh reads the input | That weight would read the input: how wide is the state? | weight_hh_l0 => (4, 10)
weight_hh reads the input, transposed | That weight would read the input: how wide is the state?
    weight_hh_l0 => (10, 4)
weights with time | A weight does not depend on the number of steps. | weight_hh_l0 => (9, 4)
weights with the batch | A weight does not depend on the number of sequences. | weight_ih_l0 => (2, 10)
""")

layer_shapes = CHECKS.predicted("layer_shapes", wrong)


# ---- Task 2, batch_first_shapes: nn.RNN(5, 8, num_layers=2, batch_first=True), 4 sequences of 11 steps.
right = {
    "input": (4, 11, 5),  # (B, T, I)
    "output": (4, 11, 8),  # (B, T, H)
    "last_step": (4, 8),  # output[:, -1]
    "h_0": (2, 4, 8),  # (L, B, H)
    "h_n": (2, 4, 8),
}

wrong = Mistakes("What batch_first moves", right).edits("""
time first | That is time first: you ignore batch_first=True.
    input => (11, 4, 5)
    output => (11, 4, 8)
states batch first | The batch comes first. What does batch_first move, and what does it not move?
    h_0, h_n => (4, 2, 8)
one row | That is the state of one layer; there are two. § From a step to a layer | h_0, h_n => (1, 4, 8)
no layer axis | The axis that counts layers is missing. § From a step to a layer
    h_0, h_n => (4, 8)
states with time | It has a time axis. A state is from one moment. § From a step to a layer
    h_0, h_n => (4, 11, 8)
time for batch in states | Time is where the batch should be. § From a step to a layer
    h_0, h_n => (2, 11, 8)
states as wide as the input | It is as wide as the input; a state has H numbers. § From a step to a layer
    h_0, h_n => (2, 4, 5)
states without the batch | The batch is missing: each sequence has its own states. § From a step to a layer
    h_0, h_n => (2, 8)
both layers side by side | The layers do not lie side by side: the upper one reads the lower one.
    § From a step to a layer
    output => (4, 11, 16)
an output for each layer | The lower layer's steps are not returned: how many layers does output show?
    output => (2, 4, 11, 8) § From a step to a layer
output as wide as the input | It is as wide as the input. The last axis of output is that of the state.
    output => (4, 11, 5) § From a step to a layer
output of one step | That is one step; output has every step. § From a step to a layer | output => (4, 8)
input as wide as the state | It is as wide as the state: which number is input_size? § Three axes, three names
    input => (4, 11, 8)
the axis kept | A number as an index removes its axis; a range would keep it. § Three axes, three names
    last_step => (4, 1, 8)
the last sequence | That is output[-1]: the last sequence, at every step. | last_step => (11, 8)
last step of one sequence | That is only one sequence; output[:, -1] has all of them.
    § Three axes, three names
    last_step => (8,)
h_n for the last step | That is h_n, which has all layers; output has only the last layer.
    last_step => (2, 4, 8) § From a step to a layer
""")

batch_first_shapes = CHECKS.predicted("batch_first_shapes", wrong)


# ---- Task 3, unbatched_shapes: a layer on one sequence, a cell on one step, and a misread input.
right = {
    "output": (10, 7),  # (T, H)
    "h_n": (2, 7),  # (L, H)
    "cell_batch": (4, 7),  # (B, H)
    "cell_single": (7,),  # (H)
    "misread_h_n": (2, 7),  # (B, I) is read as (T, I)
}

wrong = Mistakes("Without a batch", right).edits("""
a batch of one | It has a batch axis of size 1. The input has none, so no result has one.
    output => (10, 1, 7)
    h_n => (2, 1, 7)
a batch of one, in front | It has a batch axis, the first one, but the input has none. | output => (1, 10, 7)
as wide as the input | It is as wide as the input; output and state have H numbers.
    output => (10, 3)
    h_n => (2, 3)
the last step alone | That is one step of one layer. output has every step, h_n every layer.
    output, h_n => (7,)
both layers side by side | The two layers do not lie side by side: output is the last one's.
    output => (10, 14)
an output for each layer | The lower layer's steps are not returned. | output => (2, 10, 7)
one layer's h_n | That is one layer's; there are two. | h_n => (1, 7)
time in h_n | It has a time axis. h_n is the state after the last step, of each layer. | h_n => (2, 10, 7)
h_n of every step | That is the shape of output. What does h_n's first axis count? | h_n => (10, 7)
a layer axis in a cell | It has a first axis of size 1. A cell has no layers to count.
    cell_batch => (1, 4, 7)
    cell_single => (1, 7) § A cell reads one step
a cell's state as wide as its input | It is as wide as the input; a state has H numbers.
    cell_batch => (4, 3)
    cell_single => (3,) § A cell reads one step
the cell's batch lost | The batch is missing: a cell reads two axes as (B, I). § A cell reads one step
    cell_batch => (7,)
a batch in the unbatched cell | It has a batch axis, but the input was one vector, (I).
    cell_single => (4, 7) § A cell reads one step
read as meant | That is what was meant. But how does a layer read an input of two axes?
    misread_h_n => (2, 4, 7)
read as meant, one layer | A layer reads two axes differently; and there are two layers.
    misread_h_n => (1, 4, 7)
output for the misread h_n | That would be output. What is the first axis of h_n? | misread_h_n => (4, 7)
one layer misread | There are two layers, each with a state. | misread_h_n => (1, 7)
""")

unbatched_shapes = CHECKS.predicted("unbatched_shapes", wrong)


# ---- Task 4, outcomes: which of eight calls do what was meant, which raise, which are silently wrong.
# rnn = nn.RNN(6, 5, batch_first=True), x (B=4, T=7, I=6): four sequences of seven steps.
OUTCOMES = {
    "a": "right",  # rnn(x, zeros(1, 4, 5))
    "b": "raises",  # rnn(x, zeros(4, 1, 5))
    "c": "silent",  # rnn(x.transpose(0, 1))
    "d": "silent",  # rnn(x_t.reshape(4, 7, 6)), x_t (T, B, I)
    "e": "right",  # rnn(x_t.transpose(0, 1))
    "f": "right",  # rnn(x[0])
    "g": "silent",  # rnn(x[:, 0])
    "h": "raises",  # nn.RNNCell(6, 5)(x)
}

wrong = Mistakes("What batch_first moves", OUTCOMES).edits("""
a state given batch first | A state is never batch first.
    a => 'raises'
    b => 'right'
time first is noticed | Nothing in the shapes reveals it. | c => 'raises'
reshape transposes | It does not. § Transpose or view | d => 'right'
two axes raise | A layer treats them as one sequence. § Without a batch | f, g => 'raises'
two axes are a batch | Not for a layer. § Without a batch | g => 'right'
a cell walks along time | It does not. § A cell reads one step | h => 'right'
""")

outcomes = CHECKS.chosen(
    "outcomes",
    wrong,
    choices=("right", "raises", "silent"),
    points="all eight 3",
)


# ---- Task 5, time_first: from rows stored one sequence after another to (T, B, I): split an axis, exchange
# two.
def _time_first(rows, T):
    x = rows.unflatten(0, (-1, T))  # (B, T, I)
    x = x.transpose(0, 1)
    return x


@cases(1.0, "T4 B3 I2; T3 B5 I4; T6 B2 I3; T2 B4 I5; T5 B4 I1")
def _time_first_cases(numbers, T, B, I):
    return {"rows": numbers(B * T, I), "T": T}


wrong = Mistakes("Transpose or view", _time_first).edits("""
batch first | you split the axis as you should, but stop there: this is batch first.
    x = x.transpose(0, 1) =>
split by T in front | the shape is right, but the sequences are mixed. From one stored row to the next, is it
    the step that changes, or the sequence?
    (-1, T) => (T, -1)
    x = x.transpose(0, 1) =>
    look: Look at result[:, 0]: how many sequences do its rows come from?
split by T in front, transposed | you split the rows as if all sequences' first steps came first; how are they
    stored?
    (-1, T) => (T, -1)
features second | in the input of every recurrent layer the features come last. § Three axes, three names
    transpose(0, 1) => permute(1, 2, 0)
features first | the features come first, but they should come last. § Three axes, three names
    transpose(0, 1) => permute(2, 1, 0)
transposed, then viewed | you exchange the axes and then reshape the numbers as well: one of the two is
    enough.
    return x => return x.reshape(x.shape[1], T, -1)
backward in time | the steps are in reverse order. § Three axes, three names | return x => return x.flip(0)
the batch joined to the features | there are two axes: the batch has become part of the features.
    return x => return x.flatten(1) § Three axes, three names
one sequence | that is only the first sequence. § Three axes, three names | return x => return x[:, :1]
""")

time_first = CHECKS.task(
    "time_first",
    wrong,
    returns="x (T B I)",
    points="x 2",
    cases=_time_first_cases,
    example={"rows": torch.tensor([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]), "T": 3},
    agree="the stored sequences",
)


# ---- Task 6, arrange: a tensor's axes, named by letters, in a new order; missing ones are added.
COMPLETE = Trait("no axis is missing", "what you do where an axis is missing")
MISSING = Trait("an axis is missing", "how you exchange the axes that are there")


def _arrange(x, axes, wanted):
    missing = [letter for letter in wanted if letter not in axes]
    for letter in missing:
        x, axes = x.unsqueeze(-1), axes + letter
    order = [axes.index(letter) for letter in wanted]
    return x.permute(order)


def _arrange_cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(axes, wanted, digits):
        sizes = dict(zip(axes, map(int, digits), strict=True))
        arguments = {"x": numbers(*sizes.values()), "axes": axes, "wanted": wanted}
        return Case(arguments, sizes, frozenset({COMPLETE if len(axes) == len(wanted) else MISSING}))

    # Axes, wanted axes, sizes. TBI ITB is a cycle: its inverse is a different order.
    complete = "TBI BTI 432, BTI TBI 253, TBI ITB 345, BTI IBT 423, LBH BLH 254, BTHD DTBH 3452"
    missing = "TI TBI 43, TI BTI 52, BT TBI 34, BI TBI 45, T TBI 6, IT BTI 34"
    return [case(*words.split()) for words in f"{complete}, {missing}".split(", ")]


wrong = Mistakes("Transpose or view", _arrange).edits("""
unchanged | you return x as it was. § Three axes, three names | missing = => return x; missing =
only reshaped | the shape is right, but the numbers are not: you reshape them, and no axis is exchanged.
    x.permute(order) => x.reshape([x.shape[place] for place in order])
    look: Look at your use of view or reshape.
the inverse order | you give permute the inverse: where each old axis goes, not where each new one comes from.
    axes.index(letter) for letter in wanted => wanted.index(letter) for letter in axes
the inverse order, needs all axes | it fails where x lacks a wanted axis; and you give permute the inverse.
    if letter not in axes => if False
    axes.index(letter) for letter in wanted => wanted.index(letter) for letter in axes
    look: What does each number passed to permute mean: an old position, or a new one?
the missing axis in front | a missing axis goes where `wanted` has it, not always to the front.
    letter in wanted] => letter in sorted(wanted, key=lambda letter: letter not in missing)] § Without a batch
the missing axis at the end | a missing axis goes where `wanted` has it, not always to the end.
    letter in wanted] => letter in sorted(wanted, key=lambda letter: letter in missing)] § Without a batch
the missing axis left out | an axis that is missing in x is also missing in your result. § Without a batch
    if letter not in axes => if False
    letter in wanted] => letter in wanted if letter in axes]
needs all axes | it fails where x lacks a wanted axis. § Without a batch
    if letter not in axes => if False
one missing axis at most | you add one axis; where two are missing, one is still missing. § Without a batch
    in missing: => in missing[:1]:
    letter in wanted] => letter in wanted if letter in axes]
the first two exchanged | you always exchange the first two axes, whatever the letters say.
    missing = => return x.transpose(0, 1); missing =
the order not looked at | the missing axes are there, but the others stay in x's order.
    unsqueeze(-1) => unsqueeze(wanted.index(letter))
    x.permute(order) => x
""")

arrange = CHECKS.task(
    "arrange",
    wrong,
    returns="result ()",
    points="""
        axes in a new order 2 where no axis is missing
        axes that are missing 2 where an axis is missing
    """,
    cases=_arrange_cases,
    example={"x": random_numbers(0, 1.0)(2, 3).round(decimals=1), "axes": "TI", "wanted": "BIT"},
    agree="what the letters say",
)


# ---- Task 7, expected_shapes: the shapes of any nn.RNN of one direction, from its attributes alone.
def _expected_shapes(module, T, B):
    I, H, L = module.input_size, module.hidden_size, module.num_layers
    batch = () if B is None else (B,)
    steps = (*batch, T) if module.batch_first else (T, *batch)
    width = H if L > 1 else I  # what the last layer reads
    return {"input": (*steps, I), "output": (*steps, H), "h_n": (L, *batch, H), "weight_ih": (H, width)}


def _expected_shapes_cases(seed):
    numbers = random_numbers(seed, 0.5)
    more = seed % 3  # other sizes for another seed

    def case(T, B, I, H, **options):
        T, I, H = T + more, I + more, H + more
        module = random_module("RNN", numbers, input_size=I, hidden_size=H, **options)
        sizes = {"T": T, "I": I, "H": H} if B is None else {"T": T, "B": B, "I": I, "H": H}
        traits = frozenset({SINGLE if B is None else BATCH})
        return Case({"module": module, "T": T, "B": B}, sizes, traits)

    return [
        case(7, 2, 9, 6),
        case(5, 3, 11, 8, batch_first=True),
        case(6, 4, 10, 7, num_layers=3),
        case(9, 4, 5, 12, num_layers=2, batch_first=True),
        case(8, None, 5, 7, num_layers=2),
        case(6, None, 9, 11, batch_first=True),
    ]


def _as_shapes(returned: Plain, arguments: dict) -> Plain:
    """Reject a shape that contains None."""
    shapes = list(returned.values()) if isinstance(returned, dict) else returned
    if isinstance(shapes, tuple | list) and any(isinstance(s, tuple | list) and None in s for s in shapes):
        raise Problem("a shape contains None. Without a batch B is None, and there is no axis for it.")
    return returned


wrong = Mistakes("From a step to a layer", _expected_shapes).edits("""
one layer's states | h_n has the state of only one layer; how many layers are there?
    "h_n": (L, => "h_n": (1,
no layer axis | h_n has no axis for the layers. | "h_n": (L, => "h_n": (
an output for each layer | output is only the last layer's. | "output": (*steps, => "output": (L, *steps,
layers side by side | output is as wide as all layers together. Does it show the lower layer?
    "output": (*steps, H) => "output": (*steps, L * H)
output as wide as the input | output is as wide as the input. How many numbers does a state have?
    "output": (*steps, H) => "output": (*steps, I)
h_n as wide as the input | h_n is as wide as the input. How many numbers does a state have?
    *batch, H) => *batch, I)
batch_first not looked at | input and output are time first even where batch_first=True.
    (*batch, T) if module.batch_first else (T, *batch) => (T, *batch) § What batch_first moves
always batch first | input and output are batch first even where batch_first=False. § What batch_first moves
    (*batch, T) if module.batch_first else (T, *batch) => (*batch, T)
batch_first inverted | you reverse batch_first: True means (B, T, I). § What batch_first moves
    if module.batch_first => if not module.batch_first
output time first | batch_first moves your input, but not your output. § What batch_first moves
    "output": (*steps, H) => "output": (T, *batch, H)
states moved by batch_first | batch_first moves your state. What should it move? § What batch_first moves
    "h_n": (L, *batch, H) => "h_n": (*batch, L, H) if module.batch_first else (L, *batch, H)
states always batch first | your state begins with the batch. What does the first axis of a state count?
    "h_n": (L, *batch, H) => "h_n": (*batch, L, H)
a batch of one | without a batch your shapes have a batch axis of size 1. § Without a batch
    () if B is None => (1,) if B is None
None as a size | where B is None, your shapes contain None. Without a batch, is there an axis for it?
    () if B is None else (B,) => (B,) § Without a batch
the last layer reads the input | weight_ih is as wide as the input in every layer: what does a layer above the
    first one read?
    H if L > 1 else I => I
the only layer reads a layer | weight_ih of a module with one layer reads a layer, but there is none below it.
    H if L > 1 else I => H
transposed | weight_ih is transposed: it has a row for each number that it computes.
    (H, width) => (width, H)
states with time | your state has a time axis, but it belongs to one moment. | "h_n": (L, => "h_n": (L, T,
""")

expected_shapes = CHECKS.task(
    "expected_shapes",
    wrong,
    returns="input shape, output shape, h_n shape, weight_ih shape",
    points="input 1; output 1; h_n 1; weight_ih 1",
    cases=_expected_shapes_cases,
    example={
        "module": random_module("RNN", random_numbers(0, 1.0), input_size=2, hidden_size=1),
        "T": 4,
        "B": 3,
    },
    derive=_as_shapes,
)
