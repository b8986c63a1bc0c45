"""The vocabulary of a call: messages in, events out, a completion at the end.

Requests, messages and completions are frozen pydantic models, validated once. Events are slotted
dataclasses, because a stream makes thousands. Nothing here knows a provider or touches the network.
"""
