"""The web layer: HTTP in and out. It knows no rules, no SQL and no cache; it speaks to the application layer."""
