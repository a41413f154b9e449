"""Who may do what, and who did: users, roles, permissions, sessions, the audit log, keys."""
