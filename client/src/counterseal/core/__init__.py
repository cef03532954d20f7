"""What both sides must compute alike: canonical bytes, digests, the wire contract, the judge.

Nothing in this package does I/O, reads a clock or draws a random number. The server imports it,
and so do clients and auditors, so that one reading of an action holds everywhere.
"""
