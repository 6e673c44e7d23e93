"""Task 7, diagnosis: four runs (given.py), and what is the matter with each."""

from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Word
from rnncourse.checks.framework.use import value
from rnncourse.checks.vanishing_and_exploding.lesson import LESSON, RUNS

WORDS = "vanishing", "exploding", "saturated", "well"

wrong = Mistakes(RUNS)
# No hint is shown here: they say what the tests try.
wrong("P and R exchanged", "P and R are exchanged.")({"P": "saturated", "R": "vanishing"})
wrong("Q and S exchanged", "Q and S are exchanged.")({"Q": "well", "S": "exploding"})
wrong("both quiet runs vanish", "P and R both vanish.")({"R": "vanishing"})

diagnosis = Check(
    name="diagnosis",
    lesson=LESSON,
    section=RUNS,
    parts=tuple(Word(run, WORDS) for run in "PQRS"),
    criteria=(Criterion("all four runs", 3),),
    truth={"P": "vanishing", "Q": "exploding", "R": "saturated", "S": "well"},
    mistakes=wrong,
    use=value,
    forbid=frozenset(),  # a net may be run to find out
    tells=False,
    seconds=30,  # for four nets, on a slow machine
)
