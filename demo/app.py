"""Composes the tabs into the page, and the page into an HTTP service."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from fastapi.routing import APIRoute
from gradio.utils import get_upload_folder
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo import __version__, openinference
from demo.borrowed import TEXTS as BORROWED
from demo.catalog import Catalog
from demo.frame import MASTHEAD, TEXTS
from demo.gate import Gate
from demo.guard import Guard
from demo.identity import identify_all
from demo.limits import MEBIBYTE, Limits
from demo.names import TEXTS as NAMES
from demo.observing import Watch
from demo.scratch import Scratch
from demo.sentences import CHINESE
from demo.service import Turns, answer_errors
from demo.snippets import SNIPPETS
from demo.tab import LANGUAGES, Say, draw_script
from demo.tabs import TABS
from demo.telemetry import Metering, Telemetry, open_log
from demo.theme import ASSETS, make_theme
from demo.visitors import Visitors

_MAX_SESSIONS = 128
"""Gradio keeps the values of every control for each of the pages that were open last."""

_CACHE_SECONDS = 3600

# Gradio needs inline scripts and styles and compiles its templates (`unsafe-eval`); nothing may come from elsewhere.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
}


def build_app(
    catalog: Catalog, *, announce: Callable[[], None], limits: Limits | None = None, watch: Watch | None = None
) -> FastAPI:
    """Return the service: the page at `/`, the endpoints that its tabs declare, `/v2`, `/healthz` and `/metrics`.

    All stands behind the guard.

    `announce` is called once it serves. `watch` is what the engine tells its figures to.

    Raises:
        LaunchError: the log cannot be written.

    """
    limits = limits or Limits()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        announce()
        yield

    # No schema pages: they load scripts from elsewhere.
    app = FastAPI(
        title="Ganvas", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        return health(catalog)

    turns = Turns()
    _serve_studio(app, catalog, turns)
    page = build_page(catalog)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=make_theme(),
        css_paths=[ASSETS / "page.css", ASSETS / "studio.css", ASSETS / "zoo.css"],
        head=_head(),
        i18n=gr.I18n(**_all_texts()),
        favicon_path=str(ASSETS / "favicon.svg"),
        footer_links=["api"],
        max_file_size=limits.upload_mb * MEBIBYTE,
        # The sentences of expected failures are shown all the same; what a bug says is for the log.
        show_error=False,
        ssr_mode=False,
        run_history=False,
    )
    # Gradio checks that a file named by a client is one of its uploads only where a page counts as launched.
    page.has_launched = True
    _protect(app, page, catalog, turns, limits=limits, watch=watch or Watch())
    return app


def _protect(app: FastAPI, page: gr.Blocks, catalog: Catalog, turns: Turns, *, limits: Limits, watch: Watch) -> None:
    """Put the guard before all, the gate before Gradio, which was mounted last, and count what passes."""
    scratch = Scratch(Path(get_upload_folder()), quota=limits.scratch_mb * MEBIBYTE, spare=limits.spare_mb * MEBIBYTE)
    mount = app.routes[-1]
    if not isinstance(mount, Mount):
        raise TypeError("Gradio is not where it was mounted")
    mount.app = Gate(mount.app, page=page, limits=limits, scratch=scratch)

    def gauges() -> dict[str, float]:
        return {
            "queue_waiting": len(page._queue),  # noqa: SLF001 - nothing public tells
            "turns_waiting": turns.waiting,
            "models_open": sum(1 for entry in catalog.entries() if entry.model),
            "scratch_bytes": scratch.used(),
        }

    telemetry = Telemetry(
        watch=watch,
        gauges=gauges,
        device=catalog.provider,
        models=lambda: [entry.name for entry in catalog.entries()],
        line=open_log(limits.log),
    )
    app.router.routes.insert(0, APIRoute("/metrics", telemetry.expose))
    app.add_middleware(Guard, limits=limits)
    app.add_middleware(Metering, telemetry=telemetry)
    app.add_middleware(_SecurityHeaders)


def _serve_studio(app: FastAPI, catalog: Catalog, turns: Turns) -> None:
    """Add what the tabs' scripts need, ahead of Gradio, which takes every other path."""
    answer_errors(app)

    @app.get("/studio/models")
    def models() -> list[dict[str, Any]]:
        return identify_all(catalog)

    @app.get("/studio/state")
    def state() -> dict[str, Any]:
        return {"provider": catalog.provider(), "waiting": turns.waiting}

    @app.get("/studio/snippets")
    def snippets() -> dict[str, dict[str, str]]:
        return SNIPPETS

    for tab in TABS.values():
        if tab.routes:
            app.include_router(tab.routes(catalog, turns), prefix="/studio")
    app.mount("/studio", StaticFiles(directory=ASSETS / "studio"))
    app.include_router(openinference.routes(catalog, turns))
    app.add_middleware(Visitors, prefixes=("/studio/", "/v2/"))


def build_page(catalog: Catalog) -> gr.Blocks:
    """Return the page: a masthead, then one tab per entry of `TABS`."""
    page = gr.Blocks(
        title="Ganvas", analytics_enabled=False, fill_width=True, delete_cache=(_CACHE_SECONDS, _CACHE_SECONDS)
    )
    with page:
        gr.HTML(MASTHEAD, js_on_load='ganvas.mount("frame", element);', elem_classes="masthead")
        with gr.Accordion(_say("page")("broken"), open=False, visible=False, elem_classes="notice") as broken:
            problems = gr.Markdown(elem_id="ganvas-problems")
        drawn = {}
        with gr.Tabs():
            for key, tab in TABS.items():
                with gr.Tab(_say(key)("title"), id=key, visible=tab.serves(catalog)) as drawn[key]:
                    if tab.build:
                        tab.build(catalog, _say(key), page)
                    else:
                        draw_script(key)

        def refresh() -> tuple[Any, ...]:
            sentences = catalog.problems()
            tabs = (gr.update(visible=tab.serves(catalog)) for tab in TABS.values())
            return gr.update(visible=bool(sentences)), "\n".join(f"- {text}" for text in sentences), *tabs

        page.load(None, None, None, js="() => ganvas.show()", api_visibility="private")
        page.load(refresh, None, [broken, problems, *drawn.values()], api_visibility="private", show_progress="hidden")
    page.queue(max_size=64, api_open=False)
    page.state_session_capacity = _MAX_SESSIONS
    return page


def health(catalog: Catalog) -> dict[str, Any]:
    """Return what `/healthz` answers: `status` is `ok` where a model serves, else `no models`."""
    models = [
        {
            "name": entry.name,
            "state": "ready" if entry.model else "broken",
            "task": entry.model.card.task if entry.model else None,
            "sha256": entry.model.sha256 if entry.model else None,
            "choices": [choice.name for choice in entry.model.card.choices] if entry.model else [],
            "problem": entry.problem,
        }
        for entry in catalog.entries()
    ]
    return {
        "status": "ok" if any(model["state"] == "ready" for model in models) else "no models",
        "version": __version__,
        "provider": catalog.provider(),
        "models": models,
    }


class _SecurityHeaders:
    """Adds `HEADERS` to every answer. Plain ASGI, because streams must pass unbuffered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _say(key: str) -> Say:
    return lambda text: gr.I18n()(f"{key}_{text}")


def _all_texts() -> dict[str, dict[str, str]]:
    everything = {"page": TEXTS, "name": NAMES, **{key: tab.texts for key, tab in TABS.items()}}
    return {
        language: {f"{key}_{name}": text for key, texts in everything.items() for name, text in texts[language].items()}
        | dict(BORROWED[language])
        for language in LANGUAGES
    }


def _head() -> str:
    texts = json.dumps(_all_texts(), ensure_ascii=False).replace("</", "<\\/")
    sentences = json.dumps(CHINESE, ensure_ascii=False).replace("</", "<\\/")
    page = (ASSETS / "page.js").read_text(encoding="utf-8")
    script = f"{page}ganvas.texts = {texts};ganvas.sentences = {sentences};"
    return f'<link rel="icon" href="favicon.ico" type="image/svg+xml"><script>{script}</script>'
