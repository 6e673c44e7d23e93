"""Task 7, units: a net of five units (given.py), and what each of them keeps."""

from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Word
from rnncourse.checks.framework.use import value
from rnncourse.checks.h_and_c.lesson import LESSON, NET

WORDS = (
    "last value",
    "value at the pulse",
    "count of pulses",
    "sum of values",
    "fading sum",
    "turned by pulses",
)

TRUTH = {
    "unit_0": "fading sum",
    "unit_1": "turned by pulses",
    "unit_2": "count of pulses",
    "unit_3": "value at the pulse",
    "unit_4": "last value",
}

wrong = Mistakes(NET, TRUTH)
wrong.edits("""
a fading sum taken for a sum | it fades.
    unit_0 => 'sum of values'
a fading sum taken for the last value | it fades slowly.
    unit_0 => 'last value'
a turned unit taken for a latch | the value has no part in it.
    unit_1 => 'value at the pulse'
a latch taken for a turned unit | look at the value.
    unit_3 => 'turned by pulses'
a count read from h | h of a count soon stands still.
    unit_2 => 'turned by pulses'
the last value taken for a latch | it needs no pulse.
    unit_4 => 'value at the pulse'
""")

units = Check(
    name="units",
    lesson=LESSON,
    section=NET,
    parts=tuple(Word(name, WORDS) for name in TRUTH),
    criteria=(Criterion("all five units", 3),),
    truth=TRUTH,
    mistakes=wrong,
    use=value,
    forbid=frozenset(),  # the net may be run to find out
    tells=False,
)
