"""The cache of session profiles: one interface, in the process or in Redis. It never holds a balance."""
