"""The server: protocols, the pay page, faults on purpose, messages to the app."""

from __future__ import annotations

import contextlib
import html
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from tests.fake_processor import authorize_net_api, converge_api, mx_api, stripe_api
from tests.fake_processor.world import Charge, PayPage, World


class Faults:
    """Cuts the line before a call is carried out, or after it and before the answer."""

    def __init__(self, app: Any, world: World) -> None:
        self.app, self.world = app, world

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One call."""
        if scope["type"] != "http" or scope["path"].startswith(("/page", "/payment/")):
            await self.app(scope, receive, send)
            return
        self.world.asked.append(f"{scope['method']} {scope['path']}")
        fault = self.world.fault(f"{scope['method']} {scope['path']}")
        if not fault:
            await self.app(scope, receive, send)
        elif fault == "error":
            await PlainTextResponse("down", 503)(scope, receive, send)
        elif fault == "garbage":
            await PlainTextResponse("<<<", 200)(scope, receive, send)
        else:
            if fault == "after":
                await self.app(scope, receive, _nowhere)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"500")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            raise ConnectionAbortedError("cut on purpose")


async def _nowhere(_message: Any) -> None:
    return


class Fake:
    """The running fake: ``url`` for BALLAST_PROCESSORS_AT, ``world`` for what it knows."""

    def __init__(self, url: str, world: World) -> None:
        self.url, self.world = url, world

    def pay(self, page_url: str, number: str = "4242424242424242") -> str:
        """Fill the page as a client would, without a browser; returns where it leads."""
        page_id = page_url.rsplit("=", 1)[-1].rsplit("/", 1)[-1]
        answer = httpx.post(f"{self.url}/page/{page_id}", data={"number": number, "expiry": "12/34", "code": "123"})
        return answer.headers.get("location", "")

    def page_of(self, key: str) -> PayPage:
        """The newest page that carries one of our numbers or requests."""
        return [one for one in self.world.pages.values() if key in (one.key, one.reference)][-1]

    def message(self, page: PayPage) -> tuple[dict[str, str], bytes]:
        """What is sent when a page was paid."""
        world, charge = self.world, self.world.charges[page.charge]
        if page.kind == "stripe":
            return stripe_api.event_for(world, "checkout.session.completed", stripe_api.session_object(world, page))
        if page.kind == "authorize_net":
            return authorize_net_api.event_for(world, "authcapture.created", charge)
        if page.kind == "elavon":
            text = f"ssl_txn_id={charge.id}&ssl_merchant_txn_id={charge.key}&ssl_result=0&ssl_amount=0.01"
            return {"content-type": "application/x-www-form-urlencoded"}, text.encode()
        import json

        body = {"eventType": "PaymentSuccess", "payment": mx_api.payment_object(world, charge)}
        return {"content-type": "application/json"}, json.dumps(body).encode()

    def tell(self, kind: str, message: tuple[dict[str, str], bytes]) -> int:
        """Send a message to where ``hooks`` says; returns the status."""
        headers, body = message
        self.world.sent.append((kind, headers, body))
        return httpx.post(self.world.hooks[kind], content=body, headers=headers, timeout=30).status_code


def _app(fake: Fake) -> Any:
    world, base = fake.world, fake.url

    def form(page: PayPage, said: str = "") -> HTMLResponse:
        return HTMLResponse(
            f"""<!doctype html><meta name=viewport content="width=device-width"><title>Pay</title>
<h1>Pay {page.amount / 100:.2f} {html.escape(page.currency)}</h1><p role=alert>{html.escape(said)}</p>
<form method=post action="{base}/page/{page.id}"><label>Card number <input name=number autocomplete=off></label>
<label>Expiry <input name=expiry></label><label>Code <input name=code></label><button>Pay</button></form>
<p><a href="{html.escape(page.cancel)}">Cancel</a></p>"""
        )

    async def show(request: Request) -> Response:
        page = world.pages.get(request.path_params["id"])
        if page is None or page.state != "open" or page.expires < time.time():
            return PlainTextResponse("This page has expired.", 410)
        return form(page)

    async def post_token(request: Request) -> Response:
        token = (await request.form())["token"]
        return RedirectResponse(f"{base}/page/{token}", 303)

    async def pay(request: Request) -> Response:
        page = world.pages.get(request.path_params["id"])
        if page is None or page.state != "open" or page.expires < time.time():
            return PlainTextResponse("This page has expired.", 410)
        charge: Charge = world.pay(page, str((await request.form())["number"]))
        if charge.state == "declined":
            return form(page, "The card was declined. Try another one.")
        if page.kind in world.hooks:
            threading.Thread(target=fake.tell, args=(page.kind, fake.message(page)), daemon=True).start()
        return RedirectResponse(page.back, 303)

    app = Starlette(
        routes=[
            Mount("/stripe", routes=stripe_api.routes(world, base)),
            Mount("/authorize_net", routes=[
                *authorize_net_api.routes(world, base), Route("/payment/payment", post_token, methods=["POST"]),
            ]),
            Mount("/elavon", routes=converge_api.routes(world, base)),
            Mount("/mx", routes=mx_api.routes(world, base)),
            Route("/page/{id}", show),
            Route("/page/{id}", pay, methods=["POST"]),
        ]
    )  # fmt: skip
    return Faults(app, world)


@contextlib.contextmanager
def running() -> Iterator[Fake]:
    """The fake on a free port of 127.0.0.1, in a thread."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    fake = Fake(f"http://127.0.0.1:{port}", World())
    config = uvicorn.Config(_app(fake), host="127.0.0.1", port=port, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until, "the fake did not start"
        time.sleep(0.02)
    try:
        yield fake
    finally:
        server.should_exit = True
        thread.join(10)
