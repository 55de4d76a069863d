"""The oracle: whether the client behaved. Pure: a log of requests and the state of the ledger in, findings out."""
