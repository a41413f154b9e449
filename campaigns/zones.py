"""What time it is where somebody lives, told from the state or province of their address."""

from __future__ import annotations

_EAST, _CENTRAL, _MOUNTAIN, _WEST = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
)  # fmt: skip
_AMERICA = {
    **dict.fromkeys("CT DE DC FL GA IN KY ME MD MA MI NH NJ NY NC OH PA RI SC VT VA WV".split(), _EAST),
    **dict.fromkeys("AL AR IL IA KS LA MN MS MO NE ND OK SD TN TX WI".split(), _CENTRAL),
    **dict.fromkeys("CO ID MT NM UT WY".split(), _MOUNTAIN),
    **dict.fromkeys("CA NV OR WA".split(), _WEST),
    "AZ": "America/Phoenix", "AK": "America/Anchorage", "HI": "Pacific/Honolulu", "PR": "America/Puerto_Rico",
    "ON": "America/Toronto", "QC": "America/Toronto", "MB": "America/Winnipeg", "SK": "America/Regina",
    "AB": "America/Edmonton", "BC": "America/Vancouver", "NB": "America/Moncton", "NS": "America/Halifax",
    "PE": "America/Halifax", "NL": "America/St_Johns", "YT": "America/Whitehorse",
}  # fmt: skip
_AUSTRALIA = {
    "NSW": "Australia/Sydney", "ACT": "Australia/Sydney", "VIC": "Australia/Melbourne", "QLD": "Australia/Brisbane",
    "SA": "Australia/Adelaide", "NT": "Australia/Darwin", "WA": "Australia/Perth", "TAS": "Australia/Hobart",
}  # fmt: skip
_BY_CONTINENT = {"America": _AMERICA, "Pacific": _AMERICA, "Australia": _AUSTRALIA}


def zone_of(region: str, clinics: str) -> str:
    """The zone of a region such as ``CA`` or ``NSW``, read as one of the clinic's own country; the clinic's zone where
    it says nothing. A state with two zones counts as where most of it lives."""
    known = _BY_CONTINENT.get(clinics.partition("/")[0], {})
    return known.get(region.strip().upper().rstrip("."), clinics)
