"""Task 1, which_state: of seven sentences, which are true of h, of c, of both, of neither."""

from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Word
from rnncourse.checks.framework.use import value
from rnncourse.checks.h_and_c.lesson import LESSON, READERS

SENTENCES = {
    "next_layer": "h",  # the layer above reads it
    "gates": "h",  # the gates of the next step read it
    "seven": "c",  # it can be 7.3
    "times_f": "c",  # it is multiplied by f
    "every_step": "h",  # `output` of nn.LSTM holds it for every step
    "carry_on": "both",  # it is needed to carry a sequence on
    "learned": "neither",  # training learns its numbers, as it does those of weight_hh
}

wrong = Mistakes(READERS, SENTENCES)
wrong.edits("""
c goes up | it does not.
    next_layer => 'c'
gates read c | they do not.
    gates => 'c'
gates read both | they do not.
    gates => 'both'
§ What each one can hold
h has no bound | it has.
    seven => 'both'
§
output holds both | it does not.
    every_step => 'both'
§ What people get wrong
h is enough | it is not.
    carry_on => 'h'
§
states are parameters | they are not.
    learned => 'both'
""")

which_state = Check(
    name="which_state",
    lesson=LESSON,
    section=READERS,
    parts=tuple(Word(name, ("h", "c", "both", "neither")) for name in SENTENCES),
    criteria=(Criterion("all seven", 2),),
    truth=SENTENCES,
    mistakes=wrong,
    use=value,
    tells=False,
)
