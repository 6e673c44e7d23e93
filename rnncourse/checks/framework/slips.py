"""Mistakes that tasks of several sets share, as texts for `wrong.edits`.

A truth that they edit must contain the code they name: a cell's step `linear(x_t, weight_ih, bias_ih)` and
`linear(h, weight_hh, bias_hh)`, a cell's class `state=None` and `if state is None:`. Their section is the
bank's own, unless another one is given: `wrong.edits(BIASES, section="The equations")`.
"""

BIASES = """
bias_hh missing | a bias is missing: bias_hh is not added. torch's cell has two.
    (h, weight_hh, bias_hh) => (h, weight_hh)
bias_ih missing | a bias is missing: bias_ih is not added. torch's cell has two.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
no bias | neither bias is added.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
    (h, weight_hh, bias_hh) => (h, weight_hh)
bias_ih twice | bias_ih is added twice and bias_hh is never added: a typo?
    (h, weight_hh, bias_hh) => (h, weight_hh, bias_ih)
bias_hh twice | bias_hh is added twice and bias_ih is never added: a typo?
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, bias_hh)
"""

WEIGHTS_EXCHANGED = """
weights exchanged | the weights are exchanged: x_t is multiplied by weight_hh and h by weight_ih. Where I = H,
    no shape error tells you.
    (x_t, weight_ih, bias_ih) => (x_t, weight_hh, bias_ih)
    (h, weight_hh, bias_hh) => (h, weight_ih, bias_hh)
"""

NEEDS_A_STATE = """
needs a state | it fails without a state. torch's cell also accepts x_t alone: which state does it start from?
    state=None => state
"""

STATE_IGNORED = """
state ignored | the state that is passed in is ignored. | if state is None: => if True:
"""
