"""What `vidcls batch` does to speed, and what survives a kill: python tests/benchmarks/batch.py CLIPS... [--only ...]

Each stage is a check with figures, on this machine:

  rows       all clips with 1 and with 2 actors: the same rows, and those of `vidcls predict --json`; clips a
             second beside predict_many in this process, measured once the actors are up
  actor      kill -9 of an actor in the middle: every clip still has its one row
  job        kill -9 of the whole job in the middle, and the same command again
  node       a cluster of two Ray nodes loses one in the middle
  memory     5,000 inputs (links to the same clips): memory of an actor after 1,000 and at the end
  s3         the clips from an S3 server on this machine (moto_server, named by --moto)

The model is a VideoMAE of --preset's size with random weights, or --model.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["HF_HUB_OFFLINE"] = "1"

import click
import numpy as np
import psutil  # type: ignore[import-untyped]
from pyarrow import parquet

from benchmarks.many import exported
from vidcls import VideoClassifier
from vidcls.video.folders import list_videos

STAGES = ("rows", "actor", "job", "node", "memory", "s3")
WORKER = "_Actor"  # in the name of the processes that Ray runs classifiers in


def command(model: Path, source: str, out: Path | str, *options: str) -> list[str]:
    return [sys.executable, "-m", "vidcls.cli", "batch", str(model), source, "-o", str(out), "--json", *options]


def finish(arguments: list[str], **options: Any) -> dict[str, Any]:
    """Run a job to its end; its summary."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False, **options)
    assert done.returncode in (0, 1), done
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """Rows by path, of which there is one each."""
    found = parquet.read_table(out).to_pylist()
    by_path = {row["path"]: row for row in found}
    assert len(by_path) == len(found), f"{len(found) - len(by_path)} rows too many"
    return by_path


def links(videos: list[Path], folder: Path, count: int) -> Path:
    """A folder of `count` links to the videos in turn."""
    folder.mkdir()
    for number in range(count):
        video = videos[number % len(videos)]
        (folder / f"{number:06}{video.suffix}").symlink_to(video.resolve())
    return folder


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.05)


def parts(out: Path) -> int:
    return len(list(out.glob("part-*"))) if out.is_dir() else 0


def workers() -> list[psutil.Process]:
    """The processes that classify."""
    return [
        process for process in psutil.process_iter(["cmdline"]) if WORKER in " ".join(process.info["cmdline"] or [])
    ]


def check_rows(model: Path, videos: list[Path], folder: Path) -> None:
    listed = folder / "all.txt"
    listed.write_text("\n".join(map(str, videos)), encoding="utf-8")
    classifier = VideoClassifier(model, device="cpu")
    list(classifier.predict_many(videos[:8]))
    before = time.perf_counter()
    many = list(classifier.predict_many(videos))
    rate = len(videos) / (time.perf_counter() - before)
    click.echo(f"predict_many           {rate:7.2f} clips a second in one process")
    answers = {}
    for actors in (1, 2):
        summary = steady(model, listed, folder / f"{actors}", actors)
        click.echo(
            f"{actors} actor{'s' * (actors > 1)}               {summary['rate']:7.2f} clips a second, "
            f"{summary['rate'] / rate:.2f} of predict_many's; {summary['first']:.1f} s until the first part"
        )
        answers[actors] = rows(folder / f"{actors}")
    difference = 0.0
    for video, answer in zip(videos, many, strict=True):
        one, two = (answers[actors][str(video)] for actors in (1, 2))
        assert (one["label"], one["error_type"]) == (two["label"], two["error_type"])
        if isinstance(answer, Exception):
            assert one["error"] == two["error"] == str(answer)
        else:
            assert one["label"] == answer.label
            pairs = [*zip(one["logits"], two["logits"], answer.logits, strict=True)]
            difference = max(difference, *(max(triple) - min(triple) for triple in pairs))
    failed = sum(isinstance(answer, Exception) for answer in many)
    click.echo(f"{len(videos)} rows, {failed} with an error; largest logit difference of all three {difference:.1e}")


def steady(model: Path, listed: Path, out: Path, actors: int) -> dict[str, float]:
    """Clips a second between the first part's end and the last's, in a process of its own."""
    code = (
        "import json, sys, time\n"
        "from pathlib import Path\n"
        "from vidcls.batch.cluster import open_cluster, run\n"
        "from vidcls.batch.job import Settings, plan\n"
        "from vidcls.batch.listing import list_source\n"
        "model, listed, out, actors = sys.argv[1:]\n"
        "settings = Settings(actors=int(actors))\n"
        "job = plan(Path(model), list_source(listed), out, settings=settings)\n"
        "with open_cluster(None, settings) as cluster:\n"
        "    times = [(time.perf_counter(), 0)]\n"
        "    for summary in run(job, cluster):\n"
        "        times.append((time.perf_counter(), summary.videos))\n"
        "(begin, _), (first, few), *_, (last, all_of_them) = times\n"
        "print(json.dumps({'first': first - begin, 'rate': (all_of_them - few) / (last - first)}))\n"
    )
    return finish([sys.executable, "-c", code, str(model), str(listed), str(out), str(actors)])


def check_actor(model: Path, videos: list[Path], folder: Path) -> None:
    source, out = links(videos, folder / "clips", 200), folder / "out"
    job = subprocess.Popen(command(model, str(source), out), stdout=subprocess.PIPE, text=True)
    until(lambda: parts(out) >= 3, 120)
    victim = workers()[0]
    victim.kill()
    written = parts(out)
    output, _ = job.communicate()
    summary = json.loads(output)
    assert len(rows(out)) == 200
    click.echo(
        f"an actor killed after {written} parts: {summary['videos']} rows, each once, "
        f"failed: {summary['failed'] or 'none'}"
    )


def check_job(model: Path, videos: list[Path], folder: Path) -> None:
    source, out = links(videos, folder / "clips", 200), folder / "out"
    job = subprocess.Popen(command(model, str(source), out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: parts(out) >= 3, 120)
    job.kill()
    job.wait()
    time.sleep(2)
    left = len(workers())
    done = len(rows(out))
    summary = finish(command(model, str(source), out))
    assert len(rows(out)) == 200
    click.echo(
        f"the job killed with {done} rows written, {left} of its classifiers left alive; the second run did "
        f"{summary['videos']}: 200 rows, each once"
    )


def check_node(model: Path, videos: list[Path], folder: Path) -> None:
    from ray.cluster_utils import Cluster

    source, out = links(videos, folder / "clips", 200), folder / "out"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100 << 20})
    second = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    job = subprocess.Popen(
        command(model, str(source), out, "--address", cluster.address), stdout=subprocess.PIPE, text=True
    )
    try:
        until(lambda: parts(out) >= 3, 180)
        running = len(workers())
        cluster.remove_node(second, allow_graceful=False)
        written = parts(out)
        output, _ = job.communicate(timeout=200)
    finally:
        job.kill()
        cluster.shutdown()
    summary = json.loads(output)
    assert len(rows(out)) == 200
    click.echo(
        f"a node of two ({running} classifiers) killed after {written} parts: {summary['videos']} rows, each once, "
        f"failed: {summary['failed'] or 'none'}"
    )


def check_memory(model: Path, videos: list[Path], folder: Path) -> None:
    source, out = links(videos, folder / "clips", 5000), folder / "out"
    job = subprocess.Popen(command(model, str(source), out), stdout=subprocess.PIPE, text=True)
    next_report = 0
    while job.poll() is None:
        done = parts(out) * 156  # the size of a part, of 5,000 for two actors
        if done >= next_report and workers():
            with suppress(psutil.NoSuchProcess):  # one that has just ended
                used = " and ".join(f"{process.memory_info().rss / 2**20:.0f}" for process in workers())
                driver = psutil.Process(job.pid).memory_info().rss / 2**20
                click.echo(f"  about {done:4} done: the classifiers hold {used} MB, the command {driver:.0f} MB")
                next_report += 1000
        time.sleep(1)
    summary = json.loads(job.communicate()[0])
    assert len(rows(out)) == 5000
    size = sum(path.stat().st_size for path in out.iterdir()) / 5000
    failed = summary["failed"] or "none"
    rate = summary["videos_per_s"]
    click.echo(f"{summary['videos']} inputs, {rate:.1f} a second, {size:.0f} bytes of Parquet a row, failed: {failed}")


def check_s3(model: Path, videos: list[Path], moto: str) -> None:
    server = subprocess.Popen(
        [moto, "-H", "127.0.0.1", "-p", "5123"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.environ |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:5123"
    try:
        from pyarrow.fs import FileSystem

        time.sleep(3)
        files, bucket = FileSystem.from_uri("s3://clips?allow_bucket_creation=true")
        files.create_dir(bucket)
        for number, video in enumerate(videos[:40]):
            with files.open_output_stream(f"{bucket}/deep/{number:03}{video.suffix}") as target:
                target.write(video.read_bytes())
        out = "s3://clips/answers.parquet"
        first = finish(command(model, "s3://clips/deep", out))
        again = finish(command(model, "s3://clips/deep", out))
        table = parquet.read_table("clips/answers.parquet", filesystem=files).to_pylist()
        answers = {row["path"]: row for row in table}
        assert len(answers) == len(table) == first["videos"]
        assert (again["videos"], again["before"]) == (0, first["videos"])
        difference = 0.0
        for number, answer in enumerate(VideoClassifier(model, device="cpu").predict_many(videos[:40])):
            row = answers[f"s3://clips/deep/{number:03}{videos[number].suffix}"]
            if isinstance(answer, Exception):
                assert row["error"] is not None
            else:
                difference = max(difference, float(np.abs(np.array(row["logits"]) - answer.logits).max()))
        click.echo(f"s3 -> s3: {len(answers)} rows, logits within {difference:.1e} of the local files'")
    finally:
        server.kill()


CHECKS = {
    "rows": check_rows,
    "actor": check_actor,
    "job": check_job,
    "node": check_node,
    "memory": check_memory,
}


@click.command()
@click.argument("sources", metavar="VIDEO_OR_FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--only", "stages", type=click.Choice(STAGES), multiple=True, default=STAGES[:5], show_default=True)
@click.option("--preset", default="tiny", show_default=True, help="As for vidcls-train.")
@click.option("--model", type=click.Path(path_type=Path), help="An exported model instead.")
@click.option("--moto", default="moto_server", show_default=True, help="moto's S3 server.")
def main(sources: tuple[Path, ...], stages: tuple[str, ...], preset: str, model: Path | None, moto: str) -> None:
    """Check `vidcls batch` on videos; folders are taken with all that is below them."""
    videos = [video for source in sources for video in (list_videos(source) if source.is_dir() else [source])]
    with TemporaryDirectory() as name:
        path = model or exported(preset, Path(name))
        for stage in stages:
            folder = Path(name) / stage
            folder.mkdir()
            if stage == "s3":
                check_s3(path, videos, moto)
            else:
                CHECKS[stage](path, videos, folder)
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
