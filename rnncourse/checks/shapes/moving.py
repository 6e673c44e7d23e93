"""Task 7, arrange: a tensor's axes, named by letters, in another order; what is missing is added."""

from rnncourse.checks.framework.cases import Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.shapes.lesson import LESSON, NAMES, TRANSPOSE, UNBATCHED

COMPLETE = Trait("no axis is missing", "what you do where an axis is missing")
MISSING = Trait("an axis is missing", "how you exchange the axes that are there")


def _arrange(x, axes, wanted):
    for letter in wanted:
        if letter not in axes:
            x, axes = x.unsqueeze(-1), axes + letter
    return x.permute([axes.index(letter) for letter in wanted])


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)

    def case(axes: str, wanted: str, **sizes: int) -> Case:
        arguments = {"x": numbers(*(sizes[letter] for letter in axes)), "axes": axes, "wanted": wanted}
        return Case(arguments, sizes, frozenset({COMPLETE if len(axes) == len(wanted) else MISSING}))

    return [
        case("TBI", "BTI", T=4, B=3, I=2),
        case("BTI", "TBI", B=2, T=5, I=3),
        case("TBI", "ITB", T=3, B=4, I=5),  # a cycle: its inverse is another order
        case("BTI", "IBT", B=4, T=2, I=3),
        case("LBH", "BLH", L=2, B=5, H=4),
        case("BTHD", "DTBH", B=3, T=4, H=5, D=2),
        case("TI", "TBI", T=4, I=3),
        case("TI", "BTI", T=5, I=2),
        case("BT", "TBI", B=3, T=4),
        case("BI", "TBI", B=4, I=5),
        case("T", "TBI", T=6),
        case("IT", "BTI", I=3, T=4),
    ]


wrong = Mistakes(TRANSPOSE, _arrange)

wrong("unchanged", "x comes back as it was.", NAMES)(lambda x, axes, wanted: x)


@wrong(
    "cut anew",
    "the shape is right and the numbers are not: they are cut anew, and no axis is exchanged.",
    look="Look at your use of view or reshape.",
)
def _(x, axes, wanted):
    sizes = dict(zip(axes, x.shape, strict=True))
    return x.reshape([sizes.get(letter, 1) for letter in wanted])


wrong.edits("""
the inverse order | you give permute the way back: where each old axis goes, and not where each new one comes
    from.
    [axes.index(letter) for letter in wanted] => [wanted.index(letter) for letter in axes]
""")


@wrong(
    "the inverse order, needs all axes",
    "it fails where x lacks an axis that is wanted; and permute is given the way back.",
    look="Look at what each number given to permute means: an old place, or a new one?",
)
def _(x, axes, wanted):
    return x.permute([wanted.index(letter) for letter in axes])


@wrong(
    "the missing axis in front",
    "a missing axis goes where `wanted` has it, not always to the front.",
    UNBATCHED,
)
def _(x, axes, wanted):
    there = [letter for letter in wanted if letter in axes]
    x = x.permute([axes.index(letter) for letter in there])
    return x[(None,) * (len(wanted) - len(axes))] if len(axes) < len(wanted) else x


@wrong(
    "the missing axis at the end",
    "a missing axis goes where `wanted` has it, not always to the end.",
    UNBATCHED,
)
def _(x, axes, wanted):
    there = [letter for letter in wanted if letter in axes]
    x = x.permute([axes.index(letter) for letter in there])
    return x[(..., *[None] * (len(wanted) - len(axes)))]


@wrong("the missing axis left out", "an axis that is missing in x is missing in your result, too.", UNBATCHED)
def _(x, axes, wanted):
    return x.permute([axes.index(letter) for letter in wanted if letter in axes])


@wrong("needs all axes", "it fails where x lacks an axis that is wanted.", UNBATCHED)
def _(x, axes, wanted):
    return x.permute([axes.index(letter) for letter in wanted])


@wrong(
    "one missing axis at most", "it adds one axis; where two are missing, one is still missing.", UNBATCHED
)
def _(x, axes, wanted):
    for letter in wanted:
        if letter not in axes:
            x, axes = x.unsqueeze(-1), axes + letter
            break
    return x.permute([axes.index(letter) for letter in wanted if letter in axes])


@wrong("the first two exchanged", "you always exchange the first two axes, whatever the letters say.")
def _(x, axes, wanted):
    return x.transpose(0, 1)


@wrong("the order not looked at", "the missing axes are there; the others stay in x's order.")
def _(x, axes, wanted):
    for k, letter in enumerate(wanted):
        if letter not in axes:
            x = x.unsqueeze(k)
    return x


arrange = Check(
    name="arrange",
    lesson=LESSON,
    section=TRANSPOSE,
    parts=(Part("result"),),
    criteria=(
        Criterion("axes in another order", 2, where=(COMPLETE,)),
        Criterion("axes that are missing", 2, where=(MISSING,)),
    ),
    truth=_arrange,
    cases=_cases,
    example_case=Case(
        {"x": random_numbers(0, 1.0)(2, 3).round(decimals=1), "axes": "TI", "wanted": "BIT"}, {"T": 2, "I": 3}
    ),
    mistakes=wrong,
    agree="what the letters say",
)
