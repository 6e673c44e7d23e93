"""The checks of exercise set 18: images as sequences, a fair size, the last step, accuracy by row."""

import torch

from rnncourse.checks.framework.authoring import (
    Case,
    ExerciseSet,
    Mistakes,
    Score,
    TorchModule,
    cases,
    random_head,
    random_module,
    random_numbers,
    rows,
    small_cell,
)

CHECKS = ExerciseSet("18", "Images as sequences", forbid=frozenset())


# ---- Task 1, sequences: three ways to read an image.
def _sequences(images):
    time_first = images.transpose(0, 1)
    columns = images.transpose(1, 2)
    pixels = images.flatten(1).unsqueeze(-1)
    return time_first, columns, pixels


@cases(1.0, "B3 H4 W5; B2 H6 W3; B4 H3 W2; B5 H2 W4")
def _sequences_cases(numbers, B, H, W):
    return {"images": numbers(B, H, W)}


wrong = Mistakes("`view` where a transpose was meant", _sequences).edits("""
rows by view | `time_first` has the right shape, but it mixes images: `view` and `reshape` hand out the rows
    in the order in which they lie in memory.
    images.transpose(0, 1) => images.reshape(images.shape[1], images.shape[0], images.shape[2])
    look: Write an image's number into each of its pixels, and look at the first step.
columns by view | `columns` has the right shape, but its steps are not columns: `view` and `reshape` cut the
    rows into pieces.
    images.transpose(1, 2) => images.reshape(images.shape[0], images.shape[2], images.shape[1])
not moved | `time_first` is as the images were: the batch comes first. | images.transpose(0, 1) => images
columns not moved | `columns` reads the rows. | images.transpose(1, 2) => images
columns, time first | `columns` has the time first. Only `time_first` should.
    images.transpose(1, 2) => images.permute(2, 0, 1)
columns for time first | `time_first` reads the columns. | images.transpose(0, 1) => images.permute(2, 0, 1)
from the bottom | `time_first` begins with the bottom row.
    images.transpose(0, 1) => images.transpose(0, 1).flip(0)
rows mirrored | each row of `time_first` runs from right to left.
    images.transpose(0, 1) => images.transpose(0, 1).flip(2)
from the right | `columns` begins with the rightmost column.
    images.transpose(1, 2) => images.transpose(1, 2).flip(1)
columns upside down | each column of `columns` runs from the bottom to the top.
    images.transpose(1, 2) => images.transpose(1, 2).flip(2)
pixels by columns | `pixels` goes down the columns. It should go along the rows. § Three ways to read an image
    images.flatten(1) => images.transpose(1, 2).flatten(1)
pixels of several images | a sequence of `pixels` has rows of several images.
    images.flatten(1) => images.transpose(0, 1).reshape(len(images), -1)
pixels backwards | `pixels` begins with the last pixel. § Three ways to read an image
    images.flatten(1) => images.flatten(1).flip(1)
all pixels in one step | all pixels are the input of one step. Each should be a step of one number.
    unsqueeze(-1) => unsqueeze(1) § Three ways to read an image
no input axis | the last axis of `pixels` is missing: a step's input has one number.
    .unsqueeze(-1) => § Three ways to read an image
exchanged | `time_first` and `columns` are exchanged.
    return time_first, columns, pixels => return columns, time_first, pixels
""")

sequences = CHECKS.task(
    "sequences",
    wrong,
    returns="time_first (H B W), columns (B W H), pixels (B P 1)",
    points="time_first 1; columns 1; pixels 1",
    cases=_sequences_cases,
    example={"images": rows([[1, 2], [3, 4]], [[5, 6], [7, 8]])},
    agree="sequences that mix no images",
)


# ---- Task 2, hidden_size: as many units as a budget of parameters allows.
def _hidden_size(gates, I, C, most):
    H = 1
    while True:
        cell = gates * ((H + 1) * I + (H + 1) ** 2 + 2 * (H + 1))
        head = C * (H + 1) + C
        if cell + head > most:
            return H
        H += 1


@cases(
    1.0,
    "g1 I3 C9 H5 s0; g3 I2 C40 H6 s3; g4 I28 C10 H30 s9; g1 I1 C60 H4 s7; g4 I5 C3 H9 s0; g3 I1 C2 H3 s9",
    "g4 I1 C25 H2 s5; g1 I40 C2 H12 s9; g3 I9 C70 H11 s0; g4 I2 C4 H60 s4; g1 I2 C3 H8 s5; g3 I30 C1 H4 s2",
    "g1 I1 C1 H20 s9; g4 I1 C90 H7 s8; g1 I6 C30 H3 s4; g3 I3 C3 H40 s7",
)
def _hidden_size_cases(numbers, g, I, C, H, s):
    H = H + int(10 * numbers(1).abs())
    own, following = (g * (K * I + K * K + 2 * K) + C * K + C for K in (H, H + 1))
    return {"gates": g, "I": I, "C": C, "most": own + (following - own - 1) * s // 9}


wrong = Mistakes("The same number of parameters", _hidden_size).edits("""
one bias | you count one bias; torch's cells have two, `bias_ih` and `bias_hh`. | 2 * (H + 1)) => (H + 1))
no bias | the cell's two biases are missing. | + 2 * (H + 1)) => )
no head | the head's parameters are missing. | head = C * (H + 1) + C => head = 0
no bias in the head | the head's bias is missing. | head = C * (H + 1) + C => head = C * (H + 1)
head without weights | the head's weights are missing: it has C rows of H.
    head = C * (H + 1) + C => head = C
one block | the cell has a block of weights for each of its gates. | cell = gates * => cell =
a head for each gate | you count the head once for each gate. There is only one.
    head = C * (H + 1) + C => head = gates * (C * (H + 1) + C)
no input weights | W_ih is missing. | (H + 1) * I + =>
no recurrent weights | W_hh is missing. | + (H + 1) ** 2 + => +
W_hh of one block | W_hh has (H, H) numbers for each gate; you count it once.
    gates * ((H + 1) * I + (H + 1) ** 2 + 2 * (H + 1)) => gates * ((H + 1) * I + 2 * (H + 1)) + (H + 1) ** 2
one too many | with this H the budget is exceeded by less than one unit's parameters. Take the largest H that
    fits.
    return H => return H + 1
one too few | one unit more would fit. | return H => return max(H - 1, 1)
less than the budget | exactly `most` parameters are allowed. | cell + head > most => cell + head >= most
the nearest | this is the H whose count is nearest to the budget. The budget must not be exceeded.
    - if cell + head > most:
    -     return H
    + if cell + head > most:
    +     own = gates * (H * I + H * H + 2 * H) + C * H + C
    +     return H if most - own <= cell + head - most else H + 1
two directions | you count two directions; this net has one. | cell = gates * => cell = 2 * gates *
biases of the input | the biases have a number for each unit, not for each input.
    2 * (H + 1)) => 2 * I)
""")

hidden_size = CHECKS.task(
    "hidden_size",
    wrong,
    returns="H whole",
    points="all cases 2",
    cases=_hidden_size_cases,
    example={"gates": 4, "I": 28, "C": 10, "most": 30000},
    agree="the largest hidden size",
)


# ---- Task 3, last_scores: two layers read an image, a head reads the last step.
def _last_scores(rnn, head, images):
    result = rnn(images.transpose(0, 1))
    last = result[0][-1]
    return head(last)


@cases(0.7, "B3 T5 H4 C6; B2 T4 H3 C5; B6 T3 H5 C4")
def _last_scores_cases(numbers, B, T, H, C):
    rnn = random_module("LSTM", numbers, input_size=T, hidden_size=H, num_layers=2)
    return {"rnn": rnn, "head": random_head(numbers, H, C), "images": 2 * numbers(B, T, T)}


wrong = Mistakes("A batch read as time", _last_scores).edits("""
batch as time | the shape is right, but the layer reads the images as its steps, since it was built without
    `batch_first`. An image's scores then depend on the images before it.
    images.transpose(0, 1) => images
    result[0][-1] => result[0][:, -1]
    look: Change one image. Which scores change?
the last image | these are the scores of the last image, at each of its rows.
    result[0][-1] => result[0][:, -1]
nothing moved | the layer reads the images as its steps: it was built without `batch_first`.
    images.transpose(0, 1) => images
images mixed | `view` and `reshape` do not move the rows where they belong: each sequence has rows of several
    images.
    images.transpose(0, 1) => images.reshape(images.shape[1], images.shape[0], images.shape[2])
    § `view` where a transpose was meant
columns | the steps are the columns. Read the rows. § Three ways to read an image
    images.transpose(0, 1) => images.permute(2, 0, 1)
from the bottom | the rows are read from the bottom. Begin at the top.
    images.transpose(0, 1) => images.transpose(0, 1).flip(0)
rows mirrored | each row is read from right to left.
    images.transpose(0, 1) => images.transpose(0, 1).flip(2)
the first step | the head reads the first step. It has seen one row. | result[0][-1] => result[0][0]
the step before the last | the head reads the step before the last. | result[0][-1] => result[0][-2]
the lower layer | the head reads the lower layer. | result[0][-1] => result[1][0][0]
the cell state | the head reads c of the upper layer. Its output is h. | result[0][-1] => result[1][1][-1]
the lower cell state | the head reads c of the lower layer. | result[0][-1] => result[1][1][0]
the mean of the steps | the head reads the mean over all steps. | result[0][-1] => result[0].mean(0)
the maximum of the steps | the head reads the maximum over all steps. | result[0][-1] => result[0].amax(0)
the mean of the layers | the head reads the mean of both layers. | result[0][-1] => result[1][0].mean(0)
softmax | these are probabilities. Return the scores, as `F.cross_entropy` takes them.
    head(last) => head(last).softmax(-1)
logarithms | these are logarithms of probabilities. Return the scores.
    head(last) => head(last).log_softmax(-1)
squashed | a second tanh is between the output and the head. | head(last) => head(last.tanh())
all steps | these are the scores of all steps. Take those of the last one. | result[0][-1] => result[0]
""")

_layers = {f"{name}_l{layer}": numbers for layer in "01" for name, numbers in small_cell().parameters.items()}

last_scores = CHECKS.task(
    "last_scores",
    wrong,
    returns="scores (B C)",
    points="scores 3",
    cases=_last_scores_cases,
    example={
        "rnn": TorchModule("LSTM", {"input_size": 1, "hidden_size": 1, "num_layers": 2}, _layers),
        "head": TorchModule(
            "Linear", {"in_features": 1, "out_features": 2}, {"weight": rows([1], [-1]), "bias": rows(0, 1)}
        ),
        "images": rows([[1], [2]], [[0], [-1]]),
    },
    agree="the scores after the last row",
)


# ---- Task 4, accuracy_by_row: the share of images that are right after each row.
def _accuracy_by_row(scores, y):
    predicted = scores.argmax(-1)
    hit = predicted == y[:, None]
    return hit.float().mean(0)


@cases(1.0, "B7 T5 C4; B6 T8 C3; B9 T4 C5; B5 T5 C6")
def _accuracy_by_row_cases(numbers, B, T, C):
    y = (1000 * numbers(B).abs()).long() % C
    right = torch.nn.functional.one_hot(y, C)[:, None]
    return {"scores": numbers(B, T, C) + right * torch.linspace(0, 3, T)[:, None], "y": y}


wrong = Mistakes("After each row", _accuracy_by_row).edits("""
for each image | this is a number for each image, the share of its rows. Return one for each row, the share
    of the images.
    mean(0) => mean(1)
one number | this is one number over all rows. Return one for each row. | mean(0) => mean()
the last row only | the accuracy after the last row is given for every row.
    hit.float() => hit[:, -1:].expand(hit.shape).float()
right once | an image counts as right from the first row at which it was right. Later rows can be wrong
    again.
    hit.float() => hit.long().cummax(1).values.float()
right from there on | an image counts only if it is right at all later rows, too.
    hit.float() => hit.flip(1).long().cummin(1).values.flip(1).double()
right so far | an image counts only if it was right at all rows before, too.
    hit.float() => hit.long().cummin(1).values.float()
mean so far | this is the mean over all rows so far. Each row is counted by itself.
    mean(0) => mean(0).cumsum(0) / torch.arange(1, hit.shape[1] + 1)
the error rate | this is the share of wrong images. | predicted == => predicted !=
in percent | this is in percent. Return shares between 0 and 1. | mean(0) => mean(0) * 100
counted | these are numbers of images. Return their shares. | mean(0) => sum(0)
divided by the rows | you divide by the number of rows. Divide by the number of images.
    mean(0) => sum(0) / hit.shape[1]
the least likely | you take the class with the lowest score. | argmax => argmin
the second best | you take the class with the second-highest score. | argmax(-1) => topk(2).indices[..., 1]
one of the best two | an image counts as right if its class is among the best two.
    predicted == y[:, None] => (scores.topk(2).indices == y[:, None, None]).any(-1)
the right class's probability | this is the mean probability of the right class.
    hit.float() => scores.softmax(-1)[torch.arange(len(y)), :, y]
backwards | the rows are in the opposite order. | mean(0) => mean(0).flip(0)
a row late | each accuracy is one row too late. | mean(0) => mean(0).roll(1)
scores added up | you add up the scores of all rows so far. | scores.argmax => scores.cumsum(1).argmax
the first image only | only the first image is counted. | hit.float() => hit[:1].float()
""")

accuracy_by_row = CHECKS.task(
    "accuracy_by_row",
    wrong,
    returns="accuracy (T)",
    points="accuracy 2",
    cases=_accuracy_by_row_cases,
    example={
        "scores": rows([[1, 0], [0, 1], [2, 0]], [[3, 0], [0, 1], [0, 2]]),
        "y": torch.tensor([0, 1]),
    },
    agree="the share of images after each row",
)


# ---- Task 5, scale_images: by the training pixels.
def _scale_images(train, test):
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (test - mean) / std


@cases(1.0, "N6 M4 H3 W5; N9 M3 H4 W2; N5 M7 H2 W6")
def _scale_images_cases(numbers, N, M, H, W):
    return {"train": 3 + numbers(N, H, W), "test": 5 + 2 * numbers(M, H, W)}


wrong = Mistakes("An honest split", _scale_images).edits("""
all images | mean and deviation are those of all images, the test included. What is learned from the test is
    no test.
    train.mean(), train.std() => torch.cat([train, test]).mean(), torch.cat([train, test]).std()
mean of all images | the mean is that of all images, the test included.
    train.mean() => torch.cat([train, test]).mean()
deviation of all images | the deviation is that of all images, the test included.
    train.std() => torch.cat([train, test]).std()
each part by its own | the test images are scaled by their own mean and deviation. One image to be read has
    none.
    (test - mean) / std => (test - test.mean()) / test.std()
by the test | mean and deviation are those of the test images.
    train.mean(), train.std() => test.mean(), test.std()
each image by its own | each image is scaled by its own mean and deviation. Take those of all training pixels.
    - mean, std = train.mean(), train.std()
    - return (train - mean) / std, (test - mean) / std
    + return tuple((x - x.mean((1, 2), keepdim=True)) / x.std((1, 2), keepdim=True) for x in (train, test))
each pixel by its own | each pixel has its own mean and deviation. In digits many pixels never change: you
    would divide by 0. Take one of each.
    train.mean(), train.std() => train.mean(0), train.std(0)
test not scaled | the test images are not scaled. | (test - mean) / std => test
test only centered | the test images are not divided by the deviation. | (test - mean) / std => test - mean
train not scaled | the training images are not scaled. | (train - mean) / std => train
variance | you divide by the variance. Its square root is the deviation. | train.std() => train.var()
divided by n | the deviation divides by the number of pixels; torch's `std()` divides by one less.
    train.std() => train.std(unbiased=False)
not centered | the mean is not subtracted.
    (train - mean) / std, (test - mean) / std => train / std, test / std
multiplied | you multiply by the deviation.
    (train - mean) / std, (test - mean) / std => (train - mean) * std, (test - mean) * std
to between 0 and 1 | this is a scale from the smallest to the largest pixel.
    train.mean(), train.std() => train.min(), train.max() - train.min()
about 0 | the deviation is measured from 0, not from the mean. | train.std() => train.square().mean().sqrt()
the median | this is the median, not the mean. | train.mean() => train.median()
exchanged | the two are exchanged.
    return (train - mean) / std, (test - mean) / std => return (test - mean) / std, (train - mean) / std
""")

scale_images = CHECKS.task(
    "scale_images",
    wrong,
    returns="train (N H W), test (M H W)",
    points="the training images 1 = train; the test images 1 = test",
    cases=_scale_images_cases,
    example={"train": rows([[1, 2]], [[3, 6]]), "test": rows([[3, 5]])},
    agree="a scale that knows no test",
)


# ---- Task 6, same_side: a reader of one's own, where a weight for each pixel does not help.
def _same_side(x, y, new_x):
    half = new_x.shape[2] // 2
    strokes = new_x[:, :, :half].mean(-1) > 0.5
    left = strokes.sum(1)
    return (left != 1).long()


def _strokes(numbers, N, T, W):
    """Return noise with two strokes, each over the left or right half of a row, and whether they agree."""
    side = (numbers(N, 2) > 0).long()
    row = numbers(N, T).topk(2, dim=1).indices
    x = 0.1 * numbers(N, T, W)
    halves = x.view(N, T, 2, W // 2)
    for k in (0, 1):
        halves[torch.arange(N), row[:, k], side[:, k]] += 1
    return x.float(), (side[:, 0] == side[:, 1]).long()


def _same_side_cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(R, N, T, W):
        x, y = _strokes(numbers, R, T, W)
        new_x, _ = _strokes(numbers, N, T, W)
        return Case({"x": x, "y": y, "new_x": new_x}, {"R": R, "N": N, "T": T, "W": W})

    return [case(300, 100, 8, 6), case(300, 120, 7, 6), case(320, 100, 8, 8)]


def _share_right(found, classes):
    return (found == classes).double().mean().item()


wrong = Mistakes("Beat the baseline", _same_side).edits("""
always 1 | every image has the class 1. That is a baseline, not an answer.
    (left != 1).long() => torch.ones_like(left)
always 0 | every image has the class 0. That is a baseline, not an answer.
    (left != 1).long() => torch.zeros_like(left)
exchanged | the classes 0 and 1 are exchanged. | left != 1 => left == 1
both on the left | you answer 1 only if both strokes are on the left. Both may be on the right, too.
    left != 1 => left == 2
both on the right | you answer 1 only if both strokes are on the right. Both may be on the left, too.
    left != 1 => left == 0
one on the left | you answer 1 if any stroke is on the left. | left != 1 => left > 0
one on the right | you answer 1 if any stroke is on the right. | left != 1 => left < 2
the upper half | only the upper half of each image decides. The other stroke may be below.
    left = strokes.sum(1) => left = strokes[:, : strokes.shape[1] // 2].sum(1)
the last row | only the last row decides. It is often blank.
    left = strokes.sum(1) => left = strokes[:, -1].long()
the last three rows | only the last three rows decide. A state can remember the others.
    left = strokes.sum(1) => left = strokes[:, -3:].sum(1)
images in a different order | the answers are not in the order of new_x.
    (left != 1).long() => (left != 1).long().flip(0)
one image late | each answer is one image too late. | (left != 1).long() => (left != 1).long().roll(1)
numbers of strokes | this is a number of strokes, not a class. | (left != 1).long() => left
""")

same_side = CHECKS.task(
    "same_side",
    wrong,
    returns=(
        Score(
            "classes",
            "N",
            "int",
            measure=_share_right,
            at_least=0.9,
            baseline="logistic regression on all pixels: about 0.5",
        ),
    ),
    points="all cases 3",
    cases=_same_side_cases,
    agree="the classes",
    seconds=20,
)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]
