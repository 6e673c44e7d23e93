"""Task 2, batch_first_shapes: nn.LSTM(5, 8, num_layers=2, batch_first=True), 4 sequences of 11 steps."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.shapes.lesson import BATCH_FIRST, LESSON, NAMES, STEP_TO_LAYER

SHAPES = {
    "input": (4, 11, 5),  # (B, T, I)
    "output": (4, 11, 8),  # (B, T, H)
    "last_step": (4, 8),  # output[:, -1]
    "h_0": (2, 4, 8),  # (L*D, B, H)
    "c_n": (2, 4, 8),
}

wrong = Mistakes(BATCH_FIRST)

wrong("time first", "That is time first: batch_first=True is not looked at.")(
    {"input": (11, 4, 5), "output": (11, 4, 8)}
)
wrong("states batch first", "The batch is in front. What does batch_first move, and what does it not?")(
    {"h_0": (4, 2, 8), "c_n": (4, 2, 8)}
)
wrong("one row", "That is the state of one layer; there are two.", STEP_TO_LAYER)(
    {"h_0": (1, 4, 8), "c_n": (1, 4, 8)}
)
wrong("no layer axis", "The axis that counts layers and directions is missing.", STEP_TO_LAYER)(
    {"h_0": (4, 8), "c_n": (4, 8)}
)
wrong("states with time", "It has a time axis. A state is from one moment.", STEP_TO_LAYER)(
    {"h_0": (4, 11, 8), "c_n": (4, 11, 8)}
)
wrong("time for batch in states", "Time stands where the batch should.", STEP_TO_LAYER)(
    {"h_0": (2, 11, 8), "c_n": (2, 11, 8)}
)
wrong("states as wide as the input", "It is as wide as the input; a state has H numbers.", STEP_TO_LAYER)(
    {"h_0": (2, 4, 5), "c_n": (2, 4, 5)}
)
wrong("states without the batch", "The batch is missing: each sequence has states.", STEP_TO_LAYER)(
    {"h_0": (2, 8), "c_n": (2, 8)}
)
wrong("both layers side by side", "Layers are not laid side by side: only directions are.", STEP_TO_LAYER)(
    {"output": (4, 11, 16)}
)
wrong(
    "an output for each layer",
    "The lower layer's steps are not handed out: of how many layers is output?",
    STEP_TO_LAYER,
)({"output": (2, 4, 11, 8)})
wrong(
    "output as wide as the input",
    "It is as wide as the input. The last axis of output is the state's.",
    STEP_TO_LAYER,
)({"output": (4, 11, 5)})
wrong("output of one step", "That is one step; output has every step.", STEP_TO_LAYER)({"output": (4, 8)})
wrong("input as wide as the state", "It is as wide as the state: which number is input_size?", NAMES)(
    {"input": (4, 11, 8)}
)
wrong("the axis kept", "A number as index takes its axis away; a range would keep it.", NAMES)(
    {"last_step": (4, 1, 8)}
)
wrong("the last sequence", "That is output[-1]: the last sequence, at every step.")({"last_step": (11, 8)})
wrong("last step of one sequence", "That is one sequence's; output[:, -1] has all of them.", NAMES)(
    {"last_step": (8,)}
)
wrong(
    "h_n for the last step",
    "That is h_n, which has all layers; output has the last layer alone.",
    STEP_TO_LAYER,
)({"last_step": (2, 4, 8)})

batch_first_shapes = predicted("batch_first_shapes", LESSON, BATCH_FIRST, SHAPES, wrong)
