"""The application layer: every rule about accounts, sessions, payments and history. It knows no HTTP."""
