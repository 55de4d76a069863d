"""The schema's history, run by `shillings migrate`."""
