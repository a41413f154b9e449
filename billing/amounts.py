"""The edge between what people type and whole cents. Inside the product there is no other form of money."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from babel.numbers import NumberFormatError, format_decimal, get_currency_precision, parse_decimal

from data.errors import BadInput

MOST_CENTS = 100_000_000_00


class BadAmount(BadInput):
    """{text} is not an amount of money. Write it like 12.50."""


class BadQuantity(BadInput):
    """{text} is not a quantity. Write it like 1 or 2.5."""


def cents_of(text: str, *, locale: str = "en_US", currency: str = "USD") -> int:
    """Whole cents from typed text such as ``1,234.5`` or ``$12``; never negative.

    Raises BadAmount, also for more decimals than the currency has.
    """
    value = _decimal(text, locale)
    if value is None:
        raise BadAmount(text=_shown(text))
    scaled = value.scaleb(get_currency_precision(currency))
    if scaled != scaled.to_integral_value() or not 0 <= scaled <= MOST_CENTS:
        raise BadAmount(text=_shown(text))
    return int(scaled)


def discount_of(text: str, gross_cents: int, *, locale: str = "en_US", currency: str = "USD") -> int:
    """Whole cents off a charge from typed text: an amount such as ``5.00``, or a share of the charge such as ``10%``,
    rounded half up. Nothing typed is nothing off. Raises BadAmount."""
    typed = (text or "").strip()
    if not typed.endswith("%"):
        return cents_of(typed or "0", locale=locale, currency=currency)
    share = _decimal(typed[:-1], locale)
    if share is None or not 0 <= share <= 100:
        raise BadAmount(text=_shown(text))
    return int((gross_cents * share / 100).to_integral_value(ROUND_HALF_UP))


def thousandths_of(text: str, *, locale: str = "en_US") -> int:
    """A quantity in thousandths from typed text such as ``2`` or ``0.5``. Raises BadQuantity."""
    value = _decimal(text, locale)
    if value is None or not 0 < value <= 100_000:
        raise BadQuantity(text=_shown(text))
    return int((value * 1000).to_integral_value(ROUND_HALF_UP))


def quantity_text(thousandths: int, *, locale: str = "en_US") -> str:
    """``2500`` as ``2.5``."""
    return str(format_decimal(Decimal(thousandths) / 1000, locale=locale))


def decimal_text(cents: int, *, currency: str = "USD") -> str:
    """``1250`` as ``12.50``: for filling an input."""
    precision = get_currency_precision(currency)
    return f"{Decimal(cents).scaleb(-precision):.{precision}f}"


def _decimal(text: str, locale: str) -> Decimal | None:
    cleaned = re.sub(r"^[\s$€£¥₹]+|[\s$€£¥₹]+$|\s", "", text or "")
    if not re.fullmatch(r"[\d.,'’]*\d[\d.,'’]*", cleaned, re.ASCII) or len(cleaned) > 20:
        return None
    try:
        return parse_decimal(cleaned, locale=locale, strict=True)
    except (NumberFormatError, InvalidOperation, ValueError):
        return None


def _shown(text: str) -> str:
    return f"'{text.strip()[:20]}'" if text and text.strip() else "Nothing"
