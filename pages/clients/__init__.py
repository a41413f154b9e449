"""Clients and patients."""
