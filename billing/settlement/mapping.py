"""Files of an unknown make: which column is what, how dates and amounts are written. Saved, shared, tried on a preview.

The document is a definition of the kind ``settlement-mapping``; ``ballast schema mapping`` prints its JSON schema. The
columns are matched by the same means as in other imports (records/mapping.py), read by the same reader of tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field as Rule
from pydantic import field_validator

from billing.settlement.rows import (
    KIND_WORDS,
    STATUS_WORDS,
    Account,
    BankRow,
    Reading,
    Setting,
    SettledRow,
    amount,
    brand,
    day,
    last4,
    moment,
    noon,
    plain,
    signed,
    word,
    words,
)
from data import definitions
from data.card_numbers import holds_card_number
from records.imports import ColumnMissing
from records.mapping import BadMapping, Field, Source, fold, guess_fields
from records.reading import Table, read_table
from records.values import Unreadable, date_order

NAME = "settlement-mapping"


class SettlementMapping(definitions.Document):
    """How a settlement or a bank statement is read. Every text may stay empty: then it is found or not there."""

    of: Literal["settlement", "bank"] = "settlement"
    label: str = Rule(default="", max_length=120)
    processor: str = Rule(default="", max_length=80)
    """The slug of the processor (or the name of the bank account) whose file it is."""
    encoding: str = Rule(default="", max_length=40)
    delimiter: str = Rule(default="", max_length=1)
    rows_above: int | None = Rule(default=None, ge=0, le=1000)
    """Rows above the heading; none finds the heading by itself."""
    rows_below: int = Rule(default=0, ge=0, le=1000)
    """Rows at the end that are no transactions, such as totals."""
    has_heading: bool = True
    decimal_mark: Literal["", ".", ","] = ""
    whole_cents: bool = False
    """Amounts are whole cents, such as 4599."""
    date_order: Literal["ymd", "dmy", "mdy"] = "ymd"
    zone: str = Rule(default="", max_length=60)
    """Of times without an offset; else the processor's or the clinic's."""
    sign: Literal["as_written", "inverted"] = "as_written"
    fields: dict[str, Source]
    only: dict[str, list[str]] = Rule(default_factory=dict)
    """Column to words: rows that hold another word there are left out."""

    model_config = definitions.Document.model_config | {"str_strip_whitespace": False}

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone and zone not in available_timezones():
            raise ValueError("is not a time zone. Write it like America/Chicago")
        return zone

    @property
    def used_columns(self) -> set[str]:
        """Every column it reads."""
        return {name for source in self.fields.values() for name in source.names} | set(self.only)


SETTLEMENT_MAPPING = definitions.register(NAME, "Settlement mapping", SettlementMapping, has_own_rules=True)

FIELDS = (
    Field("reference", "Transaction id", required=True, help="The processor's own id of the transaction",
          synonyms=("reference", "transaction id", "trans id", "transactionid", "txn id", "id", "transaction number",
                    "transaction", "transaction reference", "ref", "trans #", "transaction #", "txn #", "reference #")),
    Field("processed_at", "Processed at", "moment", help="When the card was charged",
          synonyms=("processed", "transaction date", "date", "created", "submit date/time", "date/time", "datetime",
                    "timestamp", "transaction time", "sale date", "trans date", "sold", "date sold", "txn date")),
    Field("processed_time", "Time of day", "time", help="Where the time has a column of its own",
          synonyms=("time", "trans time", "transaction time of day")),
    Field("settled_on", "Settled on", "date", help="The day of the batch",
          synonyms=("settled", "settlement date", "batch date", "settled date", "settlement date/time", "closed",
                    "payout date", "funding date", "deposit date", "available on")),
    Field("amount", "Amount", "money",
          synonyms=("gross", "total", "transaction amount", "total amount", "sale amount", "settlement amount",
                    "settled amount", "amt")),
    Field("debit", "Money out", "money", synonyms=("refund amount", "debits", "withdrawal", "refunds")),
    Field("credit", "Money in", "money", synonyms=("credits", "sales amount", "deposits", "sales")),
    Field("fee", "Fee", "money", help="What the processor keeps; positive is a cost",
          synonyms=("fees", "processing fee", "discount fee", "total fee")),
    Field("currency", "Currency"),
    Field("kind", "Kind", "choice", choices=KIND_WORDS,
          synonyms=("type", "transaction type", "action code", "trans type", "category", "reporting category")),
    Field("status", "Status", "choice", choices=STATUS_WORDS, synonyms=("transaction status", "state", "result")),
    Field("batch", "Batch", synonyms=("batch id", "batch #", "batch number", "batch no", "payout id", "settlement id",
                                      "deposit id", "batchid")),
    Field("last4", "Last 4", synonyms=("card number", "last four", "card last 4", "account number", "card", "card no",
                                       "card #", "pan", "masked card")),
    Field("brand", "Card brand", synonyms=("card type", "network", "type of card", "payment method", "method",
                                           "tender", "scheme")),
    Field("authorization", "Authorization", synonyms=("auth code", "authorization code", "approval code", "auth",
                                                      "approval", "auth #", "approval #")),
    Field("invoice", "Invoice", synonyms=("invoice number", "invoice #", "order number", "invoice no", "order id")),
    Field("entry_mode", "Entry mode", synonyms=("entry", "entry method", "pos entry")),
    Field("location", "Location", synonyms=("site", "store", "merchant name", "dba", "branch")),
    Field("zone", "Time zone", help="Of a new location"),
    Field("related", "Belongs to", help="Of a refund or chargeback: the id of the sale",
          synonyms=("original id", "original transaction", "parent id", "related", "charge id", "ref trans id")),
)  # fmt: skip
BANK_FIELDS = (
    Field("posted_on", "Day", "date", required=True,
          synonyms=("posted", "date", "posting date", "booking date", "transaction date", "posted date", "value date",
                    "book date", "post date", "completed date", "buchungstag", "datum", "fecha", "data", "dato",
                    "date operation", "boekdatum", "effective date")),
    Field("amount", "Amount", "money", synonyms=("amount (usd)", "value", "sum", "transaction amount", "betrag",
                                                 "bedrag", "importe", "montant", "importo", "umsatz", "amount usd")),
    Field("debit", "Money out", "money", synonyms=("debit amount", "withdrawal", "withdrawals", "paid out", "debits",
                                                   "money out", "charge", "soll", "cargo", "débit", "withdrawals (-)")),
    Field("credit", "Money in", "money", synonyms=("credit amount", "deposit", "deposits", "paid in", "credits",
                                                   "money in", "haben", "abono", "crédit", "deposits (+)")),
    Field("description", "Description", synonyms=("details", "memo", "narrative", "payee", "text", "transaction",
                                                  "particulars", "name", "label", "transaction description",
                                                  "umsatztext", "verwendungszweck", "buchungstext", "omschrijving",
                                                  "concepto", "libellé", "descrizione")),
    Field("details", "More description", synonyms=("extended details", "notes", "addenda", "extended description")),
    Field("reference", "Bank's id", synonyms=("fitid", "transaction id", "reference", "bank reference", "id")),
    Field("currency", "Currency", synonyms=("währung", "valuta", "moneda", "devise")),
)  # fmt: skip


def fields_of(of: str) -> tuple[Field, ...]:
    """The fields of a settlement or of a bank statement."""
    return BANK_FIELDS if of == "bank" else FIELDS


def open_mapped(content: bytes, name: str, mapping: SettlementMapping) -> Table:
    """The table a mapping speaks of. Raises the refusals of reading."""
    return read_table(
        content, name, encoding=mapping.encoding, delimiter=mapping.delimiter, above=mapping.rows_above,
        below=mapping.rows_below, has_heading=mapping.has_heading,
    )  # fmt: skip


def guess(table: Table, of: Literal["settlement", "bank"], *, prefer_order: str = "mdy") -> SettlementMapping:
    """The likeliest mapping of a table nobody has seen: by names, their synonyms and the look of the values."""
    wanted = [field for field in fields_of(of) if field.kind != "time"]
    found = guess_fields(table, wanted, prefer_order=prefer_order)
    _by_looks(table, of, found, prefer_order)
    if "amount" in found:
        found = {name: source for name, source in found.items() if name not in ("debit", "credit")}
    time_of_day = next((c for c in table.columns if fold(c) == "time" and c not in _columns(found)), None)
    if of == "settlement" and time_of_day and "processed_at" in found:
        found["processed_time"] = Source(column=time_of_day)
    dated = [c for name in ("processed_at", "settled_on", "posted_on") if name in found for c in found[name].names]
    order, _ = date_order((text for column in dated for text in table.samples(column, 200)), prefer_order)
    if all(text[:4].isdigit() for column in dated for text in table.samples(column, 20)):
        order = "ymd"
    money = [c for name in ("amount", "debit", "credit") if name in found for c in found[name].names]
    samples = [text for column in money for text in table.samples(column, 200)]
    return SettlementMapping(
        of=of, date_order=order, decimal_mark=_mark(samples), rows_below=_totals(table, dated),
        fields={name: source.model_copy(update={"format": ""}) for name, source in found.items()},
    )  # fmt: skip


TOTALS = ("total", "sum", "saldo", "balance", "solde", "totaal")


def _totals(table: Table, dated: list[str]) -> int:
    """How many rows at the end are totals: no day in them, but a word for a sum."""
    places = [table.columns.index(column) for column in dated]
    found = 0
    for count, line in enumerate(reversed(table.rows[-8:]), 1):
        has_day = any(place < len(line) and any(map(str.isdigit, line[place])) for place in places)
        if has_day or not places:
            break
        if any(word in " ".join(line).casefold() for word in TOTALS):
            found = count
    return found


def _by_looks(table: Table, of: str, found: dict[str, Source], order: str) -> None:
    """Day, amount and card where no name tells, by the look of their values."""
    days = ("posted_on",) if of == "bank" else ("processed_at", "settled_on")
    if not set(days) & set(found):
        _first_like(table, found, days[0], lambda text: day(text.split()[0], "dmy" if _is_late(text) else order))
    if not {"amount", "debit", "credit"} & set(found):
        _first_like(table, found, "amount", _money)
    if of == "settlement" and "last4" not in found:
        _first_like(table, found, "last4", _masked)
    if of == "settlement" and "kind" not in found:
        _first_like(table, found, "kind", _kind)


def _first_like(table: Table, found: dict[str, Source], field: str, read: Callable[[str], Any]) -> None:
    """Take the first free column all of whose values can be read so."""
    for column in table.columns:
        samples = table.samples(column, 12)
        if not samples or column in _columns(found):
            continue
        try:
            for text in samples:
                read(text)
        except (Unreadable, IndexError):
            continue
        found[field] = Source(column=column)
        return


def _is_late(text: str) -> bool:
    """Whether a date begins with a day that cannot be a month."""
    return text[:2].isdigit() and int(text[:2]) > 12


def _money(text: str) -> int:
    if not any(sign in text for sign in ".,$€£") or ":" in text:
        raise Unreadable(text)
    return amount(text, 2, mark=_mark([text]))


def _kind(text: str) -> str:
    """A kind of transaction; "credit" and "debit" alone may as well be kinds of cards."""
    if text.strip().casefold() in ("credit", "debit"):
        raise Unreadable(text)
    return word(text, KIND_WORDS, "kind")


def _masked(text: str) -> str:
    if not any(sign in text for sign in "*xX•"):
        raise Unreadable(text)
    return last4(text)


def _columns(found: Mapping[str, Source]) -> set[str]:
    return {name for source in found.values() for name in source.names}


def _mark(samples: Iterable[str]) -> Literal["", ".", ","]:
    """The decimal sign a column of amounts shows: the last one, with two digits behind it."""
    points = commas = 0
    for text in samples:
        bare = "".join(sign for sign in text if sign.isdigit() or sign in ".,")
        if bare[-3:-2] in (".", ","):
            points += bare[-3] == "."
            commas += bare[-3] == ","
    if points and commas:
        return ""
    return "." if points else "," if commas else ""


# ---- reading by a mapping


class _Cells:
    """The cells of one row under a mapping, as texts."""

    def __init__(self, table: Table, mapping: SettlementMapping) -> None:
        self.table, self.mapping = table, mapping
        self.line: list[str] = []
        index = {name: place for place, name in enumerate(table.columns)}
        self._places = {name: [index[c] for c in source.names] for name, source in mapping.fields.items()}
        self._only = [(index[column], frozenset(kept)) for column, kept in mapping.only.items()]

    def has(self, name: str) -> bool:
        """Whether a field has a column or a constant."""
        return name in self._places

    def text(self, name: str) -> str:
        """A cell's text in the file's or the mapping's words; empty where the field is not mapped."""
        places = self._places.get(name)
        if places is None:
            return ""
        source = self.mapping.fields[name]
        if source.value:
            return source.value
        if len(places) == 1:
            text = self.line[places[0]].strip()
        else:
            text = source.join.join(part for part in (self.line[place].strip() for place in places) if part)
        if text and source.values:
            return source.values.get(text, source.otherwise or text)
        return text

    def lines(self, reading: Reading) -> Iterable[str]:
        """Each row that counts, set as the current one; gives its place."""
        width = len(self.table.columns)
        for number, line in enumerate(self.table.rows, self.table.first_row):
            if not any(cell.strip() for cell in line):
                continue
            if len(line) > width and any(cell.strip() for cell in line[width:]):
                reading.problem(
                    f"row {number}", f"it has {len(line)} cells, the heading {width}. Leave out rows that are no "
                    "transactions, or choose another separator.",
                )  # fmt: skip
                continue
            self.line = [*line, *[""] * (width - len(line))] if len(line) < width else line
            if any(self.line[index].strip() not in kept for index, kept in self._only):
                continue
            yield f"row {number}"


def _check(table: Table, mapping: SettlementMapping) -> None:
    """Raises BadMapping, ColumnMissing."""
    known = {field.name: field for field in fields_of(mapping.of)}
    for name, source in mapping.fields.items():
        if name not in known:
            raise BadMapping(file=table.name, problem=f"there is no field '{name}'.")
        for column in source.names:
            if column not in table.columns:
                label = f"{known[name].label} ('{column}')"
                raise ColumnMissing(file=table.name, field=label, columns=", ".join(table.columns))
    for column in mapping.only:
        if column not in table.columns:
            raise ColumnMissing(file=table.name, field=f"choosing rows ('{column}')", columns=", ".join(table.columns))
    groups: tuple[tuple[str, ...], ...] = (("posted_on",), ("amount", "debit", "credit"))
    if mapping.of == "settlement":
        groups = (("reference",), ("amount", "debit", "credit"), ("processed_at", "settled_on"))
    for group in groups:
        if not set(group) & set(mapping.fields):
            labels = " or ".join(known[name].label for name in group)
            raise ColumnMissing(file=table.name, field=labels, columns=", ".join(table.columns))


class _Values:
    """Texts to values as a mapping writes them; answers are remembered, as columns repeat themselves."""

    def __init__(self, mapping: SettlementMapping, setting: Setting) -> None:
        self.mapping, self.setting = mapping, setting
        self.zone = ZoneInfo(mapping.zone) if mapping.zone else setting.zone
        self._known: dict[tuple[str, str], Any] = {}

    def of(self, field: str, text: str, read: Callable[[str], Any]) -> Any:
        """The value of a text; a refusal names the field's column."""
        key = field, text
        found = self._known.get(key)
        if found is None:
            try:
                found = read(text)
            except Unreadable as failure:
                raise Unreadable(f"column {self.column(field)}: {failure}") from None
            if len(self._known) < 100_000:
                self._known[key] = found
        return found

    def column(self, field: str) -> str:
        """What the file calls it."""
        source = self.mapping.fields.get(field)
        return " + ".join(source.names) if source and source.names else field.replace("_", " ")

    def cents(self, field: str, text: str) -> int:
        """Money, before its sign is looked at."""
        return int(self.of(field, text, self._cents))

    def _cents(self, text: str) -> int:
        if self.mapping.whole_cents:
            return amount(text, 0)
        return amount(text, self.setting.digits, mark=self.mapping.decimal_mark)

    def day(self, field: str, text: str) -> date:
        """A calendar day; a time behind it is dropped."""
        found: date = self.of(field, text, lambda text: day(text, self.mapping.date_order))
        return found


def _amount(cells: _Cells, values: _Values) -> int:
    """The amount of a row: of its column, or money in less money out."""
    turned = -1 if values.mapping.sign == "inverted" else 1
    if text := cells.text("amount"):
        return turned * values.cents("amount", text)
    paid_in, paid_out = cells.text("credit"), cells.text("debit")
    incoming = abs(values.cents("credit", paid_in)) if paid_in else 0
    outgoing = abs(values.cents("debit", paid_out)) if paid_out else 0
    if incoming and outgoing:
        raise Unreadable(
            f"column {values.column('credit')}: money in and money out stand in one row. One of them must be empty."
        )
    if not paid_in and not paid_out:
        place = "amount" if cells.has("amount") else "credit"
        raise Unreadable(f"column {values.column(place)}: it is empty, and every row needs it.")
    return turned * (incoming - outgoing)


def read_settlement(table: Table, mapping: SettlementMapping, setting: Setting, *, source: str = "mapping") -> Reading:
    """Transactions out of a table. Raises BadMapping, ColumnMissing; what is wrong with rows stands in the reading."""
    _check(table, mapping)
    reading = Reading(table.name, source, sha256=table.sha256, mapping=mapping.model_dump(mode="json"))
    cells, values = _Cells(table, mapping), _Values(mapping, setting)
    for place in cells.lines(reading):
        with reading.at(place):
            reading.rows.append(_settled(cells, values, place))
    refuse_cards_as_ids(reading)
    return reading


def _settled(cells: _Cells, values: _Values, place: str) -> SettledRow:
    setting, text = values.setting, cells.text
    reference = text("reference")
    if not reference:
        raise Unreadable(f"column {values.column('reference')}: it is empty, and every row needs it.")
    settled_on = values.day("settled_on", written) if (written := text("settled_on")) else None
    processed_at = None
    if written := text("processed_at"):
        if clock := text("processed_time"):
            written = f"{written.split()[0]} {clock}"
        processed_at = values.of("processed_at", written, lambda text: _instant(text, values))
    if processed_at is None and settled_on is None:
        column = values.column("processed_at" if cells.has("processed_at") else "settled_on")
        raise Unreadable(f"column {column}: it is empty, and every row needs a day.")
    cents = _amount(cells, values)
    status = "settled"
    if written := text("status"):
        status = values.of("status", written, lambda text: word(text, STATUS_WORDS, "status"))
    elif cells.has("settled_on") and settled_on is None and not cells.has("status"):
        status = "pending"
    if written := text("kind"):
        kind = values.of("kind", written, lambda text: word(text, KIND_WORDS, "kind"))
        if kind == "sale" and cents < 0:
            if status in ("settled", "pending", "authorized"):
                raise Unreadable(
                    f"column {values.column('amount')}: a sale cannot be negative. Money that went back is a refund."
                )
            cents = -cents
    else:
        kind = "refund" if cents < 0 else "sale"
    fee = values.cents("fee", written) if (written := text("fee")) else None
    return SettledRow(
        reference=_id(values, "reference", reference, 120),
        kind=kind, status=status, amount_cents=signed(kind, cents),
        currency=(text("currency") or setting.currency).upper()[:10], processed_at=processed_at, settled_on=settled_on,
        batch=_id(values, "batch", text("batch"), 120), fee_cents=fee,
        last4=values.of("last4", text("last4"), last4),
        brand=values.of("brand", text("brand"), lambda text: brand(plain(text, 60))),
        authorization=_plain(values, "authorization", text("authorization"), 20),
        invoice=_plain(values, "invoice", text("invoice"), 80),
        entry_mode=_plain(values, "entry_mode", text("entry_mode"), 20),
        location=_plain(values, "location", text("location"), 120), zone=_plain(values, "zone", text("zone"), 60),
        related=_id(values, "related", text("related"), 120), place=place,
    )  # fmt: skip


def _instant(text: str, values: _Values) -> Any:
    if ":" not in text and "T" not in text:
        return noon(day(text, values.mapping.date_order), values.zone)
    return moment(text, values.zone, values.mapping.date_order)


def _plain(values: _Values, field: str, text: str, length: int) -> str:
    return str(values.of(field, text, lambda text: plain(text, length))) if text else ""


def _id(values: _Values, field: str, text: str, length: int) -> str:
    """An id of the processor: long digits belong there (what they may not be is looked at over the whole file)."""
    if len(text) > length:
        raise Unreadable(f"column {values.column(field)}: it has {len(text)} characters, at most {length} fit.")
    return text if text.isprintable() else "".join(sign for sign in text if sign.isprintable())


def refuse_cards_as_ids(reading: Reading) -> None:
    """Card numbers where ids belong. One long number in ten passes for a card's by chance; where more than a third of
    them do, they are cards."""
    for name in ("reference", "batch", "related"):
        ids = {getattr(row, name): row.place for row in reversed(reading.rows)}
        long = [text for text in ids if len(text) >= 13 and sum(sign.isdigit() for sign in text) >= 13]
        cards = [text for text in long if holds_card_number(text)]
        if len(cards) * 3 > len(long):
            for text in reversed(cards):
                reading.problem(
                    ids[text], f"{name}: it holds a payment card number, which is never stored. Leave the column out, "
                    "or keep the last four digits.",
                )  # fmt: skip


def read_bank(table: Table, mapping: SettlementMapping, setting: Setting) -> Reading:
    """Lines of a bank statement out of a table. Raises BadMapping, ColumnMissing."""
    _check(table, mapping)
    reading = Reading(table.name, "csv", sha256=table.sha256, mapping=mapping.model_dump(mode="json"))
    cells, values = _Cells(table, mapping), _Values(mapping, setting)
    lines: list[BankRow] = []
    currencies = set[str]()
    for place in cells.lines(reading):
        with reading.at(place):
            written = cells.text("posted_on")
            if not written:
                raise Unreadable(f"column {values.column('posted_on')}: it is empty, and every row needs it.")
            currency = (cells.text("currency") or setting.currency).upper()[:10]
            currencies.add(currency)
            lines.append(
                BankRow(
                    values.day("posted_on", written),
                    _amount(cells, values),
                    currency,
                    words(" ".join(filter(None, (cells.text("description"), cells.text("details"))))),
                    cells.text("reference")[:200],
                    place,
                )
            )
    reading.accounts.append(Account("", next(iter(currencies), setting.currency), tuple(lines)))
    return reading
