"""Is the money right? One auditor for tests, benchmarks and whoever runs the service; it uses none of its code."""
