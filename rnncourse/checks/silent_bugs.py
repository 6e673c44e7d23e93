"""The checks of exercise set 16, silent bugs: six models to diagnose and then repair."""

from functools import partial

import torch
from torch import nn
from torch.nn.functional import pad, softmax
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.checks.framework.authoring import ExerciseSet, Mistakes, Seen, cases
from rnncourse.checks.framework.language import say
from rnncourse.checks.given import silent_bugs as given
from rnncourse.checks.uses.silent_bugs import run_and_disturb

CHECKS = ExerciseSet("16", "Silent bugs", supplement=True, forbid=frozenset())
SECTION = "What depends on what"

# ---- Task 1, diagnosis: what is wrong with each of the six.
WORDS = (
    "batch read as time",
    "rows mixed",
    "rows change places",
    "backward half unread",
    "mask not applied",
    "target read",
    "future read",
    "gradient cut",
)

TRUTH = {
    "Forecaster": "batch read as time",
    "Classifier": "rows mixed",
    "Tagger": "rows change places",
    "Rater": "backward half unread",
    "Pooler": "mask not applied",
    "Decoder": "target read",
}

wrong = Mistakes(SECTION, TRUTH).edits("""
# These hints are never shown: they only say what the tests try.
batch as time mistaken for mixing | The layer treats the batch as time. | Forecaster => 'rows mixed'
a loop that sees ahead | Forecaster reads no later step. | Forecaster => 'future read'
view mistaken for a change of places | The view mixes the rows. | Classifier => 'rows change places'
both directions mistaken for a leak | A classifier may read both ways. | Classifier => 'future read'
sorting mistaken for mixing | Each row of Tagger is whole. | Tagger => 'rows mixed'
packing mistaken for a cut | Packing has a gradient. | Rater => 'gradient cut'
a mask mistaken for a leak | The padding is read. | Pooler => 'future read'
the target mistaken for the future | A later target is not read. | Decoder => 'future read'
""")

diagnosis = CHECKS.chosen("diagnosis", wrong, choices=WORDS, points="all six models 2")


# ---- What the repairs have in common: a case, the points, what to say if no mistake fits.
def _case(numbers, model, sizes, inputs, timed=0, by_step=True):
    """Return the arguments of one case: the sizes, random parameters, how the output is read, the inputs."""
    parameters = {name: numbers(*value.shape) for name, value in model(*sizes.values()).state_dict().items()}
    return sizes | {"parameters": parameters, "timed": timed, "by_step": by_step} | inputs


def _explain_reads(cases_seen: list[Seen]) -> str:
    """Say which row of the output reads a row that it must not read."""
    for seen in cases_seen:
        found, expected = seen.found[1], seen.expected[1]
        if found.shape != expected.shape:
            return ""
        for i, j in (found & ~expected).nonzero().tolist():
            return say("Row {row} of your output changes with row {other} of the input.", row=i, other=j)
    for seen in cases_seen:
        found, expected = seen.found[2], seen.expected[2]
        if found.shape != expected.shape:
            return ""
        for i, j in (found & ~expected).nonzero().tolist():
            if seen.arguments["by_step"]:
                words = "Step {step} of your output changes with step {other} of the input."
            else:
                words = "Row {step} of your output changes with step {other} of the input."
            return say(words, step=i, other=j)
    return ""


repair = partial(
    CHECKS.task,
    points="what depends on what 1 = rows, steps; the numbers 1 = output",
    use=run_and_disturb,
    explain=_explain_reads,
)
GIVEN = "as given", "it gives the same results as the given class: no repair has an effect yet."
READS = "rows (B B) bool, steps (T T) bool"
READS_BY_ROW = "rows (B B) bool, steps (B T) bool"


# ---- Task 2, Forecaster.
class _Forecaster(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x):
        output, _ = self.lstm(x.transpose(0, 1))
        output = output.transpose(0, 1)
        return self.head(output).squeeze(-1)


@cases(0.8, "B3 T5 I2 H4; B4 T3 I5 H2", "B4 T4 I4 H4")  # all sizes equal: any exchange runs
def _Forecaster_cases(numbers, B, T, I, H):
    sizes = {"input_size": I, "hidden_size": H}
    return _case(numbers, given.Forecaster, sizes, {"x": numbers(B, T, I)})


wrong = Mistakes(SECTION, _Forecaster)
wrong(*GIVEN, look="Which axis of x does the layer treat as time?")(given.Forecaster)
wrong.edits("""
reshaped, not transposed | you reshape x instead of transposing it: a row of the layer's input holds steps of
    several rows.
    x.transpose(0, 1) => x.reshape(x.shape[1], x.shape[0], -1)
    output.transpose(0, 1) => output.reshape(x.shape[0], x.shape[1], -1)
reshaped, then transposed back | you reshape x instead of transposing it: a row of the layer's input holds
    steps of several rows.
    x.transpose(0, 1) => x.reshape(x.shape[1], x.shape[0], -1)
transposed, then reshaped back | the layer reads the right axis, but you reshape its output instead of
    transposing it back.
    output.transpose(0, 1) => output.reshape(x.shape[0], x.shape[1], -1)
not transposed back | the layer reads the right axis, but the forecasts come time first.
    output.transpose(0, 1) => output
only transposed back | the layer still reads the batch as time; you only transpose its output.
    x.transpose(0, 1) => x
backward in time | the layer gets the steps in reverse order: it reads the future.
    x.transpose(0, 1) => x.transpose(0, 1).flip(0)
    output.transpose(0, 1) => output.flip(0).transpose(0, 1)
each step alone | each step is read on its own, from a zero state: nothing is left of the past.
    self.lstm(x.transpose(0, 1)) => self.lstm(x.reshape(1, -1, x.shape[2]))
    output.transpose(0, 1) => output.reshape(x.shape[0], x.shape[1], -1)
one long row | all rows are read as one long sequence: each starts where the previous one ended.
    self.lstm(x.transpose(0, 1)) => self.lstm(x.reshape(-1, 1, x.shape[2]))
    output.transpose(0, 1) => output.reshape(x.shape[0], x.shape[1], -1)
the last for all | every step gets the forecast of the last step.
    output.transpose(0, 1) => output[-1:].expand_as(output).transpose(0, 1)
""")

Forecaster = repair(
    "Forecaster",
    wrong,
    returns=f"output (B T), {READS}",
    cases=_Forecaster_cases,
    agree="each row read alone",
)


# ---- Task 3, Classifier.
class _Classifier(nn.Module):
    def __init__(self, input_size, hidden_size, classes):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden_size, classes)

    def forward(self, x):
        output, h_n = self.gru(x)  # noqa: RUF059 (for the mistakes)
        both = torch.cat([h_n[0], h_n[1]], dim=1)
        return self.head(both)


@cases(0.8, "B3 T5 I2 H4 K6; B4 T3 I5 H2 K3", "B2 T4 I3 H4 K2")  # B = D: an exchange runs
def _Classifier_cases(numbers, B, T, I, H, K):
    sizes = {"input_size": I, "hidden_size": H, "classes": K}
    return _case(numbers, given.Classifier, sizes, {"x": numbers(B, T, I)}, by_step=False)


wrong = Mistakes(SECTION, _Classifier)
wrong(*GIVEN, look="h_n is (2, B, H). Which numbers lie side by side in it?")(given.Classifier)
wrong.edits("""
units take turns | each row has its own numbers, but forward and backward numbers alternate.
    torch.cat([h_n[0], h_n[1]], dim=1) => h_n.permute(1, 2, 0).flatten(1)
backward first | the backward state comes first. | [h_n[0], h_n[1]] => [h_n[1], h_n[0]]
forward twice | the forward state is there twice. | [h_n[0], h_n[1]] => [h_n[0], h_n[0]]
backward twice | the backward state is there twice. | [h_n[0], h_n[1]] => [h_n[1], h_n[1]]
the last step | these are both halves of the last step. How much has its backward half read?
    torch.cat([h_n[0], h_n[1]], dim=1) => output[:, -1]
the first step | these are both halves of the first step. How much has its forward half read?
    torch.cat([h_n[0], h_n[1]], dim=1) => output[:, 0]
the mean | this is the mean over the steps. The given class reads the last states.
    torch.cat([h_n[0], h_n[1]], dim=1) => output.mean(1)
transposed wrongly | you exchange units and rows before the view: it still mixes the rows.
    torch.cat([h_n[0], h_n[1]], dim=1) => h_n.transpose(1, 2).reshape(x.shape[0], -1)
batch as time | now the layer treats the batch as time. | self.gru(x) => self.gru(x.transpose(0, 1))
    torch.cat([h_n[0], h_n[1]], dim=1) => output.transpose(0, 1)[:, -1]
""")

Classifier = repair(
    "Classifier",
    wrong,
    returns=f"output (B K), {READS_BY_ROW}",
    cases=_Classifier_cases,
    agree="each row read alone",
)


# ---- Task 4, Tagger: judged at the real steps.
class _Tagger(nn.Module):
    def __init__(self, input_size, hidden_size, classes):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden_size, classes)

    def forward(self, x, lengths):
        order = lengths.argsort(descending=True)
        packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
        packed, _ = self.gru(packed)
        output, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return self.head(output[order.argsort()])


# In no case is the order its own inverse, except in the case with one row.
@cases(
    0.8, "B3 T6 I2 H4 K5 lengths=[2,6,4]; B4 T7 I3 H2 K6 lengths=[3,5,7,2]; B3 T7 I5 H2 K4 lengths=[3,1,5]"
)
def _Tagger_cases(numbers, B, T, I, H, K, lengths):
    sizes = {"input_size": I, "hidden_size": H, "classes": K}
    return _case(numbers, given.Tagger, sizes, {"x": numbers(B, T, I), "lengths": torch.tensor(lengths)})


wrong = Mistakes(SECTION, _Tagger)
wrong(*GIVEN, look="The rows go in sorted. In which order do they come out?")(given.Tagger)
wrong.edits("""
sorted again | the rows are sorted again instead of put back. Which index undoes `order`?
    output[order.argsort()] => output[order]
sorted by length, upward | you put the rows in the order of their lengths, not back to where they were.
    output[order.argsort()] => output[lengths.argsort()]
rows reversed | you reverse the rows instead of putting them back. | output[order.argsort()] => output.flip(0)
steps put back | you reorder the steps, not the rows.
    output[order.argsort()] => output[:, order.argsort()]
only the lengths sorted | the lengths are sorted, but the rows are not: each row has the length of another.
    x[order] => x
    output[order.argsort()] => output
only the rows sorted | the rows are sorted, but the lengths are not: each row has the length of another.
    lengths[order], batch_first=True => lengths, batch_first=True, enforce_sorted=False
put back twice | with enforce_sorted=False, packing sorts and puts back by itself: you move the rows again.
    x[order], lengths[order], batch_first=True => x, lengths, batch_first=True, enforce_sorted=False
not packed | the rows stay in place, but now the backward half reads the padding.
    self.gru(packed) => self.gru(x)
    - output, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
    + output = packed
    output[order.argsort()] => output
total_length left out | where no row fills all steps, the output has fewer steps than x.
    batch_first=True, total_length=x.shape[1] => batch_first=True
a step too short | the last real step of each row is left out. | lengths[order] => lengths[order] - 1
""")

Tagger = repair(
    "Tagger",
    wrong,
    returns=f"output (B T K), {READS}",
    cases=_Tagger_cases,
    agree="each row read alone",
)


# ---- Task 5, Rater.
class _Rater(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden_size, 1)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        packed, (h_n, c_n) = self.lstm(packed)  # noqa: RUF059 (for the mistakes)
        output, _ = pad_packed_sequence(packed, batch_first=True)  # noqa: RUF059 (for the mistakes)
        both = torch.cat([h_n[0], h_n[1]], dim=1)
        return self.head(both).squeeze(-1)


@cases(0.8, "B3 T6 I2 H4 lengths=[2,6,4]; B4 T7 I3 H2 lengths=[3,5,7,2]; B3 T7 I5 H2 lengths=[3,2,5]")
def _Rater_cases(numbers, B, T, I, H, lengths):
    inputs = {"x": numbers(B, T, I), "lengths": torch.tensor(lengths)}
    return _case(numbers, given.Rater, {"input_size": I, "hidden_size": H}, inputs, by_step=False)


wrong = Mistakes(SECTION, _Rater)
wrong(*GIVEN, look="Where does the backward direction begin?")(given.Rater)
wrong.edits("""
the last step of the tensor | this is the last step of the padded output, which is zero for a shorter row.
    torch.cat([h_n[0], h_n[1]], dim=1) => output[:, -1]
the first step | these are both halves of step 0. How much has its forward half read?
    torch.cat([h_n[0], h_n[1]], dim=1) => output[:, 0]
the wrong ends | you take each half where its direction begins.
    - both = torch.cat([h_n[0], h_n[1]], dim=1)
    + forward, backward = output.chunk(2, dim=2)
    + both = torch.cat([forward[:, 0], backward[torch.arange(len(x)), lengths - 1]], dim=1)
rows mixed by a view | a view of h_n mixes the rows.
    torch.cat([h_n[0], h_n[1]], dim=1) => h_n.view(len(x), -1)
backward first | the backward state comes first. | [h_n[0], h_n[1]] => [h_n[1], h_n[0]]
forward twice | the forward state is there twice. | [h_n[0], h_n[1]] => [h_n[0], h_n[0]]
backward twice | the backward state is there twice. | [h_n[0], h_n[1]] => [h_n[1], h_n[1]]
memories | these are the memories c_n. What does an LSTM show? | [h_n[0], h_n[1]] => [c_n[0], c_n[1]]
not packed | without packing, the last states are those after the padding. | self.lstm(packed) => self.lstm(x)
    output, _ = pad_packed_sequence(packed, batch_first=True) => output = packed
the mean, padding counted | this is the mean over all steps, including the padded ones.
    torch.cat([h_n[0], h_n[1]], dim=1) => output.mean(1)
the mean | this is the mean over the real steps. The given class reads where the row ends.
    torch.cat([h_n[0], h_n[1]], dim=1) => output.sum(1) / lengths[:, None]
""")

Rater = repair(
    "Rater",
    wrong,
    points="the numbers, read from what they may read 2",  # the given class reads only what it may
    returns=f"output (B), {READS_BY_ROW}",
    cases=_Rater_cases,
    agree="each row read alone",
)


# ---- Task 6, Pooler.
class _Pooler(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, batch_first=True)
        self.score = nn.Linear(hidden_size, 1)

    def forward(self, x, mask):
        output, _ = self.gru(x)
        scores = self.score(output).squeeze(-1)
        scores = scores.masked_fill(~mask, -torch.inf)
        weights = softmax(scores, dim=1)
        return (weights[:, :, None] * output).sum(1)


@cases(0.8, "B3 T6 I2 H4 lengths=[2,5,4]; B4 T7 I3 H2 lengths=[3,5,7,2]; B5 T5 I2 H3 lengths=[3,1,5,4,2]")
def _Pooler_cases(numbers, B, T, I, H, lengths):
    inputs = {"x": numbers(B, T, I), "mask": torch.arange(T) < torch.tensor(lengths)[:, None]}
    return _case(numbers, given.Pooler, {"input_size": I, "hidden_size": H}, inputs, by_step=False)


wrong = Mistakes(SECTION, _Pooler)
wrong(*GIVEN, look="What does masked_fill return, and what happens to it?")(given.Pooler)
wrong.edits("""
the real steps masked | the mask is inverted: the padding has weights, but the real steps do not.
    ~mask => mask
filled with zeros | a score of 0 still has a weight. | -torch.inf => 0.0
filled with -1 | a score of -1 still has a weight. | -torch.inf => -1.0
masked after the softmax | now the padding has no weight, but the other weights no longer sum to 1.
    - scores = scores.masked_fill(~mask, -torch.inf)
    weights = softmax(scores, dim=1) => weights = softmax(scores, dim=1) * mask
softmax over the batch | the weights sum to 1 over the rows instead of over the steps.
    softmax(scores, dim=1) => softmax(scores, dim=0)
the inputs masked | you set the padded inputs to 0, but they still have weights.
    self.gru(x) => self.gru(x * mask[:, :, None])
    - scores = scores.masked_fill(~mask, -torch.inf)
equal weights | every real step has the same weight: the scores are not used.
    softmax(scores, dim=1) => mask / mask.sum(1, keepdim=True)
the sum | the real steps are added without weights: a softmax over one entry gives 1.
    softmax(scores, dim=1) => softmax(scores[:, :, None], dim=2).squeeze(-1) * mask
the last step | this is the last step of the tensor, which is padding in most rows.
    (weights[:, :, None] * output).sum(1) => output[:, -1]
only the best step | this is only the step with the highest score.
    softmax(scores, dim=1) => softmax(1e6 * scores, dim=1)
""")

Pooler = repair(
    "Pooler",
    wrong,
    returns=f"output (B H), {READS_BY_ROW}",
    cases=_Pooler_cases,
    agree="each row without its padding",
)


# ---- Task 7, Decoder.
class _Decoder(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.gru = nn.GRU(input_size + 1, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, context, true):
        steps = context[:, None].expand(-1, true.shape[1], -1)
        told = pad(true[:, :-1], (1, 0))
        output, _ = self.gru(torch.cat([steps, told[:, :, None]], dim=2))
        return self.head(output).squeeze(-1)


@cases(0.8, "B3 T5 I4 H2; B4 T6 I2 H5", "B4 T4 I4 H3")  # T = B: a shift along the batch runs anyway
def _Decoder_cases(numbers, B, T, I, H):
    inputs = {"context": numbers(B, I), "true": numbers(B, T)}
    return _case(numbers, given.Decoder, {"input_size": I, "hidden_size": H}, inputs, timed=1)


wrong = Mistakes(SECTION, _Decoder)
wrong(*GIVEN, look="Which value should step 3 predict, and which value does it get?")(given.Decoder)
wrong.edits("""
shifted the other way | each step gets the value after its own: the future.
    pad(true[:, :-1], (1, 0)) => pad(true[:, 1:], (0, 1))
rolled | roll brings the last value round to step 0. | pad(true[:, :-1], (1, 0)) => true.roll(1, 1)
rolled the other way | each step gets the value after its own, and the last step gets the first one.
    pad(true[:, :-1], (1, 0)) => true.roll(-1, 1)
two steps late | each step gets the value from two steps before.
    true[:, :-1], (1, 0) => true[:, :-2], (2, 0)
nothing told | no step gets a true value. | pad(true[:, :-1], (1, 0)) => torch.zeros_like(true)
the first value kept | step 0 gets its own value.
    pad(true[:, :-1], (1, 0)) => torch.cat([true[:, :1], true[:, :-1]], dim=1)
only the last cut off | only the last step no longer gets its own value. | (1, 0)) => (0, 1))
shifted along the batch | each row gets the values of the previous row.
    pad(true[:, :-1], (1, 0)) => pad(true[:-1], (0, 0, 1, 0))
the output shifted | you shift the output: step 0 sees no context, and each step is one step behind.
    pad(true[:, :-1], (1, 0)) => true
    self.head(output) => self.head(pad(output[:, :-1], (0, 0, 1, 0)))
no past | each step gets the previous value, but forgets those before it.
    - output, _ = self.gru(torch.cat([steps, told[:, :, None]], dim=2))
    + alone = torch.cat([steps, told[:, :, None]], dim=2).flatten(0, 1)[:, None]
    + output = self.gru(alone)[0].view(*true.shape, -1)
""")

Decoder = repair(
    "Decoder",
    wrong,
    returns=f"output (B T), {READS}",
    cases=_Decoder_cases,
    agree="a loop that gets one true value at a time",
)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]
