"""Starting and running: settings, processes, the supervisor, and the one place that wires the parts together."""
