"""The rules of the ledger. Pure: values in, values out; no SQL, no socket, no clock, no chance."""
