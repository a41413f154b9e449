"""The pages of the portal. Each is found under the short name of a clinic; whether that exists is told to nobody."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from billing.portal import account, door
from billing.portal.door import Visitor
from billing.portal.limits import Limit
from billing.processors.base import ProcessorRefused, ProcessorUnready
from billing.processors.orders import NoProcessor
from billing.receipt import Printed
from data.card_numbers import holds_card_number
from data.errors import EnvironmentFailure, NotFound, Refusal
from security.clinics import clinic_of
from web import faults
from web.gate import client_address
from web.portal import guard, preferences, views

HERE = Path(__file__).parent
ANSWER_TAKES = 0.5
"""Seconds that asking for a code and trying one take, whatever is known of the address."""
ASKS = Limit(20, 900)
"""Codes asked for by one network address."""
ASKS_OF_CLINIC = Limit(400, 3_600)
GUESSES = Limit(30, 900)
"""Codes tried by one network address."""
GUESSES_OF_CLINIC = Limit(300, 3_600)
PRINTS = Limit(12, 300)
"""PDFs made for one session: each is a process of its own."""
PAYS = Limit(20, 600)
Page = Callable[[Request], Awaitable[Response]]


@functools.cache
def templates() -> Environment:
    """The pages' templates; those for links in messages are among them."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def slug_of(request: Request) -> str:
    """The clinic's short name out of the address."""
    return str(request.path_params.get("clinic", ""))


def drawn(request: Request, template: str, *, status: int = 200, pays: bool = False, **facts: Any) -> Response:
    """A page as HTML, with its own strict policy and the token its forms need."""
    fresh = "" if guard.form_secret(request) else guard.new_form_secret(request)
    facts = {
        "clinic": None,
        "here": f"/portal/{quote(slug_of(request), safe='')}",
        "visitor": None,
        "refresh": 0,
    } | facts
    token = guard.token_of(guard.form_secret(request))
    html = templates().get_template(template).render(form=token, **facts)
    headers = guard.HEADERS | {"Content-Security-Policy": guard.policy(request, pays=pays)}
    response = Response(html, status, headers, "text/html")
    if fresh:
        guard.set_cookie(request, response, "_form", fresh, guard.FORM_SECONDS)
    return response


def told(request: Request, words: str, status: int, **facts: Any) -> Response:
    """One sentence on a page of its own."""
    return drawn(request, "told.html", status=status, words=words, **facts)


def lead(address: str) -> RedirectResponse:
    """To another page of ours, or of a processor."""
    return RedirectResponse(address, 303, headers=guard.HEADERS)


def page(handle: Page) -> Page:
    """Answer refusals as sentences and what nobody foresaw with an id."""

    @functools.wraps(handle)
    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except NotFound:
            return told(request, "There is nothing here for you. Go back to your invoices.", 404)
        except EnvironmentFailure as failure:
            return told(request, failure.message, 503)
        except Refusal as refusal:
            return told(request, refusal.message, 409)
        except HTTPException:
            raise
        except Exception as failure:
            number = faults.note(failure)
            return told(request, f"Something went wrong on our side. Tell the clinic this number: {number}.", 500)

    return answer


def signed_in(handle: Callable[[Request, Visitor], Awaitable[Response]]) -> Page:
    """A page for a client who is signed in; everybody else is led to the sign-in."""

    @functools.wraps(handle)
    async def answer(request: Request) -> Response:
        visitor = await run_in_threadpool(door.resume, slug_of(request), guard.cookie(request, ""))
        if visitor is None:
            response = lead(
                f"/portal/{quote(slug_of(request), safe='')}" + ("?over=1" if guard.cookie(request, "") else "")
            )
            guard.drop_cookie(request, response, "")
            return response
        return await handle(request, visitor)

    return page(answer)


async def _form(request: Request) -> dict[str, str]:
    fields = await guard.sent_form(request)
    if fields is None:
        raise FormRefused()
    return fields


class FormRefused(Refusal):
    """This page was open for too long, or your browser keeps no cookies. Go back, load it again and try once more."""


async def _even(started: float) -> None:
    """Let time pass, so that how long an answer takes tells nothing."""
    await anyio.sleep(max(0.0, started + ANSWER_TAKES - time.monotonic()))


# --- signing in -------------------------------------------------------------------------------------------------


async def sign_in(request: Request) -> Response:
    """Ask for the e-mail address; who is signed in goes on to the invoices."""
    visitor = await run_in_threadpool(door.resume, slug_of(request), guard.cookie(request, ""))
    if visitor is not None:
        return lead(f"/portal/{quote(slug_of(request), safe='')}/invoices")
    return drawn(request, "sign_in.html", over=bool(request.query_params.get("over")), problem="", typed="")


async def ask(request: Request) -> Response:
    """Mail a code; the next page is the same whether there was anybody to mail it to."""
    started = time.monotonic()
    fields, slug = await _form(request), slug_of(request)
    typed = fields.get("email", "").strip()[:254]
    if "@" not in typed or any(char.isspace() for char in typed) or holds_card_number(typed):
        problem = "Enter the e-mail address that the clinic has of you, like name@example.org."
        typed = "" if holds_card_number(typed) else typed
        return drawn(request, "sign_in.html", status=400, over=False, problem=problem, typed=typed)
    if not (ASKS.allows(client_address(request.scope)) and ASKS_OF_CLINIC.allows(slug)):
        return told(request, "Too many codes were asked for. Try again in a quarter of an hour.", 429)
    await run_in_threadpool(door.ask_code, slug, typed)
    await _even(started)
    response = lead(f"/portal/{quote(slug, safe='')}/code")
    guard.set_cookie(request, response, "_mail", guard.sealed_address(slug, typed), 900)
    return response


async def code(request: Request) -> Response:
    """Ask for the code."""
    typed = guard.opened_address(slug_of(request), guard.cookie(request, "_mail"))
    if not typed:
        return lead(f"/portal/{quote(slug_of(request), safe='')}")
    shown = await run_in_threadpool(door.demo_code, slug_of(request), typed, client_address(request.scope))
    return drawn(request, "code.html", email=typed, problem="", shown=shown)


async def enter(request: Request) -> Response:
    """Try a code."""
    started = time.monotonic()
    fields, slug = await _form(request), slug_of(request)
    typed = guard.opened_address(slug, guard.cookie(request, "_mail"))
    if not typed:
        return lead(f"/portal/{quote(slug, safe='')}")
    if not (GUESSES.allows(client_address(request.scope)) and GUESSES_OF_CLINIC.allows(slug)):
        return told(request, "Too many codes were tried. Try again in a quarter of an hour.", 429)
    entered = await run_in_threadpool(door.enter, slug, typed, fields.get("code", "")[:40])
    await _even(started)
    if entered is None:
        problem = "This code is wrong or has run out. Look for the newest mail, or ask for another code."
        return drawn(request, "code.html", status=400, email=typed, problem=problem, shown="")
    token, clients = entered
    response = lead(f"/portal/{quote(slug, safe='')}/" + ("invoices" if len(clients) == 1 else "who"))
    guard.set_cookie(request, response, "", token)
    guard.drop_cookie(request, response, "_form")
    guard.drop_cookie(request, response, "_mail")
    return response


async def who(request: Request, visitor: Visitor) -> Response:
    """Several clients have one address: whose invoices."""
    found = await run_in_threadpool(door.relatives, visitor)
    return await _drawn_for(request, visitor, "who.html", relatives=found)


async def choose(request: Request, visitor: Visitor) -> Response:
    """Go on as one of them."""
    fields = await _form(request)
    wanted = fields.get("client", "")
    base = f"/portal/{quote(slug_of(request), safe='')}"
    if wanted == visitor.client_id:
        return lead(f"{base}/invoices")
    token = await run_in_threadpool(door.change_to, visitor, wanted)
    if token is None:
        raise NotFound(what="client", name="like this")
    response = lead(f"{base}/invoices")
    guard.set_cookie(request, response, "", token)
    return response


async def out(request: Request, visitor: Visitor) -> Response:
    """Sign out."""
    await _form(request)
    await run_in_threadpool(door.leave, visitor)
    response = lead(f"/portal/{quote(slug_of(request), safe='')}")
    guard.drop_cookie(request, response, "")
    return response


# --- invoices ---------------------------------------------------------------------------------------------------


async def invoices(request: Request, visitor: Visitor) -> Response:
    """What is open, and what was paid before."""

    def facts() -> dict[str, Any]:
        found = account.account(visitor)
        several = len(door.relatives(visitor)) > 1
        return {"account": views.account(found, clinic_of(visitor.clinic_id)), "several": several}

    return await _drawn_for(request, visitor, "invoices.html", **await run_in_threadpool(facts))


async def invoice(request: Request, visitor: Visitor) -> Response:
    """One invoice; after a payment what is known of it."""
    invoice_id, back = request.path_params["id"], request.query_params.get("back", "")
    tries = request.query_params.get("n", "0")
    count = min(int(tries), 20) if tries.isascii() and tries.isdecimal() else 0

    def facts() -> dict[str, Any]:
        state = account.request_state(visitor, invoice_id, back) if back else None
        if state is not None and state[0] == "live":
            account.look_up(visitor, back)
            state = account.request_state(visitor, invoice_id, back)
        shown = account.invoice(visitor, invoice_id)
        clinic = clinic_of(visitor.clinic_id)
        return {
            "invoice": views.invoice(shown, clinic), "news": views.news(state, clinic),
            "can_pay": account.takes_payments(visitor, invoice_id),
        }  # fmt: skip

    found = await run_in_threadpool(facts)
    waits = found["news"] is not None and found["news"].waits and count < 20
    refresh = f"?back={quote(back, safe='')}&n={count + 1}" if waits else ""
    return await _drawn_for(request, visitor, "invoice.html", pays=True, refresh=refresh, **found)


async def pay(request: Request, visitor: Visitor) -> Response:
    """To the processor's page, where the card is entered: nothing of it passes here."""
    fields = await _form(request)
    if not PAYS.allows(visitor.session_id):
        return told(request, "You asked for the payment page many times. Try again in ten minutes.", 429)
    site = str(request.base_url).removesuffix("/").removesuffix("/portal")
    invoice_id = request.path_params["id"]
    try:
        address = await run_in_threadpool(account.pay, visitor, invoice_id, fields.get("request", ""), site)
    except (NoProcessor, ProcessorUnready, ProcessorRefused):  # what is said there is meant for staff
        return told(request, "The clinic cannot take payments here at the moment. Nothing was charged. "
                    "Pay at the clinic, please, or try again later.", 409)  # fmt: skip
    return lead(address)


async def receipt(request: Request, visitor: Visitor) -> Response:
    """The invoice or receipt as a PDF."""
    return await _printed(visitor, request, lambda: account.receipt_of(visitor, request.path_params["id"]))


async def statement(request: Request, visitor: Visitor) -> Response:
    """What is open as a PDF."""
    return await _printed(visitor, request, lambda: account.statement_of(visitor))


async def wishes(request: Request, visitor: Visitor) -> Response:
    """What the client gets, and by which way."""
    questions = await run_in_threadpool(preferences.shown, visitor)
    saved = bool(request.query_params.get("saved"))
    return await _drawn_for(request, visitor, "preferences.html", questions=questions, saved=saved)


async def wish(request: Request, visitor: Visitor) -> Response:
    """Keep what they chose."""
    fields = await _form(request)
    await run_in_threadpool(preferences.choose, visitor, fields)
    return lead(f"/portal/{quote(slug_of(request), safe='')}/preferences?saved=1")


async def _printed(visitor: Visitor, request: Request, make: Callable[[], Printed]) -> Response:
    if not PRINTS.allows(visitor.session_id):
        return told(request, "That were many documents at once. Try again in five minutes.", 429)
    printed = await run_in_threadpool(make)
    named = f'inline; filename="{printed.file_name}"'
    headers = guard.HEADERS | {"Content-Disposition": named, "Content-Security-Policy": "default-src 'none'"}
    return Response(printed.content, 200, headers, "application/pdf")


async def _drawn_for(
    request: Request, visitor: Visitor, template: str, *, pays: bool = False, **facts: Any
) -> Response:
    def known() -> Any:
        return account.contact(visitor.clinic_id, clinic_of(visitor.clinic_id).name)

    contact = await run_in_threadpool(known)
    return drawn(request, template, pays=pays, clinic=contact, visitor=visitor, **facts)


async def style(_request: Request) -> Response:
    """The one style sheet: the same for everybody."""
    return FileResponse(HERE / "portal.css", media_type="text/css", headers={"Cache-Control": "no-store"})


async def nothing(request: Request, _failure: Exception) -> Response:
    """Any other address."""
    return told(request, "There is no such page.", 404)


app = Starlette(
    routes=[
        Route("/portal.css", style),
        Route("/{clinic}", page(sign_in), methods=["GET"]),
        Route("/{clinic}", page(ask), methods=["POST"]),
        Route("/{clinic}/code", page(code), methods=["GET"]),
        Route("/{clinic}/code", page(enter), methods=["POST"]),
        Route("/{clinic}/who", signed_in(who), methods=["GET"]),
        Route("/{clinic}/who", signed_in(choose), methods=["POST"]),
        Route("/{clinic}/out", signed_in(out), methods=["POST"]),
        Route("/{clinic}/preferences", signed_in(wishes), methods=["GET"]),
        Route("/{clinic}/preferences", signed_in(wish), methods=["POST"]),
        Route("/{clinic}/statement", signed_in(statement), methods=["GET"]),
        Route("/{clinic}/invoices", signed_in(invoices), methods=["GET"]),
        Route("/{clinic}/invoices/{id}", signed_in(invoice), methods=["GET"]),
        Route("/{clinic}/invoices/{id}/pay", signed_in(pay), methods=["POST"]),
        Route("/{clinic}/invoices/{id}/receipt", signed_in(receipt), methods=["GET"]),
    ],
    exception_handlers={404: nothing, 405: nothing},
)
