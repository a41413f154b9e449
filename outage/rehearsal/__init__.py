"""Practising an outage: paper filled in by drawn pens, spoiled by the usual mishaps, handed over as one stack."""
