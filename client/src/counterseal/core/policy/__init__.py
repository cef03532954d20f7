"""The policy language: bundles of rules, and the judge that reads them.

``route``, ``facts`` and ``decision`` are plain values and import no engine, so workflows and
clients without the ``policy`` extra can carry decisions about.
"""
