"""Shillings: a payment service you run on your own machine and break on purpose."""

__version__ = "0.1.0"
