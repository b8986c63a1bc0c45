"""The version of the five packages: the one place it is written, read by the builds of all of them."""

__version__ = "0.1.0"
