"""`vidcls watch` for long, with more to do than it can: python tests/benchmarks/watch_soak.py [MINUTES]

Four cameras (tests/live_server.py, on loopback) are watched as a process of its own, by a tiny model that is slowed
down by sleeping, so that windows are asked for three times as often as it can answer. Meanwhile the cameras' servers
die ten times, the broker (a real mosquitto) twice, and the program is killed once and started again. What has to hold:
the lag and the memory of the last sixth of the time are those of the first, every gap is reported, and every finished
event is at the file, the web hook and the broker, once.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import numpy as np

import live_server
from generated import write_model
from loopback import free_port
from vidcls.clips import SampledClips
from vidcls.prediction import Prediction
from vidcls.temporal.record import Record
from watched import Hook, Mosquitto, Subscriber

CAMERAS, RATE = 4, 15
STEP_SECONDS = 1.0
CLIP_SECONDS = 64 / 30
DOWN_SECONDS = 5.0  # of a camera, a broker and a program between death and next start
SAMPLE_SECONDS = 5.0
# After the end, for what is still on its way to the subscriber.
SETTLE_SECONDS = 5.0


@dataclass(kw_only=True)
class Found:
    """What was measured. memory: (seconds since the start, the program's MB, those of all that it started)."""

    memory: list[tuple[float, float, float]] = field(default_factory=list)
    outages: list[tuple[str, float]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


class Program:
    """`vidcls watch` as a process; `records` is a file to which it appends a line an answer."""

    def __init__(self, words: Sequence[str], *, records: Path, answer_seconds: float, said: list[str]) -> None:
        self._command = [sys.executable, __file__, "serve", str(records), f"{answer_seconds:.4f}", *words]
        self._said = said
        self.start()

    def start(self) -> None:
        """Until it watches."""
        self.process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def kill(self) -> None:
        """As the system does that is out of memory."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> tuple[int, float]:
        """Its exit code, and how long its end took."""
        self.process.terminate()
        started = time.monotonic()
        return self.process.wait(timeout=60), time.monotonic() - started

    def memory(self) -> tuple[float, float]:
        """Resident MB of the program, and of the processes that it started."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        children = [child for task in tasks for child in (task / "children").read_text().split()]
        return _resident_mb(self.process.pid), sum(_resident_mb(int(child)) for child in children)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            self._said.extend(line.strip() for line in lines)


def soak(folder: Path, *, seconds: float, overload: float, kills: tuple[int, int, int]) -> tuple[Found, Folder]:
    """Watch for so long. kills: of cameras, of the broker, of the program."""
    found, ports = Found(), [free_port() for _ in range(CAMERAS)]
    servers = [live_server.start(port, rate=RATE) for port in ports]
    (folder / "broker").mkdir()
    hook, broker = Hook(), Mosquitto(folder / "broker", seconds=60)
    model = write_model(folder / "model.onnx", frames=16, clip_seconds=CLIP_SECONDS)
    config = folder / "watch.toml"
    config.write_text(_config(model, ports, hook=hook, broker=broker))
    answer_seconds = overload * STEP_SECONDS / CAMERAS
    with Subscriber(broker.port, topic="vidcls/+/event") as home:
        program = Program(
            ["--config", str(config)], records=folder / "records", answer_seconds=answer_seconds, said=found.said
        )

        def restart_server(number: int) -> None:
            servers[number].kill()
            servers[number].wait()
            down = time.monotonic()
            time.sleep(DOWN_SECONDS)
            servers[number] = live_server.start(ports[number], rate=RATE)
            found.outages.append((f"camera{number}", time.monotonic() - down))

        def restart(thing: Mosquitto | Program) -> None:
            thing.kill()
            time.sleep(DOWN_SECONDS)
            thing.start()

        # Early enough for what follows to be seen before the end, and never at the same time.
        of_servers, of_broker, of_program = kills
        due: list[tuple[float, Callable[[], None]]] = [
            *((0.9 * _at(n, of_servers, seconds), lambda n=n: restart_server(n % CAMERAS)) for n in range(of_servers)),  # type: ignore[misc]
            *((0.95 * _at(n, of_broker, seconds), lambda: restart(broker)) for n in range(of_broker)),
            *((0.92 * _at(n, of_program, seconds), lambda: restart(program)) for n in range(of_program)),
        ]
        try:
            _go_on(found, program, due=sorted(due, key=lambda each: each[0]), seconds=seconds)
            code, took = program.stop()
            time.sleep(SETTLE_SECONDS)
        finally:
            program.process.kill()
            for server in servers:
                server.kill()
                server.wait()
    hook.kill()
    broker.kill()
    return found, Folder(folder, hook=hook, home=home, code=code, took=took)


def _go_on(found: Found, program: Program, *, due: list[tuple[float, Callable[[], None]]], seconds: float) -> None:
    """Do what is due, each in a thread of its own, and measure memory meanwhile."""
    started = time.monotonic()
    threads = []
    while (now := time.monotonic() - started) < seconds:
        while due and due[0][0] <= now:
            threads.append(threading.Thread(target=due.pop(0)[1]))
            threads[-1].start()
        with suppress(OSError, ValueError):  # it is being started again
            found.memory.append((now, *program.memory()))
        time.sleep(min(SAMPLE_SECONDS, max(0.0, seconds - now)))
    for thread in threads:
        thread.join()


def _at(number: int, count: int, seconds: float) -> float:
    return seconds * (number + 0.5) / count


@dataclass
class Folder:
    """What the run left behind, and what its receivers heard."""

    folder: Path
    hook: Hook
    home: Subscriber
    code: int
    took: float

    def records(self) -> list[dict[str, float | str]]:
        """A line an answer."""
        return [json.loads(line) for line in (self.folder / "records").read_text().splitlines()]

    def ids(self) -> dict[str, list[str]]:
        """The ids of finished events, as everyone was told them."""
        told = {
            "file": (self.folder / "events.jsonl").read_text().splitlines(),
            "web hook": [body.decode() for body in self.hook.bodies],
            "broker": [payload for _, payload, _ in self.home.heard],
        }
        return {
            name: [event["id"] for event in map(json.loads, lines) if event["state"] == "final"]
            for name, lines in told.items()
        }


def _config(model: Path, ports: Sequence[int], *, hook: Hook, broker: Mosquitto) -> str:
    cameras = [
        f'[[cameras]]\nname = "camera{number}"\nsource = "http://127.0.0.1:{port}/"\nstep_seconds = {STEP_SECONDS}\n'
        "enter_score = 0.3\nleave_score = 0.25\n"
        for number, port in enumerate(ports)
    ]
    return "\n".join(
        [
            f'model = "{model.name}"\nstate = "state"\nevents = "events.jsonl"\ndevice = "cpu"',
            *cameras,
            f'[webhook]\nurl = "{hook.url}"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}',
            '[clips]\nfolder = "clips"\nmax_megabytes = 50\n[page]\nport = 0\n',
        ]
    )


def serve(records: Path, answer_seconds: float, words: Sequence[str]) -> None:
    """What the program's process runs: `vidcls watch`, with a model that takes so long, and a line for each answer."""
    from vidcls import VideoClassifier
    from vidcls.cli.main import main as vidcls
    from vidcls.watch.board import Board

    answer, put = VideoClassifier.predict_clips, Board.put_record

    def slow(self: VideoClassifier, clips: SampledClips) -> Prediction:
        time.sleep(answer_seconds)
        return answer(self, clips)

    file = records.open("a", buffering=1)

    def noted(self: Board, camera: str, record: Record) -> None:
        fields = {"at": time.monotonic(), "camera": camera, "lag": record.lag_seconds, "gap": record.gap_seconds}
        file.write(json.dumps({**fields, "dropped": record.dropped_windows}) + "\n")
        put(self, camera, record)

    VideoClassifier.predict_clips, Board.put_record = slow, noted  # type: ignore[method-assign]
    vidcls(["watch", *words])


def _resident_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _sixths(rows: Sequence[tuple[float, float]]) -> list[list[float]]:
    """The values of (time, value) rows, by the sixth of the time that they are of."""
    first, last = rows[0][0], rows[-1][0]
    parts: list[list[float]] = [[] for _ in range(6)]
    for at, value in rows:
        parts[min(int(6 * (at - first) / max(last - first, 1e-9)), 5)].append(value)
    return parts


def _report(found: Found, left: Folder) -> None:
    records = left.records()
    lags = [_p95(part) for part in _sixths([(float(each["at"]), float(each["lag"])) for each in records])]
    dropped = sum(int(each["dropped"]) for each in records)
    click.echo(f"{len(records)} answers, {dropped} windows dropped; exit code {left.code}, {left.took:.1f} s to end")
    shown = " ".join(f"{lag:.3f}" for lag in lags)
    click.echo(f"lag, s: p95 of each sixth {shown}; last / first {lags[-1] / lags[0]:.3f}")
    for name, column in (("the program", 1), ("its cameras' processes", 2)):
        parts = _sixths([(row[0], row[column]) for row in found.memory])
        click.echo(f"memory of {name}, MB: most of each sixth {' '.join(f'{max(p, default=0):.0f}' for p in parts)}")
    gaps = Counter(str(each["camera"]) for each in records if float(each["gap"]) > 0)
    made = Counter(camera for camera, _ in found.outages)
    click.echo(f"gaps made {dict(sorted(made.items()))}, reported {dict(sorted(gaps.items()))}")
    ids = left.ids()
    for name, told in ids.items():
        again = sum(times - 1 for times in Counter(told).values())
        missing = len(set(ids["file"]) - set(told))
        more = len(set(told) - set(ids["file"]))
        click.echo(
            f"finished events at the {name}: {len(set(told))}; missing {missing}, unknown to the file {more}, "
            f"told again {again}"
        )
    for line in dict.fromkeys(found.said):
        click.echo(f"  it said: {line}")


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95)) if values else math.nan


@click.command()
@click.argument("minutes", type=click.FloatRange(min=0.5), default=120)
@click.option("--overload", type=click.FloatRange(min=0.1), default=3.0, show_default=True)
@click.option("--server-kills", type=click.IntRange(min=0), default=10, show_default=True)
@click.option("--broker-kills", type=click.IntRange(min=0), default=2, show_default=True)
@click.option("--watch-kills", type=click.IntRange(min=0), default=1, show_default=True)
def main(minutes: float, overload: float, server_kills: int, broker_kills: int, watch_kills: int) -> None:
    """Run the soak for MINUTES and print what it found."""
    load = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        kills = (server_kills, broker_kills, watch_kills)
        found, left = soak(Path(folder), seconds=60 * minutes, overload=overload, kills=kills)
        click.echo(f"{minutes:g} minutes, load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end")
        _report(found, left)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
    else:
        main()
