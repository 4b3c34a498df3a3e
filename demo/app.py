"""Composes the tabs into the page, and the page into an HTTP service."""

import html
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo import __version__
from demo.catalog import Catalog
from demo.tabs import TABS
from demo.tabs.tab import LANGUAGES, Say, Texts
from demo.theme import ASSETS, make_theme

TEXTS: Texts = {
    "en": {
        "tagline": "a studio for art made by generative adversarial networks",
        "broken": "Some models cannot be used",
    },
    "zh-CN": {
        "tagline": "用生成对抗网络创作艺术的工作室",
        "broken": "有些模型无法使用",
    },
}

MAX_UPLOAD = "32mb"
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


def build_app(catalog: Catalog, *, announce: Callable[[], None]) -> FastAPI:
    """Return the service: the page at `/`, its endpoints `/sample`, `/stylize` and `/translate`, and `/healthz`.

    `announce` is called once it serves.
    """

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

    page = build_page(catalog)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=make_theme(),
        css_paths=ASSETS / "page.css",
        head=_head(),
        i18n=gr.I18n(**_all_texts()),
        favicon_path=str(ASSETS / "favicon.svg"),
        footer_links=["api"],
        max_file_size=MAX_UPLOAD,
        show_error=True,
        ssr_mode=False,
        run_history=False,
    )
    # Gradio checks that a file named by a client is one of its uploads only where a page counts as launched.
    page.has_launched = True
    app.add_middleware(_SecurityHeaders)
    return app


def build_page(catalog: Catalog) -> gr.Blocks:
    """Return the page: a header that tells which device serves, then one tab per entry of `TABS`."""
    page = gr.Blocks(
        title="Ganvas", analytics_enabled=False, fill_width=True, delete_cache=(_CACHE_SECONDS, _CACHE_SECONDS)
    )
    with page:
        with gr.Row(elem_classes="masthead"):
            gr.HTML(_MASTHEAD, js_on_load=None, elem_classes="brand")
            gr.Markdown(_say("page")("tagline"), elem_classes="tagline")
            badge = gr.HTML(js_on_load=None, elem_classes="state")
            gr.HTML(_LANGUAGES, js_on_load=None, elem_classes="languages")
        with gr.Accordion(_say("page")("broken"), open=False, visible=False, elem_classes="notice") as broken:
            problems = gr.Markdown()
        with gr.Tabs():
            for key, tab in TABS.items():
                with gr.Tab(_say(key)("title"), id=key):
                    tab.build(catalog, _say(key), page)

        def refresh() -> tuple[str, dict[str, Any], str]:
            sentences = [entry.problem for entry in catalog.entries() if entry.problem]
            return _badge(catalog), gr.update(visible=bool(sentences)), "\n".join(f"- {text}" for text in sentences)

        page.load(None, None, None, js="() => ganvas.show()", api_visibility="private")
        page.load(refresh, None, [badge, broken, problems], api_visibility="private", show_progress="hidden")
    page.queue(max_size=64)
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
    everything = {"page": TEXTS, **{key: tab.texts for key, tab in TABS.items()}}
    return {
        language: {f"{key}_{name}": text for key, texts in everything.items() for name, text in texts[language].items()}
        for language in LANGUAGES
    }


def _head() -> str:
    titles = {language: {key: tab.texts[language]["title"] for key, tab in TABS.items()} for language in LANGUAGES}
    script = (ASSETS / "page.js").read_text(encoding="utf-8") + f"ganvas.titles = {json.dumps(titles)};"
    return f'<link rel="icon" href="favicon.ico" type="image/svg+xml"><script>{script}</script>'


def _badge(catalog: Catalog) -> str:
    provider = catalog.provider()
    return f'<span class="badge" data-provider="{provider or "none"}">{html.escape(provider or "-")}</span>'


_MARK = (ASSETS / "favicon.svg").read_text(encoding="utf-8")
_MASTHEAD = f'<div class="mark">{_MARK}<h1>Ganvas</h1></div>'
_LANGUAGES = """<button type="button" lang="en" onclick="ganvas.choose('en')">EN</button>
<button type="button" lang="zh-CN" onclick="ganvas.choose('zh-CN')">中文</button>"""
