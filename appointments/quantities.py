"""Drug quantities: decimals where people type and read them, whole thousandths of the drug's unit everywhere else."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from data.errors import BadInput

LARGEST = 1_000_000_000


class BadQuantity(BadInput):
    """'{text}' is not a quantity. Write a number with at most three decimals, such as 0.25."""


def thousandths(value: str | int | float | Decimal, *, signed: bool = False) -> int:
    """``0.25`` as 250. Raises BadQuantity for what is no number, too fine, too large, or negative unless ``signed``."""
    try:
        number = Decimal(str(value).strip().replace(",", "."))
        scaled = number * 1000
        if not number.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) > LARGEST:
            raise BadQuantity(text=value)
    except InvalidOperation:
        raise BadQuantity(text=value) from None
    if scaled < 0 and not signed:
        raise BadQuantity(text=value)
    return int(scaled)


def decimal_of(quantity: int) -> Decimal:
    """250 as ``Decimal('0.25')``."""
    return Decimal(quantity) / 1000


def words(quantity: int, unit: str = "", *, sign: bool = False) -> str:
    """250 as ``0.25 mL``; two decimals at least for volumes, none for tablets that are whole."""
    number = decimal_of(quantity)
    places = 3 if quantity % 10 else 2
    if unit and unit != "mL" and quantity % 1000 == 0:
        places = 0
    text = f"{number:+,.{places}f}" if sign else f"{number:,.{places}f}"
    return f"{text} {unit}".strip().replace("-", "−")
