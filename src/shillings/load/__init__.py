"""Load on a service, and an exact account of what it answered: for tests, benchmarks and whoever wants to know."""
