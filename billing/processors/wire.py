"""How a processor is spoken to: HTTPS to addresses we chose, with a deadline, and nothing of an answer in a log.

``BALLAST_PROCESSORS_AT`` names a server on this machine that takes a processor's place in tests and practice; it holds
for processors marked as test only, and for loopback alone.
"""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import httpx

from billing.processors.base import ProcessorRefused, ProcessorSilent
from data.errors import EnvironmentFailure
from data.tls import trusted

TIMEOUT = httpx.Timeout(20.0, connect=6.0)
LARGEST = 8_000_000
PAUSES = (0.3, 1.0)
"""Seconds before what changes nothing is asked again."""


class PlaceRefused(EnvironmentFailure):
    """BALLAST_PROCESSORS_AT may only name a server on this machine, such as http://127.0.0.1:4242."""


def stand_in(kind: str, *, is_test: bool) -> str:
    """The server on this machine that takes the place of a type of processor, or nothing. Raises PlaceRefused."""
    place = os.environ.get("BALLAST_PROCESSORS_AT", "").rstrip("/")
    if not place or not is_test:
        return ""
    parts = urlsplit(place)
    try:
        is_here = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_here = False
    if not is_here or parts.scheme not in ("http", "https"):
        raise PlaceRefused()
    return f"{place}/{kind}"


class Wire:
    """Calls to one processor. Redirects are not followed: an answer never decides whom we speak to."""

    def __init__(self, label: str, base: str, headers: Mapping[str, str] | None = None) -> None:
        self.label, self.base = label, base
        self.headers = dict(headers or {})

    def call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        changes: bool = True,
        fine: tuple[int, ...] = (),
    ) -> httpx.Response:
        """Send one request. What ``changes`` something is sent once; the rest again after a failure of the network.

        ``fine`` are statuses above 399 that the caller reads himself. Raises ProcessorSilent where it is not known
        what came of it, ProcessorRefused where the processor said no.
        """
        for pause in (*(() if changes else PAUSES), None):
            try:
                answer = self._once(method, path, content, params, headers)
            except httpx.ConnectError as failure:
                if pause is None:
                    raise ProcessorSilent(label=self.label) from failure
            except httpx.HTTPError as failure:
                if pause is None:
                    raise ProcessorSilent(label=self.label) from failure
            else:
                if answer.status_code < 500 or answer.status_code in fine or pause is None:
                    return self._judged(answer, fine)
            time.sleep(pause or 0)
        raise AssertionError("unreachable")

    def _once(
        self, method: str, path: str, content: bytes | None, params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Response:  # fmt: skip
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=True, verify=trusted()) as client,
            client.stream(
                method, self.base + path, content=content, params=params, headers=self.headers | dict(headers or {})
            ) as answer,
        ):
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise ProcessorRefused(label=self.label, answer="its answer was far too long.")
            return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(body))

    def _judged(self, answer: httpx.Response, fine: tuple[int, ...]) -> httpx.Response:
        if answer.status_code in fine or answer.status_code < 300:
            return answer
        if answer.status_code >= 500 or answer.status_code in (408, 425, 429):
            raise ProcessorSilent(label=self.label)
        if answer.status_code in (401, 403):
            raise ProcessorRefused(label=self.label, answer="the credentials are not accepted. Check them in Settings.")
        raise ProcessorRefused(label=self.label, answer=f"it answered with status {answer.status_code}.")


def parsed(text: bytes, label: str) -> Any:
    """A JSON answer: a byte order mark is passed over, numbers with a point become decimals. Raises ProcessorSilent,
    since what an unreadable answer meant is not known."""
    try:
        return json.loads(text.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError) as failure:
        raise ProcessorSilent(label=label) from failure


def cents_of(value: object, digits: int = 2) -> int:
    """An amount in major units (a text, a whole number or a decimal; never a float) as whole cents."""
    if isinstance(value, bool | float) or value is None:
        raise ValueError("not an amount")
    try:
        scaled = Decimal(str(value).strip() or "0").scaleb(digits)
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError("not an amount")
    except InvalidOperation:
        raise ValueError("not an amount") from None
    return int(scaled)


def major(cents: int, digits: int = 2) -> str:
    """Whole cents as processors other than Stripe write them: ``12.50``."""
    return f"{Decimal(cents).scaleb(-digits):.{digits}f}"


def moment(text: object) -> datetime | None:
    """An ISO time in UTC; None for anything else. One without an offset is UTC, as both APIs that send such say."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
