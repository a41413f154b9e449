"""The status page's own process: it probes the app from outside and tells people, above all while the app is dead.

Standard library only, and nothing of the rest of Ballast: this folder alone, copied to another machine, runs as
``python3 -m watcher --config FILE`` on bare Python 3.11.
"""
