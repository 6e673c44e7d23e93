"""Lesson 21 with other seeds: its own cells are run for each, so the table is that of the page.

    python benchmarks/lesson_21.py [--seeds 10] [--first 0]

Prints a line for each seed as soon as it is there: the share of whole dates that are right, with attention,
with the state at every step, and with the state as the decoder's first state alone; then the share of whole
rows of 7 to 12 digits, with attention and without. All ten take about ten minutes of one core.
"""

import argparse

from lesson_cells import sources

PAGE = (
    "setup",
    "dates-run",
    "rules-run",
    "net",
    "valid-run",
    "forcing-run",
    "attention-code",
    "train-run",
    "greedy",
    "gap-run",
    "length-train",
    "length-figure",
)
ONCE = """
class Once(Translator):
    def context(self, output, memory, lengths, s):
        return torch.zeros_like(output), None
"""
DIGITS = """[
    ((hit * (sizes > 6)).sum() / (sizes > 6).sum()).item()
    for hit, sizes in (whole_rows(model, loader(2000, 3)) for model in repeaters.values())
]"""


def page() -> list[str]:
    """Return the sources of the lesson's cells that train and measure, with a third net."""
    cells = sources("21_encoder_decoder")
    two = '"without": Translator}.items():\n    torch.manual_seed(SEED)\n    nets'
    assert two in cells["train-run"]
    three = two.replace("}", ', "s once": Once}')
    cells["train-run"] = ONCE + cells["train-run"].replace(two, three)
    return [cells[name] for name in PAGE]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    print("seed  attention  s at every step  s once  digits: attention  without")
    for seed in range(options.first, options.first + options.seeds):
        names: dict[str, object] = {"print": lambda *_, **__: None}
        for source in page():
            exec(source.replace("SEED = 0", f"SEED = {seed}"), names)
        dates = eval("[hit.mean().item() for hit in whole.values()]", names)
        digits = eval(DIGITS, names)
        print(seed, *(f"{value:.3f}" for value in (*dates, *digits)), flush=True)


if __name__ == "__main__":
    main()
