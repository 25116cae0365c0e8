"""Everything there is to measure on a GPU, in one command, for a machine that is there for minutes only.

    python benchmarks/gpu_session.py --name h100

One process has the GPU. Every report is on the disk, in OUT/gpu-NAME.jsonl, before the next job starts, so a session
that is cut short loses only the rest. The most valuable steps come first; what does not fit into the time left is left
out, and the results say so. At the end, or when the session is stopped, it prints the thresholds that these results
would set, and writes OUT/gpu-NAME.json with everything.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if sys.path[0] == str(Path(__file__).parent):
    sys.path[0] = str(ROOT)  # a script finds modules beside itself first; these are in the parent folder

import msgspec  # noqa: E402

from benchmarks.gpu import journal, summary  # noqa: E402
from benchmarks.gpu.races import CHAPTER, STEPS, Race, Step, cut, races  # noqa: E402
from grader.book.errors import KoansError, writing  # noqa: E402
from grader.gpu.client import PATIENCE, GpuWorker, environment  # noqa: E402
from grader.gpu.job import RaceJob, RaceReport  # noqa: E402

RESERVE = 5.0  # seconds reserved for the summary
STARTING = 15.0  # the most seconds that a process needs until it has CUDA
TESTED = ("vector_add", "flash_forward")
PYTEST, PROFILE = 25.0, 20.0  # the least seconds that these take
TILES, TILES_MORE = (
    30.0,
    15.0,
)  # seconds for random kernels, and until the processes have started and the table is there
MAX_OUTPUT = 6000  # bytes of another program's output, from its end
QUERY = (
    "name,driver_version,pstate,clocks.sm,clocks.max.sm,clocks.mem,power.draw,power.limit,temperature.gpu,memory.used"
)
SECTIONS = ("SpeedOfLight", "LaunchStats", "Occupancy", "ComputeWorkloadAnalysis", "WarpStateStats")
INCOMPLETE = "not to its end"
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal stopped the session. Its measurements stay."""

    def __init__(self, number: int) -> None:
        self.number = number


class GiveUp(Exception):
    """The rest of the session would be useless. The message says why."""


class NoGpu(Exception):
    """There is nothing to measure. The message says what is missing."""


class Session:
    """Runs steps until the time is up. All races run in one process, which is restarted only if it ends."""

    def __init__(self, log: journal.Journal, minutes: float, quick: bool, pretend: bool) -> None:
        self.log, self.quick, self.pretend = log, quick, pretend
        self.start = time.monotonic()
        self.deadline = self.start + 60 * minutes - RESERVE
        command = ("-m", "benchmarks.gpu.pretended" if pretend else "grader.gpu.worker")
        self.worker = GpuWorker(PATIENCE, command)
        self.worker.start()  # it imports torch while this process reads kernels

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def run(self, step: Step) -> None:
        if step == "device":
            self.device()
        elif step == "tiles":
            self.tiles()
        elif step == "tests":
            self.tests()
        elif step == "ncu":
            self.profile()
        else:
            for race in races(step, self.quick):
                self.race(cut(race) if self.pretend else race)
            self.clocks(step)

    def missing(self, step: str, title: str, why: str) -> None:
        """Record that something was not measured."""
        self.log.write(journal.Missing(step, title, why))
        self.print(step, f"{title}: {why}")

    def print(self, step: str, text: str) -> None:
        print_now(f"[{time.monotonic() - self.start:3.0f} s] {step}  {text}")

    def fits(self, step: str, title: str, seconds: float) -> bool:
        """Is there time for it? If not, that is recorded."""
        left = self.seconds_left
        if left >= seconds:
            return True
        self.missing(step, title, f"left out: it takes about {seconds:.0f} s, and {max(0.0, left):.0f} s are left")
        return False

    def device(self) -> None:
        """Record the device. Raises NoGpu, and GiveUp if the process that has the GPU cannot start."""
        self.clocks("device")
        race = Race("device", "device", "", RaceJob("", (), ()))
        report = self.race(race, STARTING)
        if report is not None and report.lack:
            raise NoGpu(report.lack)
        if report is None and self.seconds_left > STARTING:
            raise GiveUp("no process with the GPU could be started")

    def clocks(self, step: str) -> None:
        """Record the current clocks, power and temperature."""
        smi = shutil.which("nvidia-smi")
        if smi is not None and not self.pretend:
            self.print(step, "nvidia-smi")
            code, text = run_program([smi, f"--query-gpu={QUERY}", "--format=csv"], 10)
            self.output(journal.ProgramOutput(step, "nvidia-smi", text, code))
        elif step == "device":
            self.missing(step, "nvidia-smi", "not run: it is not on PATH" if smi is None else "not run: pretended")

    def output(self, line: journal.ProgramOutput) -> None:
        self.log.write(line)
        print_now(line.text.rstrip())

    def race(self, race: Race, seconds: float | None = None) -> RaceReport | None:
        """Run a race and record every report. Returns the last one, or None if there is none. Raises Unwritable."""
        if not self.fits(race.step, race.title, race.seconds if seconds is None else seconds):
            return None
        self.print(race.step, race.title)
        report = None
        try:
            for report in self.worker.watch(race.job, min(PATIENCE, self.seconds_left)):
                self.measured(race, report, last=False)
        except journal.Unwritable:
            raise
        except KoansError as error:
            self.missing(race.step, race.title, f"{INCOMPLETE}: {error}")
        else:
            assert report is not None
            self.measured(race, report, last=True)
        if report is not None and race.job.oracle:
            print_now(summary.race_text(summary.race_summary(self.line(race, report, last=True))))
            self.retry_without_faulty(race, report)
        return report

    def line(self, race: Race, report: RaceReport, last: bool) -> journal.Measured:
        ours = [kernels.name for kernels in race.job.kernels]
        inputs = list(race.job.inputs)
        return journal.Measured(race.step, race.title, race.koan, inputs, race.now, report, ours, last)

    def measured(self, race: Race, report: RaceReport, last: bool) -> None:
        self.log.write(self.line(race, report, last))

    def retry_without_faulty(self, race: Race, report: RaceReport) -> None:
        """If a kernel broke the device, run the race a second time without that kernel."""
        faulty = {times.name for times in report.times if times.error and "was lost while" not in times.error}
        kernels = tuple(kernels for kernels in race.job.kernels if kernels.name not in faulty)
        if report.broken and kernels and len(kernels) < len(race.job.kernels):
            job = msgspec.structs.replace(race.job, kernels=kernels)
            title = f"{race.title}, without {', '.join(sorted(faulty))}"
            self.race(msgspec.structs.replace(race, job=job, title=title))

    def tiles(self) -> None:
        """Run random kernels on the GPU and in the tile machine. The table of what differs is a file of its own."""
        file = self.log.file.with_name(f"{self.log.file.stem}-tiles.md")
        title = "random kernels on the GPU and in the tile machine"
        if self.fits("tiles", title, TILES + TILES_MORE):
            self.print("tiles", title)
            command = [sys.executable, "-m", "benchmarks.gpu.tiles", "--out", str(file)]
            few = ["--pretend", "--programs", "8", "--workers", "1", "--seconds", f"{self.seconds_left:g}"]
            command += few if self.pretend else ["--seconds", f"{TILES:g}"]
            limit = self.seconds_left if self.pretend else min(self.seconds_left, TILES + TILES_MORE)
            code, text = run_program(command, limit)
            self.output(journal.ProgramOutput("tiles", title, text, code))

    def tests(self) -> None:
        """Run the GPU tests of two koans, as `koans` would."""
        files = [f"exercises/{CHAPTER}/test_{koan}.py" for koan in TESTED]
        title = f"pytest -m gpu --target solutions {' '.join(files)}"
        if self.fits("tests", title, PYTEST):
            self.print("tests", title)
            command = [sys.executable, "-m", "pytest", "-m", "gpu", "--target", "solutions", "-rs", *files]
            code, text = run_program(command, self.seconds_left)
            self.output(journal.ProgramOutput("tests", title, text, code))

    def profile(self) -> None:
        """Profile one kernel with the hardware's counters."""
        ncu, race = shutil.which("ncu"), races("smoke")[-1]
        kernel = next(iter(race.job.kernels[0].sources))
        if ncu is None or self.pretend:
            why = "not run: ncu is not on PATH" if ncu is None else "not run: pretended"
            self.missing("ncu", kernel, why)
        elif self.fits("ncu", kernel, PROFILE):
            self.print("ncu", kernel)
            self.worker.close()  # two processes with the GPU would disturb each other
            job = msgspec.structs.replace(race.job, baselines=(), rounds=1, warm=1)
            command = [ncu, "--target-processes", "all", "--kernel-name", f"regex:{kernel}", "--launch-count", "1"]
            command += [part for section in SECTIONS for part in ("--section", section)]
            command += [sys.executable, "-m", "grader.gpu.worker"]
            code, text = run_program(command, self.seconds_left, msgspec.json.encode(job))
            self.output(journal.ProgramOutput("ncu", f"{kernel}, {race.title}", text, code))


def print_now(text: str) -> None:
    """Print and flush. If the reader of the output has gone, the session goes on."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run_program(command: Sequence[str], limit: float, stdin: bytes = b"") -> tuple[int | None, str]:
    """A program's exit code (None if it took longer than `limit` seconds) and the end of its output.

    If an exception ends the wait, the program is killed.
    """
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env=environment()
        )
        try:
            process.communicate(stdin + b"\n" if stdin else None, timeout=max(1.0, limit))
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        out.seek(max(0, out.seek(0, os.SEEK_END) - MAX_OUTPUT))
        text = out.read().decode(errors="replace")
    return code, text if code is not None else f"{text}\nstopped after {limit:.0f} s"


def smoke_failed(lines: Sequence[journal.Line]) -> str:
    """What failed in the smoke step, or an empty string. Baselines do not count."""
    for line in lines:
        if isinstance(line, journal.Missing) and line.step == "smoke" and line.why.startswith(INCOMPLETE):
            return f"{line.title}: {line.why.splitlines()[0]}"
        if isinstance(line, journal.Measured) and line.step == "smoke":
            for times in line.report.times:
                why = times.error or times.wrong or times.lack
                if why and times.name in line.ours:
                    return f"{line.title}: {why}"
            if line.report.error:
                return f"{line.title}: {line.report.error}"
    return ""


def run_steps(session: Session, steps: Sequence[Step]) -> None:
    """Run the steps. Raises GiveUp if the smoke step fails."""
    for step in steps:
        session.run(step)
        failed = smoke_failed(session.log.lines) if step == "smoke" else ""
        if failed:
            raise GiveUp(f"the smoke test failed, and the rest would too: {failed}")


def write(file: Path, result: summary.Result) -> None:
    new = file.with_suffix(".new")
    with writing(file):
        new.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
        new.replace(file)


def finish(lines: Sequence[journal.Line], file: Path) -> None:
    """Print the summary and write the JSON file, from the lines of the journal."""
    result = summary.result(lines)
    print_now(f"\n{summary.session_text(result)}\n")
    write(file, result)
    print_now(f"in {file}")


def steps_of(text: str) -> list[Step]:
    """The steps in "smoke,bench", in the order of STEPS. Raises KoansError."""
    steps = [step for step in STEPS if step in text.split(",")]
    unknown = sorted(set(text.split(",")) - set(STEPS))
    if unknown:
        raise KoansError(f"--steps {text}: there is no {', '.join(unknown)}; there are {', '.join(STEPS)}")
    return steps


def stop(number: int, frame: object) -> None:
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)  # the rest is short, and must not be interrupted
    raise Stopped(number)


def session(options: argparse.Namespace) -> int:
    steps = steps_of(options.steps)
    if not 0 < options.minutes < 1e6:
        raise KoansError(f"--minutes {options.minutes:g}: give a number above 0")
    stem = f"{'pretended' if options.pretend else 'gpu'}-{options.name}"
    if Path(stem).name != stem:
        raise KoansError(f"--name {options.name}: it becomes part of a file's name, so without a slash")
    log = journal.Journal(options.out / f"{stem}.jsonl")
    for each in STOPS:
        signal.signal(each, stop)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    how, code, running = "complete", 0, None
    try:
        log.write(journal.Began(options.name, now, options.minutes, list(steps), options.pretend, options.quick))
        running = Session(log, options.minutes, options.quick, options.pretend)
        run_steps(running, steps)
    except Stopped as stopped:
        how, code = f"stopped by {signal.Signals(stopped.number).name}", 128 + stopped.number
    except NoGpu as lack:  # an empty journal would look like a result
        log.file.unlink(missing_ok=True)
        raise KoansError(f"{lack}; without one, --pretend compiles every kernel and times nothing") from None
    except GiveUp as reason:
        how, code = str(reason), 1
    except journal.Unwritable as error:
        how, code = str(error), 2
    finally:
        if running is not None:
            running.worker.close()
    with contextlib.suppress(KoansError):
        log.write(journal.Ended(how, round(time.monotonic() - running.start, 1) if running else 0.0))
    log.close()
    finish(log.lines, options.out / f"{stem}.json")
    if code in (1, 2):
        print(f"gpu_session: {how}", file=sys.stderr)
    return code


def main() -> int:
    summary_line, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary_line,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"""{rest}
examples:
  python benchmarks/gpu_session.py --name h100
  python benchmarks/gpu_session.py --name h100-2 --minutes 4 --steps device,smoke,variants
  python benchmarks/gpu_session.py --from benchmarks/results/gpu-h100.jsonl
  python benchmarks/gpu_session.py --pretend --quick --out /tmp/try     no GPU: kernels are compiled only

steps, in order of worth: {", ".join(STEPS)}
exit codes: 0 all steps were gone through, 1 the smoke test failed, 2 bad input, no GPU or a full disk,
128 + N stopped by signal N""",
    )
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    parser.add_argument("--name", default=stamp, help="for the files: gpu-NAME.jsonl and gpu-NAME.json (default: now)")
    parser.add_argument("--minutes", type=float, default=9.0, help="what takes longer is left out (default 9)")
    parser.add_argument("--steps", default=",".join(STEPS), help="some of them, separated by commas")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="folder for the files")
    parser.add_argument("--quick", action="store_true", help="each kernel once, with one choice of tiles")
    parser.add_argument("--pretend", action="store_true", help="without a GPU: compile all kernels and time nothing")
    parser.add_argument("--from", dest="source", type=Path, metavar="JSONL", help="measure nothing: sum up this file")
    options = parser.parse_args()
    try:
        if options.source is not None:
            finish(journal.lines(options.source), options.source.with_suffix(".json"))
            return 0
        return session(options)
    except KoansError as error:
        print(f"gpu_session: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
