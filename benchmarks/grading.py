"""Measure how fast rnncourse and nbgrader grade a class, on the same submissions in one run.

    python benchmarks/grading.py                     # 200 submissions of exercise 06; nbgrader grades 4
    python benchmarks/grading.py --submissions 1000  # a larger class
    python benchmarks/grading.py --memory 100 1000   # the grader's peak memory for these class sizes

A fifth of the class each is perfect, is empty, has the gates in a wrong order, has left out a task, or has
left out tanh. The seconds include the start of the workers and the writing of all results; "each" excludes
the start, which is measured with a class of one.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil

ROOT = Path(__file__).parent.parent
GRADED = Path("06_lstm_gates/lstm_gates.ipynb")
CHANGES = (  # each makes an answer from the cell's grade_id, the solution's source and the empty cell
    lambda name, source, stub: source,
    lambda name, source, stub: stub,
    lambda name, source, stub: source.replace("a_i, a_f, a_g, a_o = ", "a_i, a_f, a_o, a_g = "),
    lambda name, source, stub: stub if name == "from_cs231n" else source,
    lambda name, source, stub: source.replace("o * torch.tanh(c)", "o * c"),
)


def answers(folder: str) -> dict[str, str]:
    cells = nbformat.read(ROOT / folder / GRADED, as_version=4).cells
    marked = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return {cell.metadata.nbgrader.grade_id: cell.source for cell in marked}


def hand_in(course: Path, count: int) -> None:
    """Write `count` submissions in nbgrader's layout."""
    shutil.rmtree(course / "submitted", ignore_errors=True)
    solutions, stubs = answers("solutions"), answers("exercises")
    kinds = []
    for change in CHANGES:
        notebook = nbformat.read(ROOT / "exercises" / GRADED, as_version=4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in solutions:
                cell.source = change(name, solutions[name], stubs[name])
        kinds.append(nbformat.writes(notebook))
    for k in range(count):
        path = course / "submitted" / f"student{k:05d}" / GRADED
        path.parent.mkdir(parents=True)
        path.write_text(kinds[k % len(kinds)], encoding="utf-8")


def ours(course: Path, workers: int) -> tuple[float, list[float]]:
    """Grade with rnncourse; return the seconds, and the peak memory in MB of the main process and of all."""
    shutil.rmtree(course / "results", ignore_errors=True)
    words = ["grade", "submitted", "--out", "results", "--workers", str(workers), "--feedback"]
    command = [sys.executable, "-c", "from rnncourse.cli import main; raise SystemExit(main())", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    begin = time.perf_counter()
    with (course / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=course, env=environment, stdout=output, stderr=output)
    peak = [0.0, 0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watcher.start()
    if process.wait():
        raise SystemExit(f"exit status {process.returncode}: {(course / 'output.txt').read_text()}")
    seconds = time.perf_counter() - begin
    watcher.join()
    return seconds, peak


def _watch(process: subprocess.Popen, peak: list[float]) -> None:
    while process.poll() is None:
        try:
            main = psutil.Process(process.pid)
            processes = [main, *main.children(recursive=True)]
            own = main.memory_info().rss / 2**20
            together = sum(p.memory_info().rss for p in processes if p.is_running()) / 2**20
            peak[:] = max(peak[0], own), max(peak[1], together)
        except psutil.Error:
            pass
        time.sleep(0.5)


def nbgraders(course: Path) -> float:
    """Grade with nbgrader; return the seconds."""
    environment = os.environ | {
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    }
    environment["PYTHONPATH"] = str(ROOT)
    for command in (["generate_assignment", "*"], ["autograde", "06_lstm_gates", "--force"]):
        begin = time.perf_counter()
        command = [sys.executable, "-m", "nbgrader", *command]
        subprocess.run(command, cwd=course, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="runs of rnncourse, of which the median counts")
    parser.add_argument("--nbgrader", type=int, default=4, help="number of submissions that nbgrader grades")
    parser.add_argument("--memory", type=int, nargs="*", default=[], help="class sizes; measure only memory")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        shutil.copytree(ROOT / "solutions", course / "solutions", ignore=shutil.ignore_patterns(".*"))
        shutil.copy(ROOT / "nbgrader_config.py", course)
        for count in arguments.memory:
            hand_in(course, count)
            seconds, (own, together) = ours(course, workers=2)
            print(f"{count} submissions: {seconds:.0f} s, {own:.0f} MB grader, {together:.0f} MB all")
        if arguments.memory:
            return
        hand_in(course, arguments.nbgrader)
        theirs = nbgraders(course) / arguments.nbgrader
        print(f"nbgrader autograde, {arguments.nbgrader} submissions: {theirs:.2f} s each")
        seconds = {count: {1: [], 2: []} for count in (1, arguments.submissions)}
        for _ in range(arguments.rounds):  # take turns, because the load on the machine may change
            for count, by_workers in seconds.items():
                hand_in(course, count)
                for workers, times in by_workers.items():
                    times.append(ours(course, workers)[0])
        each = {}
        for workers in (1, 2):
            start, whole = (statistics.median(by_workers[workers]) for by_workers in seconds.values())
            each[workers] = (whole - start) / (arguments.submissions - 1)
            print(
                f"rnncourse grade, {workers} worker{'s' * (workers > 1)},"
                f" {arguments.submissions} submissions:"
                f" {whole:.1f} s, of which {start:.1f} to start; {1000 * each[workers]:.0f} ms each;"
                f" {theirs / each[workers]:.0f} times nbgrader's throughput"
                f" ({theirs * arguments.submissions / whole:.0f} with the start)"
            )
        print(f"two workers have {each[1] / each[2]:.2f} times the throughput of one")


if __name__ == "__main__":
    main()
