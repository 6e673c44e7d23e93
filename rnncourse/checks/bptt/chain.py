"""Task 1, by_hand: three steps of one unit, on paper.

The states are 0.5, -0.6, 0.8, 0.6, and u is 0.5. The losses send -0.68, 0.84, 0.5 to h_1, h_2, h_3. Then
da_3 = 0.32, dh_2 = 1, da_2 = 0.36, dh_1 = -0.5, da_1 = -0.32. tests/sets asks autograd for the same.
"""

from rnncourse.checks.bptt.lesson import BY_HAND, LESSON, TWO_STEPS
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted

wrong = Mistakes(TWO_STEPS)

LOSS_ALONE = "This is what its own loss sends back. Who else reads {}?"
STEP_ALONE = "This is what the next step sends back. Who else reads {}?"
NO_U = "What step {1} sends back is added as it is. Through what does step {1} read {0}?"
NO_SLOPE = "Step {0} sends back da_{0}, not dh_{0}: the slope of its tanh is missing."
OLD_SLOPE = "The slope of step {0} is taken at h_{1}. Which state did the tanh of step {0} make?"
NO_SQUARE = "A slope is taken as 1 - h. At h = -1, where tanh is flat, that would be 2."
NOT_YET = "This is {0}, after the slope. Asked is {1}, before it."

wrong("dh_2: next step forgotten", LOSS_ALONE.format("h_2"))({"dh_2": 0.84})
wrong("dh_2: own loss forgotten", STEP_ALONE.format("h_2"))({"dh_2": 0.16})
wrong("dh_2: u left out", NO_U.format("h_2", 3))({"dh_2": 0.84 + 0.32})
wrong("dh_2: no slope", NO_SLOPE.format(3))({"dh_2": 0.84 + 0.5 * 0.5})
wrong("dh_2: slope at h_2", OLD_SLOPE.format(3, 2))({"dh_2": 0.84 + 0.5 * 0.5 * 0.36})
wrong("dh_2: no square", NO_SQUARE)({"dh_2": 0.84 + 0.5 * 0.5 * 0.4})
wrong("dh_2: da_2", NOT_YET.format("da_2", "dh_2"))({"dh_2": 0.36})

wrong("dh_1: next step forgotten", LOSS_ALONE.format("h_1"))({"dh_1": -0.68})
wrong("dh_1: own loss forgotten", STEP_ALONE.format("h_1"))({"dh_1": 0.18})
wrong("dh_1: u left out", NO_U.format("h_1", 2))({"dh_1": -0.68 + 0.36})
wrong("dh_1: no slope", NO_SLOPE.format(2))({"dh_1": -0.68 + 0.5 * 1.0})
wrong("dh_1: slope at h_1", OLD_SLOPE.format(2, 1))({"dh_1": -0.68 + 0.5 * 0.64})
wrong("dh_1: no square", NO_SQUARE)({"dh_1": -0.68 + 0.5 * 0.2})
wrong("dh_1: from an incomplete dh_2", "It follows from a dh_2 that lacks what step 3 sends back.")(
    {"dh_1": -0.68 + 0.5 * 0.84 * 0.36}
)

wrong("dh_1: carried alone", "It lacks its own loss, and is made from a dh_2 that lacks its own, too.")(
    {"dh_1": 0.5 * 0.16 * 0.36}
)

wrong("du: last step only", "This is the share of step 3. At how many steps is u read?")({"du": 0.256})
wrong("du: first step only", "This is the share of step 1. At how many steps is u read?")({"du": -0.16})
wrong("du: two steps", "The share of step 1 is missing: u is read there, too, with h_0.")({"du": 0.04})
wrong("du: new states", "Each da is multiplied by the state its step made. Which state does u multiply?")(
    {"du": 0.32 * 0.6 + 0.36 * 0.8 - 0.32 * -0.6}
)
wrong("du: dh for da", "Each share is made with dh. What u is added into is a, before the tanh.")(
    {"du": 0.5 * 0.8 + 1.0 * -0.6 - 0.5 * 0.5}
)
wrong(
    "du: a mean", "This is the mean of the three shares. Does one more reading make the others count less?"
)({"du": -0.04})
wrong("du: sum of da", "This is the sum of the three da, as for a bias. By what does u multiply?")(
    {"du": 0.36}
)
wrong("du: next step forgotten", "Each dh here is its own loss alone: nothing was carried back.")(
    {"du": 0.32 * 0.8 + 0.84 * 0.36 * -0.6 - 0.68 * 0.64 * 0.5}
)
wrong("du: the other sign", "The size is right, the sign is not.")({"du": 0.12})

wrong("dh_0: zero", "No loss reads h_0, but something does. What?")({"dh_0": 0.0})
wrong("dh_0: da_1", "This is da_1. Through what does step 1 read h_0?")({"dh_0": -0.32})
wrong("dh_0: dh_1", "This is dh_1: it has yet to pass step 1.")({"dh_0": -0.5})
wrong("dh_0: no slope", NO_SLOPE.format(1))({"dh_0": -0.25})
wrong("dh_0: slope at h_0", OLD_SLOPE.format(1, 0))({"dh_0": 0.5 * -0.5 * 0.75})
wrong("dh_0: next step forgotten", "It follows from a dh_1 that is its own loss alone.")(
    {"dh_0": 0.5 * -0.68 * 0.64}
)

TRUTH = {"dh_2": 1.0, "dh_1": -0.5, "du": -0.12, "dh_0": -0.16}

by_hand = predicted("by_hand", LESSON, TWO_STEPS, TRUTH, wrong, forbid=BY_HAND)
