"""HTTP for plugins: clients on a fast transport, one rule for URLs, responses, failures.

Works with ``httpx`` and its fork ``httpx2`` alike, importing neither until a session is opened. Using it is
a plugin's choice; nothing in the core requires HTTP.
"""
