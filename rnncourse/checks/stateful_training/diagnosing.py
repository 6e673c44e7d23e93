"""Task 4, loops: five loops over chunks, and what becomes of each."""

from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Word
from rnncourse.checks.framework.use import value
from rnncourse.checks.stateful_training.lesson import LESSON, RETAIN

WORDS = "right", "fails", "grows", "no past"

wrong = Mistakes(RETAIN)
# No hint is shown here: they say what the tests try.
wrong("c is forgotten", "P detaches h alone.")({"P": "right"})
wrong("no past taken for right", "Q detaches at every step.")({"Q": "right"})
wrong("the sum of losses", "R holds every loss.")({"R": "right"})
wrong("detach_ taken for a fault", "S detaches in place.")({"S": "fails"})
wrong("retain_graph without steps", "T has no optimizer step.")({"T": "fails"})

loops = Check(
    name="loops",
    lesson=LESSON,
    section=RETAIN,
    parts=tuple(Word(loop, WORDS) for loop in "PQRST"),
    criteria=(Criterion("all five loops", 3),),
    truth={"P": "fails", "Q": "no past", "R": "grows", "S": "right", "T": "grows"},
    mistakes=wrong,
    use=value,
    forbid=frozenset(),  # a loop may be run to find out
    tells=False,
)
