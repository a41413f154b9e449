"""What the reading child tells of a page; apart from the reading, so that whoever asks loads no picture library."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mark:
    """One box: ``state`` empty, marked, unclear (between the two), dense (filled: canceled, or a heavy mark), stained,
    or unseen (not even its outline shows, as under glare); ``fill`` the share of ink; ``dx``, ``dy`` how far from its
    place it was found, in mm."""

    state: str
    fill: float
    dx: float
    dy: float


@dataclass
class PageReading:
    """What was seen on one page. ``trouble`` is a short name of what kept it from being read whole: blank, no_code,
    code_unreadable, codes_differ, refused, slip, not_placed, or why it could not be decoded."""

    index: int
    trouble: str = ""
    codes: list[str] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    how: str = ""
    error: float | None = None
    pixels: float = 0.0
    marks: list[Mark] = field(default_factory=list)
    upright: bytes = b""
    is_upright: bool = False
    """Whether ``upright`` is laid on the paper, so that zones can be cut out of it."""
    scale: float | None = None
    """How large the page was printed, 1 at actual size; none where the picture does not tell."""
    maybe_card: bool = False
    """Whether a row of figures in print may be a card number, so that a person has to look."""
    angle: float | None = None
    """How the page lies in the picture, in radians, where its markers tell."""
