"""The benchmarks run, at a tiny size, and what they print is what they measured."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LAYERS = BENCHMARKS / "layers.py"


def test_layers(tmp_path):
    command = [sys.executable, LAYERS, "--tiny", "--rounds", "2", "--threads", "1", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "MPLBACKEND": "agg"})
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "layers.json").read_text())
    assert (tmp_path / "layers.png").stat().st_size > 10_000
    # one row for each kind, train and infer, three variants, two sizes
    assert len(result["rows"]) == 3 * 2 * 3 * 2
    for variant, kind, what in (("one layer", "GRU", "train"), ("2 layers", "RNN", "infer")):
        rows = [r for r in result["rows"] if (r["variant"], r["kind"], r["what"]) == (variant, kind, what)]
        values = [row["seconds"]["ours"] / row["seconds"]["torch.nn"] for row in rows]
        (line,) = re.findall(rf"{variant} +{kind} +{what} ours +(.*)   mean (.*)", done.stdout)
        assert [float(v) for v in line[0].split()] == pytest.approx(values, abs=0.006)
        assert float(line[1]) == pytest.approx(math.prod(values) ** (1 / len(values)), abs=0.006)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory that Linux accounts")
def test_tracing():
    command = [sys.executable, BENCHMARKS / "tracing.py", "--small", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(.+?) +([\d.]+) +([\d.]+) +(\d+) +([\d.]+)$", done.stdout, re.MULTILINE)
    by_way = {way: float(seconds) / float(ratio) for way, seconds, ratio, *_ in rows if float(ratio)}
    assert list(by_way)[:1] == ["as it is"]
    names = ["plain hook, outputs alone", 'trace(model, names=["h"])', "trace(model)"]
    assert set(by_way) >= {*names}
    assert re.search(r"^a loop, as it is +[\d.]+ +[\d.]+$", done.stdout, re.MULTILINE)


def test_lesson_20_prints_the_baselines_that_the_lesson_shows():
    """Each row but the nets', which train for one epoch here; their numbers depend on the processor."""
    command = [sys.executable, BENCHMARKS / "lesson_20.py", "--seeds", "1", "--epochs", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lesson = json.loads((BENCHMARKS.parent / "notebooks" / "20_forecasting.ipynb").read_text("utf-8"))
    [cell] = [cell for cell in lesson["cells"] if cell["id"] == "worth-table"]
    shown = "".join(cell["source"]).splitlines()
    header, *rows, fed_back = done.stdout.splitlines()
    assert header in shown
    for row in rows:
        assert any(line.startswith(row[:39]) for line in shown), row
    assert len(rows) == 5
    [cell] = [cell for cell in lesson["cells"] if cell["id"] == "many-run"]
    printed = re.findall(r"error (\d+)", "".join(cell["outputs"][0]["text"]))
    assert fed_back.startswith("11 years, fed back")
    last, season, ridge = (f"{float(number):.0f}" for number in fed_back[19:39].split())
    assert [last, season, ridge] == printed[:3]


def test_lesson_21_runs_the_cells_of_the_lesson_with_a_third_net():
    """Up to the training, which takes a minute for each seed; in a process of its own: setup() is global."""
    program = """
from lesson_21 import page
names = {}
for source in page():
    exec(source.replace("for lr in (0.01, 0.002)", "for lr in ()"), names)
    if "nets" in names:
        break
scores = [net(names["x"], names["lengths"], names["shifted"](names["y"])) for net in names["nets"].values()]
assert {tuple(s.shape) for s in scores} == {(*names["y"].shape, names["C"])}
print(*names["nets"], sep=", ")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=BENCHMARKS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "attention, without, s once"


def test_lesson_19_prints_the_baselines_that_the_lesson_shows():
    """The n-grams only: the net trains for one epoch here, and its number depends on the processor."""
    command = [sys.executable, BENCHMARKS / "lesson_19.py", "--seeds", "1", "--epochs", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lesson = json.loads((BENCHMARKS.parent / "notebooks" / "19_language_model.ipynb").read_text("utf-8"))
    [cell] = [cell for cell in lesson["cells"] if cell["id"] == "luck-table"]
    _, header, *rows = "".join(cell["source"]).splitlines()[:12]
    printed_header, row = done.stdout.splitlines()
    assert printed_header == header
    assert row.split()[1:4] == rows[0].split()[1:4]
    assert {tuple(line.split()[1:4]) for line in rows} == {tuple(row.split()[1:4])}


def test_scan_prints_times_ratios_and_errors():
    command = [sys.executable, BENCHMARKS / "scan.py", "--steps", "8", "32", "--rounds", "1", "--units", "4"]
    done = subprocess.run([*command, "--most", "8"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, short, long, last = done.stdout.splitlines()
    ways = ["loop", "doubling", "pairs", "log space", "nn.GRU"]
    for line, names in ((short, ways), (long, ways[:3])):
        found = re.findall(r"([a-zA-Z. ]+?) ([\d.]+) \(([\d.]+)\)", line.partition(" ")[2])
        assert [name.strip() for name, *_ in found] == names
        assert found[0][2] == "1.00"
    found = dict(re.findall(r"(loop|doubling|pairs|log space) (\S+)", last.partition(":")[2]))
    assert all(float(error) < 1e-4 for error in found.values())
    assert len(found) == 4
