"""What a person typed from paper, read by the kind of its field: times, numbers, initials, bottles.

Nothing is guessed. Every answer that cannot be read is told with its field, all of them at once, so that the person
who keys looks at the paper once more and not five times.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from appointments.moves import CLOCK_SLACK
from appointments.times import NotATime, SkippedHour, instant_of, read_time
from data.card_numbers import holds_card_number
from data.errors import BadInput
from data.models import Bottle, Drug, User
from data.types import clock
from forms.definition import Cell, Form, FormField

BLANK = "-"
"""Typed where the paper was left empty."""
ILLEGIBLE = "?"
"""Typed where somebody signed and nobody can read who."""
LONGEST = 2_000
CARD = "This looks like a card number. Card numbers are never kept here: leave it out."


class NotReadable(BadInput):
    """{count}: {first}"""

    problems: list[Problem]

    @staticmethod
    def of(problems: list[Problem]) -> NotReadable:
        """One refusal of them all."""
        count = "One answer needs another look" if len(problems) == 1 else f"{len(problems)} answers need another look"
        refusal = NotReadable(count=count, first=problems[0].sentence)
        refusal.problems = problems
        return refusal


class Wrong(BadInput):  # with ``cell``: which column of the line it is about
    """{problem}"""


@dataclass(frozen=True)
class Problem:
    """What is wrong with one answer; ``key`` as in the form, ``grid.line.column`` in repeating lines."""

    sheet: str
    key: str
    sentence: str


@dataclass
class House:
    """The people and bottles that paper may name, and when and where it was written."""

    people: list[User]
    bottles: dict[str, tuple[Bottle, Drug]]
    """By number in small letters."""
    zone: str
    day: date
    month_first: bool = True
    opens: tuple[time, time] | None = None
    log_of: str = ""
    """The number of the bottle, on a sheet that is the log of one."""

    def person(self, text: str) -> str | None:
        """The id of whoever these initials, or this name, belong to. Raises BadInput with the initials there are."""
        wanted = _plain(text)
        if not wanted:
            return None
        for told in (_by_initials, _by_user_name, _by_name):
            found = [one for one in self.people if told(one, wanted)]
            found = [one for one in found if one.status == "active"] or found
            if len(found) == 1:
                return found[0].id
            if found:
                names = " or ".join(one.name for one in found)
                raise BadInput(problem=f"'{text}' may be {names}. Type the name.")
        known = ", ".join(sorted({initials_of(one) for one in self.people if one.status == "active"}))
        raise BadInput(problem=f"Nobody here signs '{text}'. Known: {known}. Type ? where nobody can read it.")

    def bottle(self, text: str, drug: str = "") -> tuple[Bottle, Drug]:
        """The bottle with this number. Raises Wrong with the numbers that come near."""
        wanted = text.strip().casefold()
        if not wanted:
            raise Wrong(cell="bottle", problem="The number of the bottle is missing.")
        found = self.bottles.get(wanted)
        if found is None:
            alike = [number for number in self.bottles if number.lstrip("b0-#") == wanted.lstrip("b0-#") != ""]
            if len(alike) == 1:
                found = self.bottles[alike[0]]
        if found is None:
            raise Wrong(cell="bottle", problem=f"There is no bottle {text.strip()}.{self._near(wanted, drug)}")
        named = _plain(drug)
        if (
            named
            and not _plain(f"{found[1].name} {found[1].strength}").startswith(named)
            and named not in _plain(found[1].code)
        ):
            raise Wrong(
                cell="bottle",
                problem=f"Bottle {found[0].number} holds {found[1].name}, the paper says {drug.strip()}. Check both.",
            )
        return found

    def _near(self, wanted: str, drug: str) -> str:
        named = _plain(drug)
        mine = [number for number, (_, one) in self.bottles.items() if not named or _plain(one.name).startswith(named)]
        near = difflib.get_close_matches(wanted, mine or list(self.bottles), n=3, cutoff=0.4) or mine[:3]
        if not near:
            return " Take it into stock on the Drug log page first."
        told = [f"{self.bottles[number][0].number} ({self.bottles[number][1].name})" for number in near]
        return f" Did you mean {', '.join(told)}?"

    def at(self, typed: time) -> datetime:
        """The instant of a clock time on the day of the paper. Raises BadInput for one that has not come."""
        instant = instant_of(self.day, typed, self.zone)
        if instant > clock.now() + CLOCK_SLACK:
            raise BadInput(problem=f"{typed:%H:%M} on that day has not come yet.")
        return instant


def initials_of(user: User) -> str:
    """The initials somebody signs with: their own, or those of the name."""
    return user.initials or "".join(part[0] for part in user.name.split() if part)[:4].upper()


def clock_time(text: str, opens: tuple[time, time] | None = None) -> time:
    """A time as people write it: 930, 9:30, 0930, 2:15 pm. One to six o'clock without a leading zero is the afternoon
    where that is more than two hours before the clinic opens. Raises NotATime."""
    found = read_time(text)
    bare = text.strip().lower()
    if 1 <= found.hour <= 6 and not bare.startswith("0") and not any(mark in bare for mark in "ap"):
        later = found.replace(hour=found.hour + 12)
        begins, ends = opens or (time(7), time(19))
        if found.hour * 60 + found.minute < begins.hour * 60 + begins.minute - 120 and later.hour <= ends.hour + 2:
            return later
    return found


@dataclass
class Answers:
    """The answers of one sheet, read. ``values`` by field key; ``rows`` of a grid by its key, each with its line
    number; ``left`` are the fields that somebody should look at, each with its sentence: left empty though the paper
    asks for them, or typed otherwise than they are marked."""

    sheet: str
    form: Form
    values: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_sheet(sheet: str, form: Form, typed: Mapping[str, Any], machine: Mapping[str, Any], house: House) -> Answers:
    """Read everything typed from one sheet. An answer that was not typed at all is the machine's, where it is sure and
    the field is not critical."""
    told = Answers(sheet, form)
    told.problems += [Problem(sheet, key, CARD) for key, raw in typed.items() if _holds_card(raw)]
    typed = {key: raw for key, raw in typed.items() if not _holds_card(raw)}
    for one in form.fields():
        if one.type in ("fact", "prose"):
            continue
        if one.type == "grid":
            _read_grid(told, one, typed, machine, house)
            continue
        raw = typed[one.key] if one.key in typed else from_machine(machine.get(one.key), critical=one.critical)
        if _is_empty(raw):
            _left_empty(told, one, raw, machine.get(one.key))
            continue
        try:
            told.values[one.key] = read(one, raw, house)
        except (BadInput, NotATime, SkippedHour) as refusal:
            told.problems.append(Problem(sheet, one.key, f"{one.label}: {refusal.message}"))
            continue
        if one.critical:
            _compare(told, one, machine.get(one.key), house)
    return told


def _holds_card(raw: Any) -> bool:
    return any(holds_card_number(str(one)) for one in (raw if isinstance(raw, list) else [raw]))


def _compare(told: Answers, one: FormField, found: Any, house: House) -> None:
    """A critical answer is typed without a look at the machine's: where both are sure and differ, one is a mistake.
    The person's is kept, and somebody looks at it."""
    marked = from_machine(found)
    if _is_empty(marked) or one.type not in ("single", "digits", "bubble_digits"):
        return
    with contextlib.suppress(BadInput):
        typed, was = told.values[one.key], read(one, marked, house)
        if typed != was:
            words = {option.value: option.label for option in one.options}
            sentence = f"{one.label}: {words.get(typed, typed)} was typed, but {words.get(was, was)} is marked."
            told.left.append((one.key, sentence))


def from_machine(found: Any, *, critical: bool = False) -> Any:
    """What the machine read, where a person need not look at it."""
    if critical or not isinstance(found, Mapping) or found.get("state") != "read":
        return None
    return found.get("value")


def read(one: FormField | Cell, raw: Any, house: House) -> Any:
    """One answer by the kind of its field: a flag, an option, options, a Decimal, a text, a day, an instant, a
    person's id (None where nobody can read it). Raises BadInput, NotATime."""
    if one.type in ("check", "signature"):
        return raw is True or (isinstance(raw, str) and raw.strip().casefold() in ("yes", "true", "x", "1"))
    if one.type == "single":
        return _option(one, raw)
    if one.type == "multi":
        return [_option(one, value) for value in (raw if isinstance(raw, list) else [raw])]
    text = str(raw).strip()
    if len(text) > LONGEST:
        raise BadInput(problem=f"That text has {len(text)} characters; {LONGEST} fit here. Shorten it.")
    if one.type in ("digits", "bubble_digits"):
        return _number(one, text)
    if holds_card_number(text):
        raise BadInput(problem=CARD)
    if one.type == "time":
        return house.at(clock_time(text, house.opens))
    if one.type == "date":
        return _day(text, house)
    if one.type == "initials" or getattr(one, "target", "") == "surgery.surgeon_id":
        return None if text == ILLEGIBLE else house.person(text) if one.type != "initials" else _signers(text, house)
    return text


def _signers(text: str, house: House) -> Any:
    """Whoever signed; where two did, as beside a count, both in their order."""
    parts = [part for part in re.split(r"[\s,;/+&]+", text) if part]
    if len(parts) < 2:
        return house.person(text)
    try:
        return [house.person(part) for part in parts if part != ILLEGIBLE]
    except BadInput:
        return house.person(text)  # a name of several words


def _read_grid(
    told: Answers, one: FormField, typed: Mapping[str, Any], machine: Mapping[str, Any], house: House
) -> None:
    rows = told.rows.setdefault(one.key, [])
    for number in range(1, most_lines(one, typed) + 1):
        cells: dict[str, Any] = {}
        for cell in one.cells:
            key = f"{one.key}.{number}.{cell.key}"
            raw = typed[key] if key in typed else from_machine(machine.get(key), critical=cell.critical)
            if _is_empty(raw) or (raw is False and cell.type == "check"):
                continue
            try:
                cells[cell.key] = read(cell, raw, house)
            except (BadInput, NotATime, SkippedHour) as refusal:
                where = f"{one.label or cell.label}, line {number}"
                told.problems.append(Problem(told.sheet, key, f"{where}, {cell.label.lower()}: {refusal.message}"))
                cells[cell.key] = None
        if cells:
            rows.append((number, cells))


def most_lines(one: FormField, typed: Mapping[str, Any]) -> int:
    """How many lines of a grid there are to read: those on the paper, or more where somebody wrote below them."""
    numbers = [int(parts[1]) for key in typed if (parts := key.split("."))[0] == one.key and len(parts) == 3
               and parts[1].isdigit()]  # fmt: skip
    return max([one.lines, *(number for number in numbers if number <= 60)])


def _left_empty(told: Answers, one: FormField, raw: Any, found: Any) -> None:
    if raw == BLANK:
        if one.required or one.critical:
            told.left.append((one.key, f"{one.label} was left empty on the paper."))
        return
    marked = isinstance(found, Mapping) and found.get("value") not in (None, "", [], False)
    if one.critical and (one.required or marked) and one.type != "signature":
        hint = "It was marked, but nobody confirmed it." if marked else "The paper asks for it."
        told.problems.append(
            Problem(told.sheet, one.key, f"{one.label}: {hint} Type it, or - where the paper is empty.")
        )
    elif one.required:
        told.left.append((one.key, f"{one.label} was left empty on the paper."))


def _is_empty(raw: Any) -> bool:
    return raw is None or raw == [] or (isinstance(raw, str) and raw.strip() in ("", BLANK)) or raw is False


def _option(one: FormField | Cell, raw: Any) -> str:
    text = str(raw).strip()
    for option in one.options:
        if text.casefold() in (option.value.casefold(), option.label.casefold()):
            return option.value
    raise BadInput(problem=f"'{text}' is none of {', '.join(option.label for option in one.options)}.")


def _number(one: FormField | Cell, text: str) -> Decimal:
    plain = text.replace(",", ".").removesuffix(one.unit).strip()
    try:
        value = Decimal(plain)
        if not value.is_finite() or abs(value) >= Decimal(10) ** 16:
            raise InvalidOperation
    except InvalidOperation:
        raise BadInput(problem=f"'{text}' is not a number.") from None
    if value < 0:
        raise BadInput(problem="It cannot be less than zero.")
    if value.as_tuple().exponent < -3:  # type: ignore[operator]
        raise BadInput(problem="At most three decimals fit.")
    if not one.decimals and value != value.to_integral_value():
        raise BadInput(problem=f"'{text}' is not a whole number.")
    least, most = getattr(one, "least", None), getattr(one, "most", None)
    if (least is not None and value < Decimal(str(least))) or (most is not None and value > Decimal(str(most))):
        between = (
            f"{least:g} to {most:g}"
            if least is not None and most is not None
            else (f"at least {least:g}" if least is not None else f"at most {most:g}")
        )
        raise BadInput(problem=f"{text} cannot be right, it lies within {between} {one.unit}".strip() + ".")
    return value


def _day(text: str, house: House) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    parts = text.replace(".", "/").replace("-", "/").split("/")
    try:
        numbers = [int(part) for part in parts if part]
        first, second = (numbers[0], numbers[1]) if house.month_first else (numbers[1], numbers[0])
        year = numbers[2] if len(numbers) > 2 else house.day.year
        return date(year + 2000 if year < 100 else year, first, second)
    except (ValueError, IndexError):
        raise BadInput(problem=f"'{text}' is not a day. Write it like 2026-05-31.") from None


def _plain(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _by_initials(one: User, wanted: str) -> bool:
    return _plain(initials_of(one)) == wanted


def _by_user_name(one: User, wanted: str) -> bool:
    return _plain(one.username) == wanted


def _by_name(one: User, wanted: str) -> bool:
    words = [_plain(word) for word in one.name.split()]
    return (
        _plain(one.name) == wanted
        or (len(wanted) > 2 and any(word == wanted for word in words))
        or (len(wanted) > 3 and any(word.startswith(wanted) for word in words))
    )


def words_of(one: FormField, value: Any) -> str:
    """An answer as a sentence of a note has it."""
    labels = {option.value: option.label for option in one.options}
    if isinstance(value, list):
        return ", ".join(str(labels.get(item, item)) for item in value)
    return str(labels.get(value) or (f"{value} {one.unit}".strip() if isinstance(value, Decimal) else value))


def joined_text(parts: Iterable[str]) -> str:
    """Several texts that land in one place, what stands there already not said again."""
    pieces = (piece.strip() for part in parts if part for piece in part.split("; "))
    return "; ".join(dict.fromkeys(piece for piece in pieces if piece))
