"""The clinic that takes cards by a processor played on loopback, for attacks too."""

from tests.billing.processors.conftest import _fake, fake, stripe_till, till

__all__ = ["_fake", "fake", "stripe_till", "till"]
