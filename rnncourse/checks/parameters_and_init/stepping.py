"""Task 6, bias_numbers: what two biases do to a step, and what a forget bias is worth, on paper."""

import math

from rnncourse.checks.framework.check import Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.parameters_and_init.lesson import BIASES, LESSON

# b_ih = 0.3, b_hh = -0.1, the gradient of their sum is 0.4.
SUM, GRADIENT = 0.3 - 0.1, 0.4


def _sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


TRUTH = {
    "sgd": SUM - 0.1 * 2 * GRADIENT,  # lr 0.1
    "sgd_folded": SUM - 0.1 * GRADIENT,
    "sgd_decay": SUM - 0.1 * (2 * GRADIENT + 0.2 * SUM),  # weight decay 0.2
    "adam": SUM - 2 * 0.01,  # lr 0.01, the first step
    "gradient_b_hn": 0.25 * GRADIENT,  # r = 0.25, the gradient of b_in is 0.4
    "f": _sigmoid(2.0),  # both slices 1
    "half_life": math.log(0.5) / math.log(0.9),  # f = 0.9
    "chrono": math.log(20 - 1),  # a memory of 20 steps
}

wrong = Mistakes(BIASES, TRUTH)

wrong.edits("""
the sum moves once | Your sum makes one step. How many biases make one?
    sgd => 0.16
the sum goes up | A step of SGD goes against the gradient.
    sgd => 0.28
    sgd_folded => 0.24
one bias alone | This is bias_ih after the step. Asked is the sum of both.
    sgd => 0.26
the step, not the sum | This is how far the sum moves. Asked is where it is after the step.
    sgd => -0.08
    sgd_folded => -0.04
the gradient shared out | This is half of a step. Does the chain rule share a gradient out among those who add
    up?
    sgd_folded => 0.18
folded moves twice | There is one bias that learns now, and so one step.
    sgd_folded => 0.12
folded starts from bias_ih | The folded bias starts from the sum of both.
    sgd_folded => 0.26
decay left out | Weight decay has no part in it.
    sgd_decay => 0.12
decay twice | The decay is doubled, too: each bias decays by its own size, and what do the sizes add up to?
    sgd_decay => 0.112
decay, gradient once | With the decay, too, both biases make their step.
    sgd_decay => 0.156
decay the other way | Weight decay makes a number smaller in size, not larger.
    sgd_decay => 0.124
decay without the learning rate | The decay is multiplied by the learning rate, as the gradient is.
    sgd_decay => 0.08
Adam once | Adam moves each parameter by about its learning rate. How many parameters?
    adam => 0.19
Adam as SGD | That is SGD's step. What does Adam divide the gradient by, at the first step?
    adam => 0.192
Adam, one as SGD | That is one step of SGD. What does Adam divide the gradient by?
    adam => 0.196
§ Where they can't be folded
b_hn as b_in | In n the two do not stand in one sum: where is b_hn?
    gradient_b_hn => 0.4
divided by r | It is multiplied by r on the way in. And on the way back?
    gradient_b_hn => 1.6
1 - r | That is 1 - r of it. What is b_hn multiplied by?
    gradient_b_hn => 0.3
r alone | That is r. The gradient of b_in is a factor, too.
    gradient_b_hn => 0.25
§ The forget bias
one slice | That is σ(1). Both slices are 1, and they meet in a sum.
    f => 0.7310585786
the sum itself | That is b_f. Asked is the gate.
    f => 2.0
tanh for σ | That is tanh. A gate is a sigmoid.
    f => 0.9640275801
σ turned round | That is 1 - f: what is forgotten.
    f => 0.119202922
1/(1-f) | After that many steps about 1/e is left. Asked is one half.
    half_life => 10.0
half lost in equal parts | Each step takes a tenth of what is left, and not of the beginning.
    half_life => 5.0
the logarithms divided the other way | Turned round: ln f stands below.
    half_life => 0.1520030934
a negative time | The sign: both logarithms are negative.
    half_life => -6.578813479
rounded | Near, but rounded: asked are three decimals.
    half_life => 6.58
    chrono => 2.94
§ As long as the task needs
ln τ | Near, but σ(ln τ) is τ / (τ + 1). Asked is f = 1 - 1/τ.
    chrono => 2.995732274
f itself | That is f. Asked is the bias that gives it.
    chrono => 0.95
b_i | The sign: that is the input gate's bias.
    chrono => -2.944438979
base 10 | That is the logarithm to base 10.
    chrono => 1.278753601
base 2 | That is the logarithm to base 2.
    chrono => 4.247927513
""")

bias_numbers = predicted(
    "bias_numbers",
    LESSON,
    BIASES,
    TRUTH,
    wrong,
    tolerance=1e-3,
    criteria=(
        Criterion("SGD", 1, ("sgd", "sgd_folded")),
        Criterion("decay and Adam", 1, ("sgd_decay", "adam")),
        Criterion("the GRU's b_hn", 1, ("gradient_b_hn",)),
        Criterion("the forget gate", 1, ("f", "half_life", "chrono")),
    ),
)
