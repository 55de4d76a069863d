"""Shillings: a payment service you run on your own machine and break on purpose."""
