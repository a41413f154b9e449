"""The background worker: schedules, deliveries, backups, refreshes."""
