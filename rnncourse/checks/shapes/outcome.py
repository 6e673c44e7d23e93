"""Task 5, outcomes: of eight calls, which do what was meant, which raise, which are wrong and say nothing."""

from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Word
from rnncourse.checks.framework.use import value
from rnncourse.checks.shapes.lesson import BATCH_FIRST, LESSON

# gru = nn.GRU(6, 5, batch_first=True), x (B=4, T=7, I=6): four sequences of seven steps.
OUTCOMES = {
    "a": "right",  # gru(x, zeros(1, 4, 5))
    "b": "raises",  # gru(x, zeros(4, 1, 5))
    "c": "silent",  # gru(x.transpose(0, 1))
    "d": "silent",  # gru(x_t.reshape(4, 7, 6)), x_t (T, B, I)
    "e": "right",  # gru(x_t.transpose(0, 1))
    "f": "right",  # gru(x[0])
    "g": "silent",  # gru(x[:, 0])
    "h": "raises",  # nn.GRUCell(6, 5)(x)
}

wrong = Mistakes(BATCH_FIRST, OUTCOMES)
wrong.edits("""
a state given batch first | A state is never batch first.
    a => 'raises'
    b => 'right'
time first is noticed | Nothing in the shapes tells.
    c => 'raises'
§ Transpose, not view
reshape transposes | It does not.
    d => 'right'
§ Without a batch
two axes raise | A layer takes them as one sequence.
    f => 'raises'
    g => 'raises'
two axes are a batch | Not to a layer.
    g => 'right'
§ A cell reads one step
a cell walks along time | It does not.
    h => 'right'
""")

outcomes = Check(
    name="outcomes",
    lesson=LESSON,
    section=BATCH_FIRST,
    parts=tuple(Word(call, ("right", "raises", "silent")) for call in OUTCOMES),
    criteria=(Criterion("all eight", 3),),
    truth=OUTCOMES,
    mistakes=wrong,
    use=value,
    tells=False,
)
