"""The web server of the review page: loopback, one secret, no file but our own and the photos of the run."""

from __future__ import annotations

import ipaddress
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from trichoscan.records import TrichoscanError
from trichoscan.review import shown
from trichoscan.review.session import GoneError, Session
from trichoscan.study.corrections.audit import OtherWasFasterError

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
LARGEST_REQUEST_BYTES = 1 << 18
"""A drawn line of 500 points takes 20 kB: nothing is uploaded here."""
ASSETS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NO_ENTRY = "open the address that 'trichoscan review' printed: it holds the key to this page"

Next = Callable[[Request], Awaitable[Response]]


def cookie_name(port: int) -> str:
    """Cookie that holds the secret: of its own for each port, for browsers send cookies to every port."""
    return f"trichoscan_review_{port}"


def make_app(session: Session, token: str, port: int) -> FastAPI:
    """Application that serves one session.

    Parameters
    ----------
    session : Session
    token : str
        Secret of this run of the server.
    port : int
        On which it is served, by no other name than this machine's own.
    """
    hosts = frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"})
    cookie = cookie_name(port)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, call_next: Next) -> Response:
        response = _refusal(request, token, cookie, hosts)
        if response is None:
            try:
                response = await call_next(request)
            except Exception as error:
                log.debug("%s", request.url.path, exc_info=True)
                response = _error(500, f"unexpected {type(error).__name__}: {error}; please report it")
        response.headers.update(SECURITY)
        return response

    _add_errors(app)
    _add_pages(app, token, cookie)
    _add_photos(app, session)
    _add_pairs(app, session)
    return app


def _refusal(request: Request, token: str, cookie: str, hosts: frozenset[str]) -> Response | None:
    """Answer to a request that has no business here; None for one that has."""
    if request.headers.get("host", "") not in hosts:
        return _error(400, "this address is not mine")
    origin = request.headers.get("origin")
    if origin is not None and origin.removeprefix("http://") not in hosts:
        return _error(403, "a page of another origin may not ask here")
    if request.method not in ("GET", "HEAD", "POST"):
        return _error(405, "only GET and POST")
    if request.method == "POST":
        if origin is None or request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _error(403, "only this page's own requests are taken")
        if int(request.headers.get("content-length") or LARGEST_REQUEST_BYTES + 1) > LARGEST_REQUEST_BYTES:
            return _error(413, "too long: nothing is uploaded here")
    given = request.query_params.get("token") if request.url.path == "/" else None
    if not any(
        secrets.compare_digest(value.encode(), token.encode())
        for value in (given, request.cookies.get(cookie))
        if value
    ):
        return _error(401, NO_ENTRY)
    return None


def _error(status: int, message: str, **more: Any) -> JSONResponse:
    return JSONResponse({"error": message} | more, status)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(GoneError)
    async def gone(_: Request, error: Exception) -> Response:
        return _error(404, str(error))

    @app.exception_handler(TrichoscanError)
    async def refused(_: Request, error: Exception) -> Response:
        return _error(422, str(error))

    @app.exception_handler(OtherWasFasterError)
    async def conflict(_: Request, error: Exception) -> Response:
        assert isinstance(error, OtherWasFasterError)
        return _error(409, str(error), last=shown.event(error.last))

    @app.exception_handler(OSError)
    async def disk(_: Request, error: Exception) -> Response:
        return _error(500, f"{error}: check the disk and its permissions")


def _add_pages(app: FastAPI, token: str, cookie: str) -> None:
    @app.get("/")
    async def page(request: Request) -> Response:
        if "token" not in request.query_params:
            return _asset("index.html")
        # Away from the address bar and the history at once.
        answer = RedirectResponse("/", 303)
        answer.set_cookie(cookie, token, httponly=True, samesite="strict", path="/")
        return answer

    @app.get("/static/{name}")
    async def asset(name: str) -> Response:
        return _asset(name)


def _asset(name: str) -> Response:
    """One of our own files: looked up by name in their list, so that no path can lead out."""
    for file in resources.files("trichoscan.review").joinpath("static").iterdir():
        if file.name == name and Path(name).suffix in ASSETS:
            return Response(file.read_bytes(), media_type=f"{ASSETS[Path(name).suffix]}; charset=utf-8")
    return _error(404, "there is no such page")


def _add_photos(app: FastAPI, session: Session) -> None:
    @app.get("/api/worklist")
    def worklist() -> dict[str, Any]:
        return session.worklist()

    @app.get("/api/news")
    def news(since: int) -> dict[str, Any]:
        return session.news(since)

    @app.get("/api/audit.csv")
    def audit() -> Response:
        session.writer.write()
        name = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        return Response((session.results / "audit.csv").read_bytes(), media_type="text/csv", headers=name)

    @app.get("/api/photos/{key}")
    def photo(key: str) -> dict[str, Any]:
        return session.photo(key)

    @app.get("/api/photos/{key}/picture.jpg")
    def picture(key: str) -> Response:
        return Response(session.picture(key), media_type="image/jpeg")

    @app.post("/api/photos/{key}/try")
    async def try_hair(key: str, request: Request) -> Any:
        asked = await _body(request)
        return await run_in_threadpool(session.try_hair, key, asked.get("points"))

    @app.post("/api/photos/{key}")
    async def edit(key: str, request: Request) -> Any:
        return await run_in_threadpool(session.edit_photo, key, await _body(request))


def _add_pairs(app: FastAPI, session: Session) -> None:
    @app.get("/api/pairs/{key}")
    def pair(key: str) -> dict[str, Any]:
        return session.pair(key)

    @app.post("/api/pairs/{key}")
    async def edit(key: str, request: Request) -> Any:
        return await run_in_threadpool(session.edit_pair, key, await _body(request))


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise TrichoscanError("the request is no JSON object")
    return body


def listen(port: int, host: str = LOOPBACK) -> socket.socket:
    """Socket on which to serve; port 0 takes a free one.

    Raises
    ------
    TrichoscanError
        The address is not this machine's own, or the port is taken.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise TrichoscanError(f"{host}: review serves this machine alone: use {LOOPBACK}")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise TrichoscanError(
            f"port {port}: {error.strerror}: give another --port, or leave it out"
        ) from None
    listening.listen(64)
    return listening


def serve(session: Session, listening: socket.socket, on_ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `on_ready` gets the address with its secret."""
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    config = uvicorn.Config(
        make_app(session, token, port), log_level="warning", access_log=False, server_header=False
    )
    on_ready(f"http://{LOOPBACK}:{port}/?token={token}")
    try:
        with suppress(KeyboardInterrupt):  # the way to end a review
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        session.close()
