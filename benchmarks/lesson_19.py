"""Lesson 19 with other seeds: its own cells are run for each, so the table is that of the page.

    python benchmarks/lesson_19.py [--seeds 10] [--epochs 10]

Prints a line for each seed as soon as it is there: bits per character on the test sonnets, and the largest
correlation of a unit with the position in the line. All ten take about four minutes of one core.
"""

import argparse

from lesson_cells import sources

ONCE = ("setup", "next-run", "count-code", "count-run", "net-code")
EACH_SEED = ("teacher-run", "train-streams", "train-run", "train-result", "unit-find")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=10, help="fewer for a quick try")
    options = parser.parse_args()
    cells = sources("19_language_model")
    names: dict[str, object] = {"print": lambda *_, **__: None}
    for name in ONCE:
        exec(cells[name], names)
    print("seed  trigram  4-gram  5-gram    GRU   unit")
    for seed in range(options.seeds):
        names["SEED"] = seed
        for name in EACH_SEED:
            exec(cells[name].replace("epochs=10", f"epochs={options.epochs}"), names)
        found = "*(counted[n] for n in (3, 4, 5)), test_bits, float(related.abs().max())"
        trigram, fourgram, fivegram, bits, unit = eval(f"({found},)", names)
        row = f"{seed:4} {trigram:8.2f} {fourgram:7.2f} {fivegram:7.2f} {bits:6.2f} {unit:6.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
