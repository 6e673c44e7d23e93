"""Task 1, by_hand: three steps of one unit, on paper.

The states are 0.5, -0.6, 0.8, 0.6, and u is 0.5. The losses send -0.68, 0.84, 0.5 to h_1, h_2, h_3. Then
da_3 = 0.32, dh_2 = 1, da_2 = 0.36, dh_1 = -0.5, da_1 = -0.32. tests/sets asks autograd for the same.
"""

from rnncourse.checks.bptt.lesson import BY_HAND, LESSON, TWO_STEPS
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted

TRUTH = {"dh_2": 1.0, "dh_1": -0.5, "du": -0.12, "dh_0": -0.16}

wrong = Mistakes(TWO_STEPS, TRUTH)

wrong.edits("""
dh_2: next step forgotten | This is what its own loss sends back. Who else reads h_2?
    dh_2 => 0.84
dh_2: own loss forgotten | This is what the next step sends back. Who else reads h_2?
    dh_2 => 0.16
dh_2: u left out | What step 3 sends back is added as it is. Through what does step 3 read h_2?
    dh_2 => 1.16
dh_2: no slope | Step 3 sends back da_3, not dh_3: the slope of its tanh is missing.
    dh_2 => 1.09
dh_2: slope at h_2 | The slope of step 3 is taken at h_2. Which state did the tanh of step 3 make?
    dh_2 => 0.93
dh_2: no square | A slope is taken as 1 - h. At h = -1, where tanh is flat, that would be 2.
    dh_2 => 0.94
dh_2: da_2 | This is da_2, after the slope. Asked is dh_2, before it.
    dh_2 => 0.36
dh_1: next step forgotten | This is what its own loss sends back. Who else reads h_1?
    dh_1 => -0.68
dh_1: own loss forgotten | This is what the next step sends back. Who else reads h_1?
    dh_1 => 0.18
dh_1: u left out | What step 2 sends back is added as it is. Through what does step 2 read h_1?
    dh_1 => -0.32
dh_1: no slope | Step 2 sends back da_2, not dh_2: the slope of its tanh is missing.
    dh_1 => -0.18
dh_1: slope at h_1 | The slope of step 2 is taken at h_1. Which state did the tanh of step 2 make?
    dh_1 => -0.36
dh_1: no square | A slope is taken as 1 - h. At h = -1, where tanh is flat, that would be 2.
    dh_1 => -0.58
dh_1: from an incomplete dh_2 | It follows from a dh_2 that lacks what step 3 sends back.
    dh_1 => -0.5288
dh_1: carried alone | It lacks its own loss, and is made from a dh_2 that lacks its own, too.
    dh_1 => 0.0288
du: last step only | This is the share of step 3. At how many steps is u read?
    du => 0.256
du: first step only | This is the share of step 1. At how many steps is u read?
    du => -0.16
du: two steps | The share of step 1 is missing: u is read there, too, with h_0.
    du => 0.04
du: new states | Each da is multiplied by the state its step made. Which state does u multiply?
    du => 0.672
du: dh for da | Each share is made with dh. What u is added into is a, before the tanh.
    du => -0.45
du: a mean | This is the mean of the three shares. Does one more reading make the others count less?
    du => -0.04
du: sum of da | This is the sum of the three da, as for a bias. By what does u multiply?
    du => 0.36
du: next step forgotten | Each dh here is its own loss alone: nothing was carried back.
    du => -0.14304
du: the other sign | The size is right, the sign is not.
    du => 0.12
dh_0: zero | No loss reads h_0, but something does. What?
    dh_0 => 0.0
dh_0: da_1 | This is da_1. Through what does step 1 read h_0?
    dh_0 => -0.32
dh_0: dh_1 | This is dh_1: it has yet to pass step 1.
    dh_0 => -0.5
dh_0: no slope | Step 1 sends back da_1, not dh_1: the slope of its tanh is missing.
    dh_0 => -0.25
dh_0: slope at h_0 | The slope of step 1 is taken at h_0. Which state did the tanh of step 1 make?
    dh_0 => -0.1875
dh_0: next step forgotten | It follows from a dh_1 that is its own loss alone.
    dh_0 => -0.2176
""")

by_hand = predicted("by_hand", LESSON, TWO_STEPS, TRUTH, wrong, forbid=BY_HAND)
