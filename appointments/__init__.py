"""Roster, patient flow, clinical stages, drug log."""
