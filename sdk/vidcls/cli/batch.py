"""`vidcls batch`."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls.batch.answers import Summary
    from vidcls.batch.job import Job

# A rerun shows so many of the errors that are in OUTPUT.
_SHOWN_ERRORS = 5


@click.command(
    epilog=options.examples(
        "vidcls batch model.onnx 'clips/*.mp4' -o answers",
        "vidcls batch model.onnx s3://bucket/clips -o answers --device cuda",
    )
)
@options.model
@click.argument("source", type=click.Path())
@click.option("-o", "--output", required=True, help="The folder of Parquet files to write, or to go on with.")
@click.option("--address", help="A Ray cluster's address, or auto.  [default: this machine alone]")
@click.option(
    "--actors", type=click.IntRange(min=1), help="Classifiers at a time.  [default: one per CPU or GPU share]"
)
@click.option(
    "--gpus-per-actor",
    type=click.FloatRange(min=0),
    help="Run on CUDA, with this share of a GPU for each classifier, such as 0.25.  [default: 1 with --device cuda]",
)
@click.option("--retry-failed", is_flag=True, help="Do the videos again that failed in an earlier run.")
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Labels to keep per video.")
@options.views_and_crops
@options.decoder
@options.device_option("auto is the CPU, or CUDA where --gpus-per-actor is given; Ray chooses the cards.")
@options.engine
@options.as_json
def batch(
    model: Path,
    source: str,
    output: str,
    address: str | None,
    retry_failed: bool,
    device: str,
    gpus_per_actor: float | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Classify all videos of SOURCE on Ray, on this machine or a cluster, into a folder of Parquet files.

    SOURCE is a folder, a pattern such as 'clips/*.mp4', a .txt, .csv or .parquet list (column path), or a
    URL such as s3://bucket/clips. Videos that OUTPUT has already are left out, so the same command goes
    on after a stop. A video that fails is a row with its error; the exit code is then 1, in later runs too
    until --retry-failed has mended it.
    """
    how |= {"crops": int(how["crops"]), "gpus_per_actor": _gpu_share(device, how["engine"], gpus_per_actor)}
    with terminal.exit_codes():
        from vidcls.batch import cluster  # noqa: F401 - without Ray, better said now
        from vidcls.batch import job as jobs
        from vidcls.batch.answers import Summary
        from vidcls.batch.listing import list_source

        # A bad model is better named before Ray starts.
        options.open_classifier(model, "cpu", engine=how["engine"], views=how["views"], crops=str(how["crops"]))
        settings = jobs.Settings(**how)
        job = jobs.plan(model, list_source(source), output, settings=settings)
        for line in _notes(job, retry_failed=retry_failed):
            terminal.note(line)
        retried = len(job.failed) if retry_failed else 0
        job = jobs.retry_failed(job) if retried else job
        # Ray's own messages, of workers that died and such, would go to stdout.
        with redirect_stdout(sys.stderr):
            summary = _classify(job, address) if job.waiting else Summary()
    _print(summary, job, retried=retried, as_json=as_json)
    if summary.failed or job.failed:
        raise SystemExit(1)


def _gpu_share(device: str, engine: str, given: float | None) -> float:
    """The share of a GPU that each classifier takes; 0 on CPUs."""
    share = given if given is not None else 1.0 if device == "cuda" else 0.0
    if device not in ("auto", "cpu", "cuda"):
        raise click.UsageError(f"--device {device} names one card, and Ray chooses them; take --device cuda")
    if device == "cuda" and share == 0:
        raise click.UsageError("--device cuda needs a share of a GPU; leave --gpus-per-actor 0 out")
    if device == "cpu" and share > 0:
        raise click.UsageError("--gpus-per-actor is for CUDA; leave it out, or take --device cuda")
    if engine == "openvino" and share > 0:
        raise click.UsageError("--engine openvino is for CPUs; leave --gpus-per-actor and --device out")
    return share


def _notes(job: Job, *, retry_failed: bool) -> list[str]:
    """What there is to say before anything is done."""
    from vidcls.video.source import source_name

    total = job.done + len(job.waiting)
    notes = []
    if job.repeated:
        notes.append(f"{job.repeated} of the {total + job.repeated} names are there twice or more; each is one row")
    if job.done:
        notes.append(f"{source_name(job.out)} has {job.done} of the {total} videos already")
    if job.failed:
        remedy = "they are tried again" if retry_failed else "--retry-failed tries them again"
        notes.append(f"{len(job.failed)} of them failed before ({_kinds(job.failed_before)}); {remedy}")
    errors = [printable(answer.error or "no reason was recorded", limit=400) for answer in job.failed.values()]
    more = [f"... and {len(errors) - _SHOWN_ERRORS} more"] if len(errors) > _SHOWN_ERRORS else []
    return [*notes, *(f"failed before: {error}" for error in errors[:_SHOWN_ERRORS]), *more]


def _classify(job: Job, address: str | None) -> Summary:
    from vidcls.batch.cluster import open_cluster, run

    share = job.settings.gpus_per_actor
    with open_cluster(address, job.settings) as cluster:
        device = f"{share:g} GPU" if share else f"{cluster.cpus} CPU"
        machines = f"{cluster.nodes} machine{'s' if cluster.nodes > 1 else ''}"
        terminal.note(f"{len(job.waiting)} videos, {cluster.actors} classifiers of {device} each, {machines}")
        with terminal.counter(len(job.waiting), label="classifying") as advance:
            for summary in run(job, cluster):
                advance(summary.videos)
    return summary


def _print(summary: Summary, job: Job, *, retried: int, as_json: bool) -> None:
    if as_json:
        terminal.print_json(_fields(summary, job, retried=retried))
        return
    for line in _lines(summary, job):
        click.echo(line)


def _fields(summary: Summary, job: Job, *, retried: int) -> dict[str, Any]:
    return {
        "videos": summary.videos,
        "before": job.done,
        "failed": dict(summary.failed),
        "failed_before": dict(job.failed_before),
        "retried": retried,
        "repeated": job.repeated,
        **_times(summary),
    }


def _times(summary: Summary) -> dict[str, Any]:
    times = dict(summary.milliseconds)
    wall = times.pop("wall", 0.0)
    return {
        "seconds": summary.seconds,
        "videos_per_s": summary.videos / summary.seconds if summary.seconds else 0.0,
        "actor_seconds": wall / 1000,
        "stage_seconds": {name: milliseconds / 1000 for name, milliseconds in times.items()},
    }


def _lines(summary: Summary, job: Job) -> list[str]:
    if not summary.videos:
        failed = f"; {len(job.failed)} failed before: {_kinds(job.failed_before)}" if job.failed else ""
        return [f"nothing to do: all {job.done} videos have an answer{failed}"]
    times = _times(summary)
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times["stage_seconds"].items())
    return [
        f"{summary.videos} videos in {summary.seconds:.1f} s, {times['videos_per_s']:.2f} a second; "
        f"failed: {_kinds(summary.failed) or 'none'}",
        f"of the classifiers' {times['actor_seconds']:.1f} s: {stages}; decoding runs beside inference",
    ]


def _kinds(failed: Counter[str]) -> str:
    """Of how many failed, by the kind of error, for people."""
    return ", ".join(f"{count} {printable(kind)}" for kind, count in failed.most_common())
