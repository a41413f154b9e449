"""Normalise: two frames become arrays that can be compared. Text becomes joint codes, money whole cents, times seconds.

A value that says nothing is unknown (-1): blank, a code that stands on far too many rows to be one, an invoice number
that is not ours. Rows are put in the order of their references first, so that shuffled input changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]

UNKNOWN = -1
NO_TIME = np.iinfo(np.int64).min
DAY = 86_400
CARD_TENDERS = frozenset({"card", "credit", "debit", "credit_card", "debit_card", "echeck", "ach", "e-check"})
CHANNELS = ("integrated", "slip", "terminal", "payment_request", "other", "refund")
"""The last one holds whatever goes back, of any channel: refunds keep their own time."""
MONEY_STATUS = frozenset({"settled", "pending", ""})
_TOO_COMMON = 25
"""An authorization on more rows of one side than this is a word (``OFFLINE``, ``000000``), not a code."""
_BRANDS = {
    "V": "VISA", "VI": "VISA", "VIS": "VISA", "VISA": "VISA", "VISADEBIT": "VISA", "VISACREDIT": "VISA",
    "VISAELECTRON": "VISA", "M": "MASTERCARD", "MC": "MASTERCARD", "MASTERCARD": "MASTERCARD", "MASTER": "MASTERCARD",
    "MCRD": "MASTERCARD", "MAESTRO": "MASTERCARD", "MASTERCARDDEBIT": "MASTERCARD", "A": "AMEX", "AX": "AMEX",
    "AMEX": "AMEX", "AE": "AMEX", "AMERICANEXPRESS": "AMEX", "AMERICANEXP": "AMEX", "D": "DISCOVER", "DI": "DISCOVER",
    "DS": "DISCOVER", "DISC": "DISCOVER", "DISCOVER": "DISCOVER", "DISCOVERCARD": "DISCOVER", "NOVUS": "DISCOVER",
    "DC": "DINERS", "DINERS": "DINERS", "DINERSCLUB": "DINERS", "JCB": "JCB", "JC": "JCB", "UP": "UNIONPAY",
    "CUP": "UNIONPAY", "UNIONPAY": "UNIONPAY", "CHINAUNIONPAY": "UNIONPAY",
    "CARD": "", "CREDIT": "", "DEBIT": "", "CREDITCARD": "", "DEBITCARD": "", "OTHER": "", "UNKNOWN": "", "NA": "",
    "NONE": "", "NULL": "", "NAN": "",
}  # fmt: skip


@dataclass(slots=True)
class Side:
    """One side's rows as arrays of the same length. Codes are shared by both sides; unknown is -1."""

    reference: Texts
    cents: Ints
    """Signed: what goes back is negative."""
    time: Ints
    """Seconds of UTC; NO_TIME where unknown."""
    day: Ints
    """Days since 1970: the business day."""
    last4: Ints
    brand: Ints
    authorization: Ints
    invoice: Ints
    location: Ints
    currency: Ints
    client: Ints
    channel: Ints
    """Ours: index into CHANNELS."""
    kind: Texts
    status: Texts
    batch: Ints
    related: Texts
    """The reference of the row this one goes back to, where it is told."""

    def __len__(self) -> int:
        return len(self.reference)

    def take(self, rows: NDArray[Any]) -> Side:
        """The same arrays for some rows only."""
        return Side(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})


@dataclass(slots=True)
class Both:
    """Both sides with joint codes, and what the codes stand for."""

    payments: Side
    settled: Side
    words: dict[str, Texts]
    left_out_payments: tuple[str, ...]
    left_out_settled: tuple[str, ...]


def normalise(payments: pd.DataFrame, settled: pd.DataFrame) -> Both:
    """Arrays of all rows that can meet one another. Columns that are absent are unknown throughout.

    Raises ValueError where a reference is missing or stands twice on one side.
    """
    ours, theirs = _sorted(payments, "payments"), _sorted(settled, "settled")
    words: dict[str, Texts] = {}
    coded: dict[str, tuple[Ints, Ints]] = {}
    for name, clean in _CLEANERS.items():
        (at_ours, ours_texts), (at_theirs, their_texts) = _values(ours, name), _values(theirs, name)
        coded[name] = _joint((at_ours, clean(ours_texts)), (at_theirs, clean(their_texts)), name, words)
    coded["authorization"] = _without_words(*coded["authorization"], len(words["authorization"]))
    coded["invoice"] = _ours_only(*coded["invoice"], words["invoice"])
    left, right = (
        _side(frame, {name: pair[at] for name, pair in coded.items()}, at) for at, frame in enumerate((ours, theirs))
    )
    cards = _among(_lower(ours, "tender"), CARD_TENDERS | {""})
    keeps = cards & (left.cents != 0)
    counts = ~_among(right.kind, {"fee", "adjustment"}) & (right.cents != 0)
    return Both(
        left.take(np.flatnonzero(keeps)), right.take(np.flatnonzero(counts)), words,
        tuple(left.reference[~keeps]), tuple(right.reference[~counts]),
    )  # fmt: skip


def _sorted(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns that are read, in the order of the references."""
    references = frame["reference"].astype("string")
    if references.isna().any() or not references.is_unique:
        raise ValueError(f"{name}: every row needs a reference of its own")
    order = references.argsort(kind="stable").to_numpy()
    read = [column for column in _READ if column in frame]
    return pd.DataFrame({column: frame[column].array.take(order) for column in read})


def _values(frame: pd.DataFrame, name: str) -> tuple[Ints, pd.Series]:
    """Which of the distinct texts of a column each row has, and these texts: text is cleaned once for each of them."""
    if name not in frame:
        return np.zeros(len(frame), dtype=np.int64), pd.Series([""], dtype="string")
    codes, values = pd.factorize(frame[name], use_na_sentinel=False)
    return codes.astype(np.int64), pd.Series(values).astype("string").fillna("").str.strip()


def _lower(frame: pd.DataFrame, name: str) -> Texts:
    codes, values = _values(frame, name)
    return values.str.lower().to_numpy(dtype=object)[codes]


def _text(frame: pd.DataFrame, name: str) -> Texts:
    codes, values = _values(frame, name)
    return values.to_numpy(dtype=object)[codes]


def _among(texts: Texts, words: set[str] | frozenset[str]) -> Bools:
    codes, values = pd.factorize(pd.Series(texts, dtype=object))
    return np.array([value in words for value in values] + [False])[codes]


def _upper(values: pd.Series) -> pd.Series:
    return values.str.upper()


def _plain(values: pd.Series) -> pd.Series:
    return values


def _letters(values: pd.Series) -> pd.Series:
    """Capital letters and digits, without leading zeros: how a code is compared."""
    return values.str.upper().str.replace(r"[^0-9A-Z]+", "", regex=True).str.lstrip("0")


def _invoice(values: pd.Series) -> pd.Series:
    return _letters(values).str.replace(r"^(?:INVOICE|INV|NO|NR)+0*", "", regex=True)


def plain_brand(text: str) -> str:
    """One word for a brand, however it is spelt: ``VI`` and ``Visa`` are VISA. Empty where it says nothing."""
    word = re.sub(r"[^A-Z]", "", text.upper())
    return _BRANDS.get(word, word)


def _brand(values: pd.Series) -> pd.Series:
    return values.map(plain_brand).astype("string")


_CLEANERS = {
    "authorization": _letters,
    "invoice": _invoice,
    "brand": _brand,
    "location": _upper,
    "currency": _upper,
    "client": _plain,
    "batch": _upper,
}
_READ = ("reference", "taken_at", "processed_at", "day", "settled_on", "amount_cents", "kind", "tender", "channel",
         "status", "last4", "related", "reverses", *_CLEANERS)  # fmt: skip


def _joint(
    ours: tuple[Ints, pd.Series], theirs: tuple[Ints, pd.Series], name: str, words: dict[str, Texts]
) -> tuple[Ints, Ints]:
    """The same code for the same text on both sides; -1 for a blank."""
    codes, values = pd.factorize(pd.concat([ours[1], theirs[1]], ignore_index=True).replace("", pd.NA))
    words[name] = np.asarray(values, dtype=object)
    codes = codes.astype(np.int64)
    return codes[: len(ours[1])][ours[0]], codes[len(ours[1]) :][theirs[0]]


def _without_words(ours: Ints, theirs: Ints, size: int) -> tuple[Ints, Ints]:
    """Codes without those that are far too common to tell one sale from another."""
    counts = [np.bincount(codes[codes >= 0], minlength=size + 1) for codes in (ours, theirs)]
    common = (counts[0] > _TOO_COMMON) | (counts[1] > _TOO_COMMON)
    return np.where(common[ours], UNKNOWN, ours), np.where(common[theirs], UNKNOWN, theirs)


def _ours_only(ours: Ints, theirs: Ints, words: Texts) -> tuple[Ints, Ints]:
    """An invoice number at the processor counts when it is one of ours or looks like one of ours; anything else was
    made up there (MX fills in the last eight characters of its own reference)."""
    is_ours = np.bincount(ours[ours >= 0], minlength=len(words) + 1) > 0
    if not is_ours.any():
        return ours, np.full_like(theirs, UNKNOWN)
    texts = pd.Series(words, dtype="string")
    shapes = texts.str.replace(r"[0-9]", "9", regex=True).str.replace(r"[A-Z]", "A", regex=True)
    shape_codes, names = pd.factorize(shapes)
    used = is_ours[:-1]
    per_shape = np.bincount(shape_codes[used], minlength=len(names))
    common = per_shape > max(1.0, 0.01 * used.sum())
    credible = np.append(used | common[shape_codes], False)
    return ours, np.where(credible[theirs], theirs, UNKNOWN)


def _last4(frame: pd.DataFrame) -> Ints:
    codes, values = _values(frame, "last4")
    digits = values.str.replace(r"\.0$", "", regex=True).str.replace(r"[^0-9]", "", regex=True).str[-4:]
    return pd.to_numeric(digits, errors="coerce").fillna(UNKNOWN).to_numpy(dtype=np.int64)[codes]


def _seconds(frame: pd.DataFrame, name: str) -> Ints:
    if name not in frame:
        return np.full(len(frame), NO_TIME, dtype=np.int64)
    moments = pd.to_datetime(frame[name], utc=True, errors="coerce")
    return moments.dt.tz_localize(None).to_numpy(dtype="datetime64[s]").astype(np.int64)


def _days(frame: pd.DataFrame, name: str) -> Ints:
    """Days since 1970 of a column of dates or of ISO text; NO_TIME where there is none."""
    codes, values = (
        pd.factorize(frame[name], use_na_sentinel=False) if name in frame else (np.zeros(len(frame), dtype=int), [None])
    )
    days = pd.to_datetime(pd.Series(values, dtype=object), errors="coerce").to_numpy(dtype="datetime64[D]")
    return days.astype(np.int64)[codes]


def _side(frame: pd.DataFrame, coded: dict[str, Ints], at: int) -> Side:
    time = _seconds(frame, "processed_at" if at else "taken_at")
    day = _days(frame, "day")
    if at:
        settled_on = _days(frame, "settled_on")
        day = np.where((day == NO_TIME) & (time == NO_TIME), settled_on, day)
    day = np.where((day == NO_TIME) & (time != NO_TIME), time // DAY, day)
    time = np.where((time == NO_TIME) & (day != NO_TIME), day * DAY + DAY // 2, time)
    kind, status = _lower(frame, "kind"), _lower(frame, "status")
    cents = pd.to_numeric(frame["amount_cents"]).to_numpy(dtype=np.int64)
    cents = np.where(_among(kind, {"refund", "void", "chargeback"}), -np.abs(cents), cents)
    channel_code = pd.Index(CHANNELS).get_indexer(pd.Index(_lower(frame, "channel")))
    channel = np.where(channel_code < 0, CHANNELS.index("other"), channel_code)
    channel = np.where(cents < 0, CHANNELS.index("refund"), channel).astype(np.int64)
    told = "related" if at else "reverses"
    return Side(
        reference=frame["reference"].to_numpy(dtype=object), cents=cents, time=time, day=day, last4=_last4(frame),
        brand=coded["brand"], authorization=coded["authorization"], invoice=coded["invoice"],
        location=coded["location"], currency=coded["currency"], client=coded["client"], channel=channel, kind=kind,
        status=status, batch=coded["batch"], related=_text(frame, told),
    )  # fmt: skip
