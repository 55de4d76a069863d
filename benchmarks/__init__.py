"""Measures Shillings against what bounds it: an HTTP echo on the same server, and the bare database.

Everything that is compared is measured in turns, many times, in one run: whatever else the machine does meets all
sides alike.
"""
