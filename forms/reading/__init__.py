"""Reading scanned pages: pure picture work, without rows and without keys, that runs in a bounded child process."""
