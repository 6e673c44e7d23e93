"""Mistakes that tasks of several sets share, as texts for `wrong.edits`.

A truth that they edit has the words they name: a cell's step, `linear(x_t, weight_ih, bias_ih)` and
`linear(h, weight_hh, bias_hh)`; a cell's class, `state=None` and `if state is None:`. Their section is the
bank's own, or the one that is given: `wrong.edits(BIASES, section="The equations")`.
"""

BIASES = """
bias_hh missing | a bias is missing: bias_hh is not added. torch's cell has two.
    (h, weight_hh, bias_hh) => (h, weight_hh)
bias_ih missing | a bias is missing: bias_ih is not added. torch's cell has two.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
no bias | neither bias is added.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih)
    (h, weight_hh, bias_hh) => (h, weight_hh)
bias_ih twice | bias_ih is added twice and bias_hh never: a slip of the keyboard?
    (h, weight_hh, bias_hh) => (h, weight_hh, bias_ih)
bias_hh twice | bias_hh is added twice and bias_ih never: a slip of the keyboard?
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, bias_hh)
"""

WEIGHTS_EXCHANGED = """
weights exchanged | the weights are exchanged: x_t meets weight_hh, h meets weight_ih. Where I = H no shape
    complains.
    (x_t, weight_ih, bias_ih) => (x_t, weight_hh, bias_ih)
    (h, weight_hh, bias_hh) => (h, weight_ih, bias_hh)
"""

NEEDS_A_STATE = """
needs a state | it fails without a state. torch's cell takes x_t alone, too: from which state does it start?
    state=None => state
"""

STATE_IGNORED = """
state ignored | the state that is given has no part in it. | if state is None: => if True:
"""
