"""What scripts and commands are given, by name: a model, videos, and URLs at a server that gets stuck."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from exits.harness import Way
from exits.servers import stuck_server
from generated import write_checkpoint, write_clip, write_model

# A second of 960 x 720, so many times: it takes tens of seconds to decode, and no time to write.
TIMES = 200
# Bytes that are zeroed, ten times in a file: nothing proves its end then, and all of it is decoded.
DAMAGE_BYTES = 2000


@contextmanager
def made_files(folder: Path, ways: Iterable[Way]) -> Iterator[dict[str, str]]:
    """model: tiny. checkpoint: where a way needs it. clip: 2 s. long, damaged: minutes. Others: URLs of the clip."""
    clip = write_clip(folder / "clip.avi", frames=50, rate=25)
    second = write_clip(folder / "second.avi", frames=25, rate=25, width=960, height=720)
    long = write_long(folder / "long.avi", second, times=TIMES)
    content = bytearray(long.read_bytes())
    for place in range(len(content) // 10, len(content) - DAMAGE_BYTES, len(content) // 10):
        content[place : place + DAMAGE_BYTES] = bytes(DAMAGE_BYTES)
    damaged = folder / "damaged.avi"
    damaged.write_bytes(content)
    paths = {
        "model": write_model(folder / "model.onnx"),
        "clip": clip,
        "long": long,
        "damaged": damaged,
    }
    if any("{checkpoint}" in way.command for way in ways):
        paths["checkpoint"] = write_checkpoint(folder / "checkpoint")
    with stuck_server(clip.read_bytes()) as urls:
        yield {name: str(path) for name, path in paths.items()} | urls


def write_long(path: Path, clip: Path, *, times: int) -> Path:
    """The packets of a clip at 25 frames a second, again and again."""
    import av

    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        time_base = packets[0].time_base
        for number in range(times * len(packets)):
            copied = av.Packet(bytes(packets[number % len(packets)]))
            copied.stream, copied.time_base = stream, time_base
            copied.pts = copied.dts = round(number / 25 / time_base)
            copied.is_keyframe = number % len(packets) == 0
            target.mux(copied)
    return path
