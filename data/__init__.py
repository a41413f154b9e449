"""The system of record: engine, sessions, models, definitions, blobs and the analytics mart."""
