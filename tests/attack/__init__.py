"""Hostile providers, stored states and terminals against the four plugins, measured: ``make attack``.

``hostility`` says what each hostile server sends, ``cases`` what must come of it. ``worker`` asks, from processes
of their own under a memory ceiling, and measures; ``report`` writes the table of ``docs/security.md``.
"""
