"""The matching engine: payments of ours against what processors settled, batches against deposits.

Pure: frames and rows in, matches and findings out. No database, no page. docs/reconciliation.md says how it decides.
"""
