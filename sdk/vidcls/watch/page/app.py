"""What the page is asked for, and what it answers; the one module that knows the web framework."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vidcls.errors import VidclsError
from vidcls.watch.board import Board
from vidcls.watch.health import problems
from vidcls.watch.metrics import METRICS_TYPE, Metrics
from vidcls.watch.page.disk import Disk
from vidcls.watch.page.feed import FEED_SECONDS, KEEP_SECONDS, Follower, Snapshot, snapshot
from vidcls.watch.page.guard import TRUSTED, read_body
from vidcls.watch.page.pictures import LARGE_SIDE, PICTURES_PER_SECOND, SMALL_SIDE, CameraPicture
from vidcls.watch.page.shared import Shared

# Pages and programs that hold a stream at one time: a page holds two.
MAX_STREAMS = 64
EVENTS_A_PAGE = 50
_FOLDER = Path(__file__).parent
_FILES = {
    "/": "page.html",
    **{f"/{name}": name for name in ("page.css", "page.js", "camera.js", "cameras.js", "chart.js", "events.js")},
    **{f"/{name}": name for name in ("alarm.js", "dom.js", "words.js", "token.js", "icon.svg")},
}
# A picture is shown when the next boundary has come: so it comes with the picture that it ends.
_BOUNDARY = b"--picture\r\n"

ClipPath = Callable[[str], "Path | None"]
Mark = Callable[[str, "str | None"], None]


def make_app(board: Board, *, clip_path: ClipPath, mark: Mark, executor: Executor) -> Starlette:
    """Everything behind the guard.

    Args:
        executor: of one thread: what it is busy with holds up what else is made, and nobody who is sent something.
    """
    site = _Site(board, clip_path=clip_path, mark=mark, executor=executor)
    return Starlette(
        routes=[
            *(Route(path, partial(_file, name=name)) for path, name in _FILES.items()),
            Route("/state.json", site.state),
            Route("/history/{camera}.json", site.history),
            Route("/stream", site.stream),
            Route("/picture/{camera}.jpg", site.picture),
            Route("/picture/{camera}.mjpg", site.pictures),
            Route("/events.json", site.events),
            Route("/events/{event_id}/mark", site.mark, methods=["POST"]),
            Route("/clips/{name}", site.clip),
            Route("/metrics", site.metrics),
            Route("/healthz", site.health),
        ],
        exception_handlers={HTTPException: _refusal},
    )


class _Site:
    def __init__(self, board: Board, *, clip_path: ClipPath, mark: Mark, executor: Executor) -> None:
        self._board, self._clip_path, self._mark, self._executor = board, clip_path, mark, executor
        self._snapshot = Shared(lambda: snapshot(board), seconds=FEED_SECONDS / 2, executor=executor)
        self._pictures = {
            (camera, side): Shared(
                CameraPicture(board, camera, side=side).jpeg,
                seconds=0.9 / PICTURES_PER_SECOND,
                executor=executor,
            )
            for camera in board.camera_names
            for side in (SMALL_SIDE, LARGE_SIDE)
        }
        self._metrics = Shared(Metrics(board).text, seconds=0.5, executor=executor)
        self._streams = asyncio.Semaphore(MAX_STREAMS)
        self._disk = Disk()
        self._marking = threading.Lock()  # one at a time: two of one event would undo each other

    async def state(self, _: Request) -> Response:
        """What is known now."""
        return _json(await self._made(self._board.state))

    async def history(self, request: Request) -> Response:
        """Ten minutes of a camera's probabilities."""
        return _json(await self._made(partial(self._board.history, self._camera(request))))

    async def stream(self, _: Request) -> Response:
        """What changes, while a page is open."""
        return self._streaming(_events(self._snapshot), "text/event-stream")

    async def picture(self, request: Request) -> Response:
        """One picture; a small one where ?small is asked for."""
        side = SMALL_SIDE if "small" in request.query_params else LARGE_SIDE
        jpeg = await self._pictures[self._camera(request), side].get()
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def pictures(self, request: Request) -> Response:
        """Pictures, while someone watches."""
        found = self._pictures[self._camera(request), LARGE_SIDE]
        return self._streaming(_parts(found), "multipart/x-mixed-replace; boundary=picture")

    async def events(self, request: Request) -> Response:
        """The newest events, or those before one."""
        before = request.query_params.get("before")
        found = await self._made(partial(self._board.events, EVENTS_A_PAGE + 1, before=before))
        return _json({"events": found[:EVENTS_A_PAGE], "more": len(found) > EVENTS_A_PAGE})

    async def mark(self, request: Request) -> Response:
        """An event was wrong: it shows another label, or none of them."""
        event = self._board.event(request.path_params["event_id"])
        label = await self._label(request)
        if event is None:
            return _problem(HTTPStatus.NOT_FOUND, "there is no such event, or it is too old")
        if event.state != "final":
            return _problem(HTTPStatus.CONFLICT, "the event goes on; wait until it has ended")
        try:
            await self._disk.run(partial(self._note, event.id, label))
        except TimeoutError:
            text = "the disk with the clips does not answer; see to it, and reload this page to see what is marked"
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, text)
        except (VidclsError, ValueError, OSError) as error:
            return _problem(HTTPStatus.CONFLICT, str(error))
        return _json({"marked": {"label": label}})

    async def clip(self, request: Request) -> Response:
        """A clip, or a part of it."""
        try:
            path = await self._disk.run(partial(self._clip_path, request.path_params["name"]))
        except TimeoutError:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE) from None
        if path is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        kind = mimetypes.guess_type(path.name)[0] or "video/webm"
        # A clip is written once and never changes; a proxy of others is not to keep it.
        return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})

    async def metrics(self, _: Request) -> Response:
        """For Prometheus."""
        return Response(await self._metrics.get(), headers={"Content-Type": METRICS_TYPE, "Cache-Control": "no-store"})

    async def health(self, request: Request) -> Response:
        """Whether all is well; why not, only to whoever knows the token."""
        found = problems(self._board)
        status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
        told = {"problems": found} if request.scope[TRUSTED] else {}
        return _json({"ok": not found, **told}, status)

    def _note(self, event_id: str, label: str | None) -> None:
        with self._marking:
            self._mark(event_id, label)
            self._board.set_marked(event_id, label)

    def _camera(self, request: Request) -> str:
        camera = str(request.path_params["camera"])
        if camera not in self._board.camera_names:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return camera

    async def _label(self, request: Request) -> str | None:
        """The label that a request to mark names.

        A form of another site cannot say that it sends JSON; a script of one, which could, is refused by where it
        comes from.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        body = await read_body(request.receive, limit=4096, seconds=5.0)
        try:
            said = json.loads(body or b"")
            label = said["label"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise HTTPException(HTTPStatus.BAD_REQUEST) from None
        if label is not None and label not in self._board.labels:
            raise HTTPException(HTTPStatus.BAD_REQUEST)
        return label if label is None else str(label)

    async def _made(self, make: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, make)

    def _streaming(self, parts: AsyncIterator[bytes], kind: str) -> Response:
        if self._streams.locked():
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "5"})
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._counted(parts), media_type=kind, headers=headers)

    async def _counted(self, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async with self._streams:
            async for part in parts:
                yield part


async def _events(found: Shared[Snapshot]) -> AsyncIterator[bytes]:
    follower = Follower()
    loop = asyncio.get_running_loop()
    while True:
        message = follower.message(await found.get(), now=loop.time())
        if message:
            yield message
        await asyncio.sleep(FEED_SECONDS)


async def _parts(found: Shared[bytes]) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    sent, at = b"", 0.0
    yield _BOUNDARY
    while True:
        jpeg = await found.get()
        if jpeg is not sent or loop.time() - at > KEEP_SECONDS:
            sent, at = jpeg, loop.time()
            yield b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n%b" % (len(jpeg), jpeg, _BOUNDARY)
        await asyncio.sleep(1 / PICTURES_PER_SECOND)


async def _file(_: Request, *, name: str) -> Response:
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    kind = "text/javascript" if name.endswith(".js") else kind  # which some systems know otherwise
    return Response((_FOLDER / name).read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})


async def _refusal(_: Request, error: Exception) -> Response:
    """The status in words, and nothing that the client said."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    headers = (error.headers if isinstance(error, HTTPException) else None) or {}
    text = f"{status.value} {status.phrase}\n"
    return Response(text, status, {**headers, "Cache-Control": "no-store"}, "text/plain")


def _json(content: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(content, status, {"Cache-Control": "no-store"})


def _problem(status: HTTPStatus, text: str) -> Response:
    return _json({"error": text}, status)
