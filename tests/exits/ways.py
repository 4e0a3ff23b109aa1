"""The ways to leave early that are tested: videos from files and HTTP, and the commands.

Cameras and live streams have a table of their own. A new way is one more entry.
"""

from __future__ import annotations

import signal

from exits.harness import Way

# What Python prints where nobody takes an interrupt: one traceback, and nothing beside it.
_ONE_TRACEBACK = r"Traceback \(most recent call last\):\n(?:  [^\n]*\n|[ ^~]+\n)+"
INTERRUPTED = r"Traceback(?:(?!Traceback|Exception ignored).)*KeyboardInterrupt\n"

_MANY = """
videos = itertools.cycle([FILES["clip"], FILES["long"], FILES["damaged"]])
answers = classifier.predict_many(videos, views=5)
"""
_WAITING = """
answers = classifier.predict_many([FILES["clip"], FILES[{how!r}], FILES[{how!r}]])
next(answers)
time.sleep(0.3)  # by then the others wait for the server
leaving()
"""


def _raised(error: str) -> str:
    return _ONE_TRACEBACK + error + r"\n"


MANY = (
    Way(
        name="many-break",
        script=_MANY + "for answer in answers:\n    leaving()\n    break\n",
        code=0,
        is_quick=True,
    ),
    Way(
        name="many-error",
        script=_MANY + "for answer in answers:\n    leaving()\n    raise RuntimeError('mine')\n",
        code=1,
        stderr=_raised("RuntimeError: mine"),
    ),
    Way(name="many-sys-exit", script=_MANY + "for answer in answers:\n    leaving()\n    sys.exit(3)\n", code=3),
    Way(name="many-open-at-the-end", script=_MANY + "next(answers)\nleaving()\n", code=0),
    Way(
        name="many-interrupted",
        script=_MANY + "next(answers)\nleaving()\nfor answer in answers:\n    pass\n",
        kind=signal.SIGINT,
        code=-signal.SIGINT,
        stderr=INTERRUPTED,
        is_quick=True,
    ),
    Way(
        name="many-of-a-list-that-raises",
        script="""
def videos():
    yield from [FILES["clip"], FILES["damaged"], FILES["damaged"]]
    leaving()
    raise RuntimeError("mine")


for answer in classifier.predict_many(videos()):
    pass
""",
        code=1,
        stderr=_raised("RuntimeError: mine"),
    ),
    Way(
        name="many-closed",
        script=_MANY
        + """
before = threads()
next(answers)
leaving()
started = time.monotonic()
answers.close()
sys.exit(0 if threads() == before == 1 and time.monotonic() - started < 2 else 9)
""",
        code=0,
    ),
    Way(
        name="many-in-a-thread",
        script=_MANY
        + """
kept = []


def leave():
    next(answers)
    kept.append(answers)
    leaving()


threading.Thread(target=leave).start()
sys.exit(3)
""",
        code=3,
    ),
    Way(
        name="many-in-a-daemon",
        script=_MANY
        + """
def go_on():
    for answer in answers:
        pass


threading.Thread(target=go_on, daemon=True).start()
time.sleep(1)
leaving()
sys.exit(3)
""",
        code=3,
    ),
    *(
        Way(
            name=f"predict-{decoder}-in-a-daemon",
            script=f"""
def go_on():
    while True:
        classifier.predict(FILES["clip"], decoder="{decoder}")


threading.Thread(target=go_on, daemon=True).start()
time.sleep(1)
leaving()
sys.exit(3)
""",
            code=3,
            is_quick=decoder == "opencv",
        )
        for decoder in ("opencv", "pyav")
    ),
    Way(name="many-stalls", script=_WAITING.format(how="stalls"), code=0, is_quick=True),
    Way(name="many-drips-sys-exit", script=_WAITING.format(how="drips") + "sys.exit(3)\n", code=3),
    Way(
        name="many-silent-interrupted",
        script=_WAITING.format(how="silent") + "next(answers)\n",
        kind=signal.SIGINT,
        code=-signal.SIGINT,
        stderr=INTERRUPTED,
    ),
)

ONE = tuple(
    Way(
        name=f"predict-{decoder}-{how}-interrupted",
        # Again and again: a fast machine may have read the file before the signal comes.
        script="import logging\n\nlogging.disable()  # of damage\nleaving()\nwhile True:\n"
        f"    classifier.predict(FILES[{how!r}], views=5, decoder={decoder!r})\n",
        kind=signal.SIGINT,
        code=-signal.SIGINT,
        stderr=INTERRUPTED,
        is_quick=decoder == "opencv",
    )
    for decoder, how in (("pyav", "damaged"), ("pyav", "drips"), ("pyav", "stalls"), ("opencv", "drips"))
)

_STREAM = 'stream = classifier.stream(FILES["{how}"], pace="{pace}")\nnext(stream)\n'
_CHECKED = "sys.exit(0 if threads() == 1 else 9)\n"
_STREAMS = (("fastest", "long"), ("realtime", "long"))

STREAM = (
    *(
        Way(
            name=f"{pace}-break",
            script=f"""
with classifier.stream(FILES["{how}"], pace="{pace}") as stream:
    for record in stream:
        leaving()
        break
{_CHECKED}""",
            code=0,
        )
        for pace, how in _STREAMS
    ),
    *(
        Way(
            name=f"{pace}-open-at-the-end",
            script=_STREAM.format(pace=pace, how=how) + "leaving()\nsys.exit(3)\n",
            code=3,
            is_quick=True,
        )
        for pace, how in _STREAMS
    ),
    *(
        Way(
            name=f"{pace}-interrupted",
            script=_STREAM.format(pace=pace, how=how) + "leaving()\nfor record in stream:\n    pass\n",
            kind=signal.SIGINT,
            code=-signal.SIGINT,
            stderr=INTERRUPTED,
        )
        for pace, how in _STREAMS
    ),
    Way(
        name="fastest-stalls-error",
        script='leaving()\nfor record in classifier.stream(FILES["stalls"], pace="fastest"):\n    pass\n',
        kind=signal.SIGINT,
        code=-signal.SIGINT,
        stderr=INTERRUPTED,
    ),
    Way(
        name="timeline-interrupted",
        script='leaving()\nclassifier.timeline(FILES["damaged"])\n',
        kind=signal.SIGINT,
        code=-signal.SIGINT,
        stderr=INTERRUPTED,
    ),
    Way(
        name="timeline-in-a-daemon",
        script="""
threading.Thread(target=classifier.timeline, args=[FILES["long"]], daemon=True).start()
time.sleep(1)
leaving()
sys.exit(3)
""",
        code=3,
    ),
)

_PREDICT = ("vidcls.cli", "predict", "{model}", *["{damaged}"] * 40, "--views", "5", "--json")
_BENCH = ("vidcls.cli", "bench", "{model}", "{damaged}", "--runs", "10000", "--device", "cpu")
_TIMELINE = ("vidcls.cli", "timeline", "{model}", "{damaged}")
_WATCH = ("vidcls.cli", "watch", "{model}", "{long}", "--port", "0")

COMMANDS = (
    *(
        Way(
            name=f"{command[1]}-command-{kind.name}",
            command=command,
            kind=kind,
            after=1.0,
            code=code,
            stderr=stderr,
            is_quick=command is _BENCH and kind is signal.SIGTERM,
        )
        for command in (_PREDICT, _BENCH, _TIMELINE)
        for kind, code, stderr in ((signal.SIGTERM, 143, ""), (signal.SIGINT, 130, "\n?Aborted!\n"))
    ),
    Way(
        name="bench-command-SIGKILL",
        command=_BENCH,
        kind=signal.SIGKILL,
        after=1.0,
        code=-signal.SIGKILL,
        is_quick=True,
    ),
    *(
        Way(
            name=f"watch-command-{kind.name}",
            command=(*_WATCH, "--state", "{own}"),
            kind=kind,
            after=1.0,
            runs_by="watching",
            code=code,
            stderr="watching 1 camera; the page is [^ ]+; Ctrl-C ends it\n",
            step=6.0,  # with what every ending may take the 8 s that it promises
            is_quick=kind is signal.SIGTERM,
        )
        for kind, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL))
    ),
    Way(name="doctor-command-SIGTERM", command=("vidcls.cli", "doctor"), kind=signal.SIGTERM, after=0.2, code=143),
    Way(
        name="doctor-command-SIGKILL",
        command=("vidcls.cli", "doctor"),
        kind=signal.SIGKILL,
        after=0.2,
        code=-signal.SIGKILL,
    ),
    Way(
        name="export-command-SIGTERM",
        command=("vidcls_export.cli", "{checkpoint}", "-o", "model.onnx"),
        kind=signal.SIGTERM,
        after=4.0,
        code=143,
        step=10.0,  # of PyTorch's and onnxruntime's work on the graph
    ),
)

WAYS = MANY + ONE + STREAM + COMMANDS
