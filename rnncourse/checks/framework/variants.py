"""Mistakes of a step that are written once for all gates, as texts for `wrong.edits`.

A step is a few short lists: the block that each gate reads, its nonlinearity, what it multiplies, what is
added. Each text goes through one of them. A truth that it edits must contain the lines it names, for example
`i = torch.sigmoid(a_i)`, `f * c + i * g` or `o * torch.tanh(c_t)`. These mistakes come after those written by
hand: a name with fields that the bank already has is left out.
"""

# ---- For an LSTM: a, cut into a_i, a_f, a_g and a_o, which become i, f, g and o.

LSTM_GATES = """
each gate: i f g o
each other: i f g o
each third: i f g o
each fourth: i f g o
each squashed: i f o
order {gate}, {other}, {third}, {fourth} | your numbers are those of gates in the order {gate}, {other},
    {third}, {fourth}. torch stacks them i, f, g, o.
    a_i, a_f, a_g, a_o => a_{gate}, a_{other}, a_{third}, a_{fourth}
{gate} from the block of {other} | your {gate} is cut from the block of {other}. Which columns of the
    pre-activation belong to {gate}?
    (a_{gate}) => (a_{other})
g instead of {squashed} | g is where {squashed} should be: you computed {squashed} the way g is computed,
    with its block and its tanh.
    {squashed} = torch.sigmoid(a_{squashed}) => {squashed} = torch.tanh(a_g)
{squashed} instead of g | {squashed} is where g should be: you computed g the way {squashed} is computed,
    with its block and its sigmoid.
    g = torch.tanh(a_g) => g = torch.sigmoid(a_{squashed})
{squashed} not activated | {squashed} is the bare pre-activation: it is not squashed. A gate lies between 0
    and 1.
    {squashed} = torch.sigmoid => {squashed} =
relu for {squashed} | {squashed} goes through a ReLU, so it can grow beyond 1.
    {squashed} = torch.sigmoid => {squashed} = torch.relu
softmax for {squashed} | {squashed} goes through a softmax, so its units add up to 1. Each unit opens
    independently.
    {squashed} = torch.sigmoid(a_{squashed}) => {squashed} = a_{squashed}.softmax(-1)
{squashed} squashed twice | {squashed} goes through two sigmoids, so it always lies between 0.5 and 0.73.
    {squashed} = torch.sigmoid(a_{squashed}) => {squashed} = torch.sigmoid(torch.sigmoid(a_{squashed}))
tanh and sigmoid for {squashed} | {squashed} goes through a tanh and then through a sigmoid. How often is it
    squashed in the equations?
    {squashed} = torch.sigmoid(a_{squashed}) => {squashed} = torch.sigmoid(torch.tanh(a_{squashed}))
1 - {squashed} | your {squashed} is 1 - {squashed}: it opens where it should close.
    {squashed} = torch.sigmoid(a_{squashed}) => {squashed} = 1 - torch.sigmoid(a_{squashed})
relu for g | g goes through a ReLU, so nothing negative is ever written.
    g = torch.tanh => g = torch.relu
softmax for g | g goes through a softmax, so it is never negative and its units add up to 1.
    g = torch.tanh(a_g) => g = a_g.softmax(-1)
g squashed twice | g goes through tanh twice. How often is it squashed in the equations?
    g = torch.tanh(a_g) => g = torch.tanh(torch.tanh(a_g))
sigmoid and tanh for g | g goes through a sigmoid and then through a tanh, so it is never negative.
    g = torch.tanh(a_g) => g = torch.tanh(torch.sigmoid(a_g))
the sign of g | g has the wrong sign. | g = torch.tanh => g = -torch.tanh
three gates not activated | i, f and o are bare pre-activations: they are not squashed. A gate lies between 0
    and 1.
    i = torch.sigmoid => i =
    f = torch.sigmoid => f =
    o = torch.sigmoid => o =
relu for three gates | i, f and o go through a ReLU, so they can grow beyond 1.
    i = torch.sigmoid => i = torch.relu
    f = torch.sigmoid => f = torch.relu
    o = torch.sigmoid => o = torch.relu
softmax for three gates | i, f and o go through a softmax, so the units of each add up to 1. Each unit opens
    independently.
    i = torch.sigmoid(a_i) => i = a_i.softmax(-1)
    f = torch.sigmoid(a_f) => f = a_f.softmax(-1)
    o = torch.sigmoid(a_o) => o = a_o.softmax(-1)
softmax for all four | all four go through a softmax, so the units of each add up to 1. Each unit opens
    independently, and g may be negative.
    i = torch.sigmoid(a_i) => i = a_i.softmax(-1)
    f = torch.sigmoid(a_f) => f = a_f.softmax(-1)
    g = torch.tanh(a_g) => g = a_g.softmax(-1)
    o = torch.sigmoid(a_o) => o = a_o.softmax(-1)
hard sigmoid | i, f and o go through a piecewise linear function (a hard sigmoid) instead of the sigmoid.
    i = torch.sigmoid(a_i) => i = torch.nn.functional.hardsigmoid(a_i)
    f = torch.sigmoid(a_f) => f = torch.nn.functional.hardsigmoid(a_f)
    o = torch.sigmoid(a_o) => o = torch.nn.functional.hardsigmoid(a_o)
hard sigmoid, slope 0.2 | i, f and o go through a piecewise linear function (a hard sigmoid) instead of the
    sigmoid.
    i = torch.sigmoid(a_i) => i = (0.2 * a_i + 0.5).clamp(0, 1)
    f = torch.sigmoid(a_f) => f = (0.2 * a_f + 0.5).clamp(0, 1)
    o = torch.sigmoid(a_o) => o = (0.2 * a_o + 0.5).clamp(0, 1)
tanh for three gates, sigmoid for g | sigmoid and tanh are exchanged: the gates i, f and o go through a tanh,
    and g through a sigmoid.
    i = torch.sigmoid => i = torch.tanh
    f = torch.sigmoid => f = torch.tanh
    g = torch.tanh => g = torch.sigmoid
    o = torch.sigmoid => o = torch.tanh
sigmoid for all, then each its own | all four go through a sigmoid first, and then again through the
    nonlinearity that each one needs. How often is a gate squashed?
    i = torch.sigmoid(a_i) => i = torch.sigmoid(torch.sigmoid(a_i))
    f = torch.sigmoid(a_f) => f = torch.sigmoid(torch.sigmoid(a_f))
    g = torch.tanh(a_g) => g = torch.tanh(torch.sigmoid(a_g))
    o = torch.sigmoid(a_o) => o = torch.sigmoid(torch.sigmoid(a_o))
all squashed twice | all four are squashed twice. How often is each squashed in the equations?
    i = torch.sigmoid(a_i) => i = torch.sigmoid(torch.sigmoid(a_i))
    f = torch.sigmoid(a_f) => f = torch.sigmoid(torch.sigmoid(a_f))
    g = torch.tanh(a_g) => g = torch.tanh(torch.tanh(a_g))
    o = torch.sigmoid(a_o) => o = torch.sigmoid(torch.sigmoid(a_o))
relu for all | all four go through a ReLU.
    i = torch.sigmoid => i = torch.relu
    f = torch.sigmoid => f = torch.relu
    g = torch.tanh => g = torch.relu
    o = torch.sigmoid => o = torch.relu
"""

# `f * c + i * g`, in a single step or on its own.
LSTM_MEMORY = """
a difference | what is written is subtracted from what is kept. Does the equation subtract or add?
    f * c + i * g => f * c - i * g
a difference, the other way round | what is kept is subtracted from what is written. Does the equation
    subtract or add?
    f * c + i * g => i * g - f * c
all multiplied | what is kept and what is written are multiplied. What does the equation do with the two?
    f * c + i * g => f * c * i * g
f added | you add f and c. A gate lets a fraction through: which operation does that?
    f * c + i * g => f + c + i * g
sums and products exchanged, no brackets | sums and products are exchanged, and without parentheses Python
    multiplies first.
    f * c + i * g => f + c * i + g
i added | you add i and g. A gate lets a fraction through: which operation does that?
    f * c + i * g => f * c + i + g
all added | you add everything. A gate lets a fraction through: which operation does that?
    f * c + i * g => f + c + i + g
gates and contents added | the two gates are added, and so are the values that they gate. Each gate has its
    own factor.
    f * c + i * g => (f + i) * (c + g)
i over the whole sum | i also multiplies what is kept. It should only decide what is written.
    f * c + i * g => i * (f * c + g)
i and f over both | both gates multiply the sum of the old c and g. Each gate has its own factor.
    f * c + i * g => f * i * (c + g)
the old c added | the old c is added again, on top of the fraction of it that is kept.
    f * c + i * g => c + f * c + i * g
g added | g is added again, on top of the fraction of it that is written. | f * c + i * g => f * c + i * g + g
c for g | i multiplies the old c. What should be written? | i * g => i * c
g for c | f multiplies g. What should be kept? | f * c => f * g
1 - i | you write the fraction 1 - i. | i * g => (1 - i) * g
1 - i for f | f is not used: you keep the fraction 1 - i. | f * c => (1 - i) * c
f and 1 - f exchanged | i is not used, and f is the fraction that is written. Which fraction does f decide?
    f * c + i * g => (1 - f) * c + f * g
i and 1 - i exchanged | f is not used: i is the fraction that is kept, and 1 - i the fraction that is written.
    f * c + i * g => i * c + (1 - i) * g
old c squashed | the old c goes through a tanh before f multiplies it. In the equation c is not squashed
    there.
    f * c => f * torch.tanh(c)
old c through a sigmoid | the old c goes through a sigmoid before f multiplies it. In the equation c is not
    squashed there.
    f * c => f * torch.sigmoid(c)
what is kept is squashed | what is kept goes through a tanh. In the equation it is not squashed.
    f * c + i * g => torch.tanh(f * c) + i * g
what is written is squashed | what is written goes through another tanh.
    f * c + i * g => f * c + torch.tanh(i * g)
sigmoid over c | the new c is squashed by a sigmoid. c itself has no bounds.
    f * c + i * g => torch.sigmoid(f * c + i * g)
"""

# `f * c + i * g` on its own, where f, i and g are given: in a step such a slip is one of those of the gates
# above.
LSTM_FACTORS = """
each other: f i g c
each squash: tanh sigmoid
{other} for f | {other} multiplies c. Which gate decides what is kept? | f * c => {other} * c
{other} for c | f multiplies {other}. What should be kept? | f * c => f * {other}
{other} for i | {other} multiplies g. Which gate decides what is written? | i * g => {other} * g
{other} for g | i multiplies {other}. What should be written? | i * g => i * {other}
{squash} of f | f is already activated: here it goes through another {squash}.
    f * c => torch.{squash}(f) * c
{squash} of i | i is already activated: here it goes through another {squash}.
    i * g => torch.{squash}(i) * g
{squash} of g | g is already activated: here it goes through another {squash}.
    i * g => i * torch.{squash}(g)
nothing written | nothing is written: only the fraction of the old c that is kept is left. | + i * g =>
1 - g | i multiplies 1 - g. What should be written? | i * g => i * (1 - g)
"""

# `h_t = o * torch.tanh(c_t)` and the returned state.
LSTM_SHOWN = """
relu for tanh in h | your h squashes the new c with a ReLU: then h could never be negative.
    o * torch.tanh(c_t) => o * torch.relu(c_t)
softmax for tanh in h | your h squashes the new c with a softmax: then h could never be negative.
    o * torch.tanh(c_t) => o * c_t.softmax(-1)
c squashed twice in h | the new c goes through tanh twice before it is shown.
    o * torch.tanh(c_t) => o * torch.tanh(torch.tanh(c_t))
h squashed once more | your h goes through another tanh, after o has been applied.
    o * torch.tanh(c_t) => torch.tanh(o * torch.tanh(c_t))
o squashed once more | o goes through a tanh in addition to its sigmoid.
    o * torch.tanh(c_t) => torch.tanh(o) * torch.tanh(c_t)
tanh on o, not on c | the tanh is applied to o. What has to be squashed before it is shown?
    o * torch.tanh(c_t) => torch.tanh(o) * c_t
o added in h | you add o and tanh(c). A gate lets a fraction through: which operation does that?
    o * torch.tanh(c_t) => o + torch.tanh(c_t)
h: a difference | tanh(c) is subtracted from o. A gate lets a fraction through: which operation does that?
    o * torch.tanh(c_t) => o - torch.tanh(c_t)
the sign of h | h has the wrong sign. | o * torch.tanh(c_t) => -o * torch.tanh(c_t)
g shown | your h is computed from g. Which state does the output gate show?
    o * torch.tanh(c_t) => o * torch.tanh(g)
g shown as it is | your h is o times g. Which state does the output gate show? | o * torch.tanh(c_t) => o * g
old h shown | your h is computed from the old h. Which state does the output gate show?
    o * torch.tanh(c_t) => o * torch.tanh(h)
o times the old h | your h is o times the old h: c is not used. | o * torch.tanh(c_t) => o * h
only what is written is shown | your h shows only what is written, without what was kept.
    o * torch.tanh(c_t) => o * torch.tanh(i * g)
only what is kept is shown | your h shows only what was kept, without what is written.
    o * torch.tanh(c_t) => o * torch.tanh(f * c)
old h added | the old h is added to the new one (a residual connection). Here the new h replaces it.
    o * torch.tanh(c_t) => h + o * torch.tanh(c_t)
old h multiplied | the new h is multiplied by the old one. | o * torch.tanh(c_t) => h * o * torch.tanh(c_t)
h for o | the old h is where o should be. | o * torch.tanh(c_t) => h * torch.tanh(c_t)
old h mixed in | the old h is mixed in with the factor 1 - o (as in a GRU). Here the new h replaces it.
    o * torch.tanh(c_t) => o * torch.tanh(c_t) + (1 - o) * h
c added to h | c is added to h. Only what o lets through is shown.
    o * torch.tanh(c_t) => o * torch.tanh(c_t) + c_t
old and new c shown | your h is computed from the sum of the old and the new c.
    o * torch.tanh(c_t) => o * torch.tanh(c + c_t)
c is h | your h is the new c itself: both the tanh and the output gate are missing.
    o * torch.tanh(c_t) => c_t
o is h | your h is the output gate itself: what does it multiply? | o * torch.tanh(c_t) => o
old c returned | you return the old c: nothing of the new c is carried on.
    return h_t, c_t => return h_t, c
old h returned | you return the old h. | return h_t, c_t => return h, c_t
the given state returned | you return the state that was given.
    return h_t, c_t => return h, c
h returned twice | the c that you return is your h again. The state has two different parts.
    return h_t, c_t => return h_t, h_t
tanh of c returned | the c that you return is tanh(c). It is squashed for h only.
    return h_t, c_t => return h_t, torch.tanh(c_t)
o * c returned | the c that you return was multiplied by o. o decides what is shown, not what is kept.
    return h_t, c_t => return h_t, o * c_t
"""

# ---- The pre-activation of any cell, `linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)`.

PRE_ACTIVATION = """
[h, x_t] for [x_t, h] | you concatenate the inputs as [h, x_t], but the weights as [weight_ih, weight_hh]: the
    two orders must match.
    - a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    + a = linear(torch.cat([h, x_t], -1), torch.cat([weight_ih, weight_hh], 1), bias_ih + bias_hh)
halves multiplied | you multiply the input's half and the state's half. How does the equation combine them?
    ) + linear(h, => ) * linear(h,
halves averaged | your pre-activation is half as large as it should be: the mean of the two halves.
    - a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    + a = (linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)) / 2
a difference of the halves | you subtract the state's half. The equation has a sum.
    ) + linear(h, => ) - linear(h,
"""

BIAS_SIGNS = """
bias_hh subtracted | you subtract bias_hh. The equation has a sum.
    (h, weight_hh, bias_hh) => (h, weight_hh, -bias_hh)
bias_ih subtracted | you subtract bias_ih. The equation has a sum.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, -bias_ih)
both biases subtracted | you subtract both biases. The equation has a sum.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, -bias_ih)
    (h, weight_hh, bias_hh) => (h, weight_hh, -bias_hh)
both biases twice | both biases are added twice.
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, 2 * bias_ih)
    (h, weight_hh, bias_hh) => (h, weight_hh, 2 * bias_hh)
biases multiplied | the biases are multiplied with each other. What does the equation do with them?
    (x_t, weight_ih, bias_ih) => (x_t, weight_ih, bias_ih * bias_hh)
    (h, weight_hh, bias_hh) => (h, weight_hh)
"""

# A missing term in the pre-activation of one gate, for an LSTM.
LSTM_ONE_GATE = """
each gate: i f g o
{gate} without h | your {gate} does not look at h: where is its part of weight_hh?
    (a_{gate}) => (a_{gate} - linear(h, weight_hh).chunk(4, -1)["ifgo".index("{gate}")])
{gate} without h and bias_hh | the state's half of your {gate} is missing.
    (a_{gate}) => (a_{gate} - linear(h, weight_hh, bias_hh).chunk(4, -1)["ifgo".index("{gate}")])
{gate} without x_t and bias_ih | the input's half of your {gate} is missing.
    (a_{gate}) => (a_{gate} - linear(x_t, weight_ih, bias_ih).chunk(4, -1)["ifgo".index("{gate}")])
{gate} without x_t | your {gate} does not look at x_t: where is its part of weight_ih?
    (a_{gate}) => (a_{gate} - linear(x_t, weight_ih).chunk(4, -1)["ifgo".index("{gate}")])
{gate} without biases | your {gate} has no bias.
    (a_{gate}) => (a_{gate} - (bias_ih + bias_hh).chunk(4)["ifgo".index("{gate}")])
{gate} without bias_hh | your {gate} has only one bias: bias_hh is not added. torch's cell has two.
    (a_{gate}) => (a_{gate} - bias_hh.chunk(4)["ifgo".index("{gate}")])
{gate} without bias_ih | your {gate} has only one bias: bias_ih is not added. torch's cell has two.
    (a_{gate}) => (a_{gate} - bias_ih.chunk(4)["ifgo".index("{gate}")])
c for h | the gates read c. Which state should they read?
    linear(h, weight_hh, bias_hh) => linear(c, weight_hh, bias_hh)
h and c read | the gates read h + c. Which state should they read?
    linear(h, weight_hh, bias_hh) => linear(h + c, weight_hh, bias_hh)
tanh(c) for h | the gates read tanh(c). Which state should they read?
    linear(h, weight_hh, bias_hh) => linear(torch.tanh(c), weight_hh, bias_hh)
peepholes | your gates read c in addition to x_t and h (peepholes). torch's gates do not.
    i = torch.sigmoid(a_i) => i = torch.sigmoid(a_i + c)
    f = torch.sigmoid(a_f) => f = torch.sigmoid(a_f + c)
    h_t = o * => h_t = torch.sigmoid(a_o + c_t) *
"""

# ---- For a GRU: ih_r, ih_z, ih_n and hh_r, hh_z, hh_n become r, z and n; `(1 - z) * n + z * h` mixes n and
# h.

GRU_GATES = """
each gate: r z
each other: r z n
each first: r z n
each second: r z n
order {first}, {second}, {other} | your numbers are those of blocks in the order {first}, {second}, {other}.
    torch stacks them r, z, n.
    ih_r, ih_z, ih_n = => ih_{first}, ih_{second}, ih_{other} =
    hh_r, hh_z, hh_n = => hh_{first}, hh_{second}, hh_{other} =
{gate} from the block of {other} | your {gate} is cut from the block of {other}. Which columns belong to
    {gate}?
    (ih_{gate} + hh_{gate}) => (ih_{other} + hh_{other})
{gate}: input's part from the block of {other} | the input's part of your {gate} is cut from the block of
    {other}.
    (ih_{gate} + hh_{gate}) => (ih_{other} + hh_{gate})
{gate}: state's part from the block of {other} | the state's part of your {gate} is cut from the block of
    {other}.
    (ih_{gate} + hh_{gate}) => (ih_{gate} + hh_{other})
n: input's part from the block of {gate} | the input's part of your n is cut from the block of {gate}.
    tanh(ih_n => tanh(ih_{gate}
{gate} not activated | {gate} is the bare sum: it is not squashed. A gate lies between 0 and 1.
    {gate} = torch.sigmoid => {gate} =
relu for {gate} | {gate} goes through a ReLU, so it can grow beyond 1.
    {gate} = torch.sigmoid => {gate} = torch.relu
softmax for {gate} | {gate} goes through a softmax, so its units add up to 1. Each unit opens independently.
    {gate} = torch.sigmoid(ih_{gate} + hh_{gate}) => {gate} = (ih_{gate} + hh_{gate}).softmax(-1)
{gate} squashed twice | {gate} goes through two sigmoids, so it always lies between 0.5 and 0.73.
    torch.sigmoid(ih_{gate} + hh_{gate}) => torch.sigmoid(torch.sigmoid(ih_{gate} + hh_{gate}))
halves of {gate} squashed apart | the two parts of {gate} each go through a sigmoid and are added afterwards.
    What does the equation do first?
    torch.sigmoid(ih_{gate} + hh_{gate}) => (torch.sigmoid(ih_{gate}) + torch.sigmoid(hh_{gate}))
{gate}: halves multiplied | you multiply the input's part and the state's part of {gate}. How does the
    equation combine them?
    (ih_{gate} + hh_{gate}) => (ih_{gate} * hh_{gate})
{gate}: a difference | you subtract the state's part of {gate}. The equation has a sum.
    (ih_{gate} + hh_{gate}) => (ih_{gate} - hh_{gate})
{gate} without h | your {gate} does not look at h: where is its part of weight_hh?
    (ih_{gate} + hh_{gate}) => (ih_{gate} + bias_hh.chunk(3)["rzn".index("{gate}")])
{gate} without h and bias_hh | the state's part of {gate} is missing. | (ih_{gate} + hh_{gate}) => (ih_{gate})
{gate} without x_t | your {gate} does not look at x_t: where is its part of weight_ih?
    (ih_{gate} + hh_{gate}) => (bias_ih.chunk(3)["rzn".index("{gate}")] + hh_{gate})
{gate} without x_t and bias_ih | the input's part of {gate} is missing.
    (ih_{gate} + hh_{gate}) => (hh_{gate})
{gate} without bias_hh | your {gate} has only one bias: bias_hh is not added.
    (ih_{gate} + hh_{gate}) => (ih_{gate} + hh_{gate} - bias_hh.chunk(3)["rzn".index("{gate}")])
{gate} without bias_ih | your {gate} has only one bias: bias_ih is not added.
    (ih_{gate} + hh_{gate}) => (ih_{gate} + hh_{gate} - bias_ih.chunk(3)["rzn".index("{gate}")])
1 - r | your r is 1 - r: it opens where it should close. | r = torch.sigmoid => r = 1 - torch.sigmoid
relu for both gates | r and z go through a ReLU, so they can grow beyond 1.
    r = torch.sigmoid => r = torch.relu
    z = torch.sigmoid => z = torch.relu
softmax for both gates | r and z go through a softmax, so the units of each add up to 1. Each unit opens
    independently.
    r = torch.sigmoid(ih_r + hh_r) => r = (ih_r + hh_r).softmax(-1)
    z = torch.sigmoid(ih_z + hh_z) => z = (ih_z + hh_z).softmax(-1)
hard sigmoid | r and z go through a piecewise linear function (a hard sigmoid) instead of the sigmoid.
    r = torch.sigmoid(ih_r + hh_r) => r = torch.nn.functional.hardsigmoid(ih_r + hh_r)
    z = torch.sigmoid(ih_z + hh_z) => z = torch.nn.functional.hardsigmoid(ih_z + hh_z)
both gates squashed twice | r and z go through two sigmoids, so they always lie between 0.5 and 0.73.
    r = torch.sigmoid(ih_r + hh_r) => r = torch.sigmoid(torch.sigmoid(ih_r + hh_r))
    z = torch.sigmoid(ih_z + hh_z) => z = torch.sigmoid(torch.sigmoid(ih_z + hh_z))
relu for n | n goes through a ReLU, so it can never be negative. | n = torch.tanh => n = torch.relu
tanh for both gates, sigmoid for n | sigmoid and tanh are exchanged: r and z go through a tanh, and n through
    a sigmoid.
    r = torch.sigmoid => r = torch.tanh
    z = torch.sigmoid => z = torch.tanh
    n = torch.tanh => n = torch.sigmoid
"""

GRU_MIX = """
a difference | you subtract the old state's share. Does the equation subtract or add?
    (1 - z) * n + z * h => (1 - z) * n - z * h
a difference, the other way round | you subtract the candidate's share. Does the equation subtract or add?
    (1 - z) * n + z * h => z * h - (1 - z) * n
shares multiplied | you multiply the two shares. How does the equation combine them?
    (1 - z) * n + z * h => (1 - z) * n * z * h
n without its share | you add n to 1 - z instead of multiplying them.
    (1 - z) * n + z * h => (1 - z) + n + z * h
h without its share | you add h to z instead of multiplying them. | (1 - z) * n + z * h => (1 - z) * n + z + h
1 - z over both | both n and h are multiplied by 1 - z. The two factors should add up to 1.
    (1 - z) * n + z * h => (1 - z) * (n + h)
z over both | both n and h are multiplied by z. The two factors should add up to 1.
    (1 - z) * n + z * h => z * (n + h)
1 - z over the whole sum | 1 - z also multiplies what is kept. | (1 - z) * n + z * h => (1 - z) * (n + z * h)
no shares | you add n and h as they are: z is not used. | (1 - z) * n + z * h => n + h
half of each | you take the mean of n and h: z is not used. | (1 - z) * n + z * h => (n + h) / 2
old state added | the old state is added again, on top of the fraction that is kept (a residual connection).
    (1 - z) * n + z * h => (1 - z) * n + z * h + h
candidate added | the candidate is added again, on top of its share.
    (1 - z) * n + z * h => (1 - z) * n + z * h + n
r for z in the candidate's share | the candidate is multiplied by 1 - r. Which gate mixes the two?
    (1 - z) * n + z * h => (1 - r) * n + z * h
r for z in the state's share | the old state is multiplied by r. Which gate mixes the two?
    (1 - z) * n + z * h => (1 - z) * n + r * h
r writes, z keeps | the candidate is multiplied by r. In a GRU one gate decides on both factors.
    (1 - z) * n + z * h => r * n + z * h
r mixes, reversed | r decides on the two factors, and they are exchanged as well. Which gate mixes the two?
    (1 - z) * n + z * h => r * n + (1 - r) * h
1 + z | the candidate is multiplied by 1 + z. The two factors should add up to 1.
    (1 - z) * n + z * h => (1 + z) * n + z * h
candidate left out | the candidate is not used: only the fraction of the old state that is kept is left.
    (1 - z) * n + z * h => z * h
the given state returned | you return the state that was given. | (1 - z) * n + z * h => h
old state squashed | the old state goes through a tanh before it is mixed in.
    (1 - z) * n + z * h => (1 - z) * n + z * torch.tanh(h)
candidate squashed twice | the candidate goes through tanh twice.
    (1 - z) * n + z * h => (1 - z) * torch.tanh(n) + z * h
sigmoid over the mix | the new state is squashed again, by a sigmoid: it is bounded already.
    (1 - z) * n + z * h => torch.sigmoid((1 - z) * n + z * h)
n mixes | n is where z should be: which of the two is a gate? | (1 - z) * n + z * h => (1 - n) * n + n * h
"""

# `ih_n + r * hh_n`, in torch's variant.
GRU_CANDIDATE = """
each gate: r z
n: state's part from the block of {gate} | the state's part of your n is cut from the block of {gate}.
    r * hh_n => r * hh_{gate}
n from the block of {gate} | your n is cut from the block of {gate}. Which columns belong to n?
    ih_n + r * hh_n => ih_{gate} + r * hh_{gate}
n: a difference | you subtract the state's part of n. The equation has a sum.
    ih_n + r * hh_n => ih_n - r * hh_n
n: all multiplied | you multiply the parts of n. How does the equation combine them?
    ih_n + r * hh_n => ih_n * r * hh_n
r added | you add r in n. A gate lets a fraction through: which operation does that?
    ih_n + r * hh_n => ih_n + r + hh_n
1 - z in n | your n reads the fraction 1 - z of the old state. Which gate says how much n reads?
    ih_n + r * hh_n => ih_n + (1 - z) * hh_n
n without h | your n does not look at h. | ih_n + r * hh_n => ih_n + r * bias_hh.chunk(3)[2]
n: state's part left out | your n is computed only from the input's part. | ih_n + r * hh_n => ih_n
n: input's part left out | your n is computed only from the state's part. | ih_n + r * hh_n => r * hh_n
n reads r * h as it is | your n reads r * h without a weight. | ih_n + r * hh_n => ih_n + r * h
both gates in n | r and z both multiply the state's part of n. Which gate says how much n reads?
    ih_n + r * hh_n => ih_n + r * z * hh_n
n: state's part twice | the state's part of n is added twice, once with r and once without.
    ih_n + r * hh_n => ih_n + hh_n + r * hh_n
n: parts squashed apart | the two parts of n each go through a tanh and are added afterwards. What does the
    equation do first?
    torch.tanh(ih_n + r * hh_n) => torch.tanh(ih_n) + r * torch.tanh(hh_n)
n without bias_ih | your n has only one bias: bias_ih is not added.
    ih_n + r * hh_n => ih_n + r * hh_n - bias_ih.chunk(3)[2]
n without bias_hh | your n has only one bias: bias_hh is not added.
    r * hh_n => r * (hh_n - bias_hh.chunk(3)[2])
softmax for n | n goes through a softmax, so it is never negative and its units add up to 1.
    torch.tanh(ih_n + r * hh_n) => (ih_n + r * hh_n).softmax(-1)
n squashed twice | n goes through tanh twice. How often is it squashed in the equations?
    torch.tanh(ih_n + r * hh_n) => torch.tanh(torch.tanh(ih_n + r * hh_n))
"""

# ---- For a plain RNN's cell: `squash(a)`.

RNN_STATE = """
softmax for the nonlinearity | the new state goes through a softmax, so its units add up to 1.
    squash(a) => a.softmax(-1)
sigmoid for the nonlinearity | the new state goes through a sigmoid, whichever nonlinearity is requested.
    squash(a) => torch.sigmoid(a)
no nonlinearity for tanh | where tanh is requested, you return the bare pre-activation.
    squash(a) => torch.relu(a) if nonlinearity == "relu" else a
sigmoid for relu | where relu is requested, your numbers are those of a sigmoid (between 0 and 1).
    squash(a) => torch.sigmoid(a) if nonlinearity == "relu" else torch.tanh(a)
squashed twice | the nonlinearity is applied twice. That makes no difference for relu, but it does for tanh.
    squash(a) => squash(squash(a))
old and new state averaged | you return the mean of the old state and the new one. Here the new state replaces
    the old one.
    squash(a) => (h + squash(a)) / 2
old state multiplied | the new state is multiplied by the old one. Here the new state replaces the old one.
    squash(a) => h * squash(a)
old state inside | the old state is added inside the nonlinearity, on top of its product with weight_hh.
    squash(a) => squash(a + h)
pre-activation added | the pre-activation is added to the result of the nonlinearity.
    squash(a) => squash(a) + a
the sign of h | h has the wrong sign. | squash(a) => -squash(a)
1 - h | you return 1 minus the new state. | squash(a) => 1 - squash(a)
the given state returned | you return the state that was given. | squash(a) => h
"""

# ---- The backward pass of a plain RNN's step: `dh_t * (1 - h_t**2)`, and what is computed from da.

RNN_SLOPE = """
doubled, not squared | h_t is doubled in the slope instead of squared. | h_t**2 => h_t * 2
1 + h_t squared | the slope is 1 + h_t² in your code: that is never less than 1.
    (1 - h_t**2) => (1 + h_t**2)
the slope alone | da is only the slope: dh_t is not used. | dh_t * (1 - h_t**2) => (1 - h_t**2)
the slope added | you add the slope to dh_t. How does the chain rule combine them?
    dh_t * (1 - h_t**2) => dh_t + (1 - h_t**2)
h_t for dh_t | da is computed from h_t. Which gradient reaches the step?
    dh_t * (1 - h_t**2) => h_t * (1 - h_t**2)
h for dh_t | da is computed from h. Which gradient reaches the step? | dh_t * (1 - h_t**2) => h * (1 - h_t**2)
a slope from dh_t | the slope is computed from dh_t. Which of the given numbers has been through the tanh?
    h_t**2 => dh_t**2
"""

RNN_BACK = """
each other: dh_t h_t h
dx_t from {other} | dx_t is computed with {other}: da is not used. | da @ weight_ih => {other} @ weight_ih
dh from {other} | dh is computed with {other}: da is not used. | da @ weight_hh => {other} @ weight_hh
dweight_ih from {other} | dweight_ih is computed with {other}: da is not used.
    da.T @ x_t => {other}.T @ x_t
dweight_hh from {other} | dweight_hh is computed with {other}: da is not used. | da.T @ h, => {other}.T @ h,
dbias from {other} | dbias is computed with {other}: da is not used. | da.sum(axis=0) => {other}.sum(axis=0)
dweight_hh with dh_t | dweight_hh is computed from da and dh_t. Which state did weight_hh multiply?
    da.T @ h, => da.T @ dh_t,
dweight_hh with da | dweight_hh is computed only from da. Which state did weight_hh multiply?
    da.T @ h, => da.T @ da,
"""
